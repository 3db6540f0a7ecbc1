// Goes through the batches of a commit before anything is changed, so that applying
// them cannot fail half-way: every parent is there, or comes earlier in the batches.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/names.h"
#include "server/store/paging.h"
#include "server/store/store.h"

namespace tpsweep::server {

// What the store has before the commit.
class StoredNames {
 public:
  virtual ~StoredNames() = default;
  virtual bool Has(const StudyName& name) const = 0;
  virtual bool Has(const TrialName& name) const = 0;
  virtual bool Has(const RunName& name) const = 0;
  virtual bool Has(const AttemptName& name) const = 0;
};

class CommitCheck {
 public:
  // `stored` must outlive this object.
  CommitCheck(const StoredNames& stored, int64_t last_revision)
      : stored_(stored), last_revision_(last_revision) {}

  // The next batch; errors of Store::Commit.
  absl::Status Check(const WriteBatch& batch);

 private:
  struct Added {
    std::set<Key<1>> trials;
    std::set<Key<2>> runs;
    std::set<Key<3>> attempts;
  };

  template <class Name>
  absl::Status Require(const Name& name) const;
  bool Has(const StudyName& name) const;
  bool Has(const TrialName& name) const;
  bool Has(const RunName& name) const;
  bool Has(const AttemptName& name) const;
  template <class Name, class AddedKey>
  bool Has(const Name& name, const AddedKey& key, std::set<AddedKey> Added::*added) const;

  const StoredNames& stored_;
  int64_t last_revision_;
  std::set<std::string> deleted_;
  std::map<std::string, Added> added_;
};

}  // namespace tpsweep::server
