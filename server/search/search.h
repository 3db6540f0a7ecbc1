// What trial of a study comes next: the configurations that the user gave, then
// those of the sampler, none twice, until there are no more.
//
// What it says depends on the spec, on what was imported and on the trials so far
// with their results; not on when or in which order it was told.
//
// Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "server/search/grid.h"
#include "server/search/history.h"
#include "server/search/sampler.h"
#include "server/search/search_space.h"
#include "tpsweep/v1/study.pb.h"

namespace tpsweep::server {

class Search {
 public:
  // `spec` is complete; `imported`: ended trials of other studies, as Study.imported
  // has them.
  explicit Search(const v1::StudySpec& spec,
                  const google::protobuf::RepeatedPtrField<v1::Trial>& imported = {});
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  // The next trial, which has been created, and what is known of trial `number` now that
  // it has ended or waits at a rung.
  void Add(const v1::Trial& trial);
  void Tell(int64_t number, const v1::Trial& trial);

  struct Next {
    Configuration configuration;
    std::string source;
  };
  // Nothing if no further trial will come.
  std::optional<Next> Propose() const;

  // The next trial, if it goes on from `parent`.
  Next GoOnFrom(const v1::Trial& parent) const;

  // How many trials there will be, without those that go on from others.
  int64_t TrialCount() const { return trials_; }

 private:
  bool IsTried(const Configuration& configuration) const;
  // The given configuration `number`, completed.
  std::optional<Configuration> First(int64_t number) const;
  // One of those that have not been tried, if that can be found; the sampler could not.
  std::optional<Configuration> Untried(int64_t number) const;

  const SearchSpace space_;
  const v1::Search search_;
  const uint64_t key_;
  History history_;
  const std::unique_ptr<Sampler> sampler_;
  std::unique_ptr<const Grid> all_;  // of spaces small enough to count
  int64_t trials_ = 0;
  absl::flat_hash_set<uint64_t> tried_;  // fingerprints
};

}  // namespace tpsweep::server
