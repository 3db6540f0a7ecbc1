#include "client/spec_differences.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/trial_groups.h"
#include "google/protobuf/util/message_differencer.h"

namespace tpsweep::client {
namespace {

using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

class Collector : public MessageDifferencer::Reporter {
 public:
  using Path = std::vector<MessageDifferencer::SpecificField>;

  void ReportAdded(const Message&, const Message&, const Path& path) override { Add(path); }
  void ReportDeleted(const Message&, const Message&, const Path& path) override { Add(path); }
  void ReportModified(const Message&, const Message&, const Path& path) override { Add(path); }

  const std::set<std::string>& paths() const { return paths_; }

 private:
  // As a sweep file has it, where a oneof is a field by its own name.
  void Add(const Path& path) {
    std::string text = "training";
    for (const MessageDifferencer::SpecificField& step : path) {
      if (step.field == nullptr) continue;
      const auto* oneof = step.field->real_containing_oneof();
      if (oneof != nullptr) absl::StrAppend(&text, ".", oneof->name());
      // Which member of a oneof is set is a difference of the oneof.
      if (oneof != nullptr && &step == &path.back()) break;
      absl::StrAppend(&text, ".", step.field->name());
      if (step.field->is_repeated() && step.index >= 0)
        absl::StrAppend(&text, "[", step.index, "]");
    }
    paths_.insert(text);
  }

  std::set<std::string> paths_;
};

bool IsAtOrBelow(absl::string_view path, absl::string_view top) {
  return path == top || absl::StartsWith(path, absl::StrCat(top, ".")) ||
         absl::StartsWith(path, absl::StrCat(top, "["));
}

}  // namespace

std::vector<std::string> SpecDifferences(absl::Span<const StudyResults> studies,
                                         absl::string_view by) {
  Collector collector;
  for (const StudyResults& study : studies) {
    MessageDifferencer differencer;
    differencer.ReportDifferencesTo(&collector);
    differencer.Compare(studies[0].study.spec().training(), study.study.spec().training());
  }
  std::vector<std::string> excluded = SearchedPaths(studies);
  excluded.emplace_back(by);
  std::vector<std::string> differences;
  for (const std::string& path : collector.paths()) {
    bool is_excluded = false;
    for (const std::string& top : excluded) {
      is_excluded = is_excluded || IsAtOrBelow(path, top) || IsAtOrBelow(top, path);
    }
    if (!is_excluded) differences.push_back(path);
  }
  return differences;
}

}  // namespace tpsweep::client
