#include "server/store/commit_check.h"

#include "common/status_macros.h"
#include "server/store/store_rules.h"

namespace tpsweep::server {

absl::Status CommitCheck::Check(const WriteBatch& batch) {
  for (const std::string& name : batch.deleted_studies) {
    TP_ASSIGN_OR_RETURN(const StudyName study, ParseStudyName(name));
    deleted_.insert(study.study);
    added_.erase(study.study);
  }
  for (const v1::Study& record : batch.studies) {
    TP_ASSIGN_OR_RETURN(const StudyName name, ParseStudyName(record.name()));
    added_[name.study];
  }
  for (const v1::Trial& record : batch.trials) {
    TP_ASSIGN_OR_RETURN(const TrialName name, ParseTrialName(record.name()));
    TP_RETURN_IF_ERROR(Require(ParentOf(name)));
    added_[name.study].trials.insert({name.trial});
  }
  for (const v1::Run& record : batch.runs) {
    TP_ASSIGN_OR_RETURN(const RunName name, ParseRunName(record.name()));
    TP_RETURN_IF_ERROR(Require(ParentOf(name)));
    added_[name.study].runs.insert({name.trial, name.replicate});
  }
  for (const v1::Attempt& record : batch.attempts) {
    TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(record.name()));
    TP_RETURN_IF_ERROR(Require(ParentOf(name)));
    added_[name.study].attempts.insert({name.trial, name.replicate, name.attempt});
  }
  for (const v1::MeasurementRecord& record : batch.measurements) {
    TP_ASSIGN_OR_RETURN(const AttemptName name, ParseAttemptName(record.attempt()));
    TP_RETURN_IF_ERROR(CheckSequence(record));
    TP_RETURN_IF_ERROR(Require(name));
  }
  for (const Thinning& thinning : batch.thinnings) {
    TP_RETURN_IF_ERROR(ParseAttemptName(thinning.attempt).status());
  }
  for (const v1::Event& event : batch.events) {
    TP_RETURN_IF_ERROR(CheckRevision(event, last_revision_));
    last_revision_ = event.revision();
  }
  return absl::OkStatus();
}

template <class Name>
absl::Status CommitCheck::Require(const Name& name) const {
  const StudyName study{name.study};
  if (!Has(study)) return NoSuch(study);
  return Has(name) ? absl::OkStatus() : NoSuch(name);
}

bool CommitCheck::Has(const StudyName& name) const {
  return added_.contains(name.study) || (!deleted_.contains(name.study) && stored_.Has(name));
}

bool CommitCheck::Has(const TrialName& name) const {
  return Has(name, Key<1>{name.trial}, &Added::trials);
}

bool CommitCheck::Has(const RunName& name) const {
  return Has(name, Key<2>{name.trial, name.replicate}, &Added::runs);
}

bool CommitCheck::Has(const AttemptName& name) const {
  return Has(name, Key<3>{name.trial, name.replicate, name.attempt}, &Added::attempts);
}

template <class Name, class AddedKey>
bool CommitCheck::Has(const Name& name, const AddedKey& key,
                      std::set<AddedKey> Added::*added) const {
  const auto of_study = added_.find(name.study);
  if (of_study != added_.end() && (of_study->second.*added).contains(key)) return true;
  return !deleted_.contains(name.study) && stored_.Has(name);
}

}  // namespace tpsweep::server
