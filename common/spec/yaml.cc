#include "common/spec/yaml.h"

#include "common/spec/complete.h"
#include "common/spec/yaml_reader.h"
#include "common/spec/yaml_tree.h"
#include "common/status_macros.h"

namespace tpsweep::spec {
namespace {

// Whether the file has the training spec under a key, as a sweep file has.
bool HasKey(const YamlNode& node, absl::string_view key) {
  for (const auto& [name, value] : node.entries) {
    if (name->text == key) return true;
  }
  return false;
}

absl::StatusOr<v1::StudySpec> ReadStudy(absl::string_view text, absl::string_view file,
                                        const SpecEdit& edit, bool complete) {
  TP_ASSIGN_OR_RETURN(const YamlNodePtr root, ParseYamlTree(text, file));
  YamlReader reader(file);
  v1::StudySpec spec;
  reader.Read(*root, spec, "");
  if (edit && reader.ok()) TP_RETURN_IF_ERROR(edit(spec));
  if (complete && reader.ok()) {
    Problems problems;
    Complete(spec, problems);
    for (const Problem& problem : problems.list()) reader.Add(problem);
  }
  TP_RETURN_IF_ERROR(reader.ToStatus());
  return spec;
}

absl::StatusOr<v1::TrainingSpec> ReadTraining(absl::string_view text, absl::string_view file,
                                              bool complete) {
  TP_ASSIGN_OR_RETURN(const YamlNodePtr root, ParseYamlTree(text, file));
  YamlReader reader(file);
  v1::TrainingSpec spec;
  const std::string path = HasKey(*root, "training") ? "training" : "";
  if (path.empty()) {
    reader.Read(*root, spec, path);
  } else {
    reader.ReadUnder(path, *root, spec);
  }
  if (complete && reader.ok()) {
    Problems problems;
    Complete(spec, path, problems);
    for (const Problem& problem : problems.list()) reader.Add(problem);
  }
  TP_RETURN_IF_ERROR(reader.ToStatus());
  return spec;
}

}  // namespace

absl::StatusOr<v1::StudySpec> ParseStudySpec(absl::string_view text, absl::string_view file) {
  return ReadStudy(text, file, nullptr, /*complete=*/false);
}

absl::StatusOr<v1::TrainingSpec> ParseTrainingSpec(absl::string_view text, absl::string_view file) {
  return ReadTraining(text, file, /*complete=*/false);
}

absl::StatusOr<v1::StudySpec> ParseAndCompleteStudy(absl::string_view text,
                                                    absl::string_view file) {
  return ReadStudy(text, file, nullptr, /*complete=*/true);
}

absl::StatusOr<v1::StudySpec> ParseAndCompleteStudy(absl::string_view text, absl::string_view file,
                                                    const SpecEdit& edit) {
  return ReadStudy(text, file, edit, /*complete=*/true);
}

absl::StatusOr<v1::TrainingSpec> ParseAndCompleteTraining(absl::string_view text,
                                                          absl::string_view file) {
  return ReadTraining(text, file, /*complete=*/true);
}

absl::StatusOr<google::protobuf::Value> ParseValue(absl::string_view text, absl::string_view file) {
  TP_ASSIGN_OR_RETURN(const YamlNodePtr root, ParseYamlTree(text, file));
  YamlReader reader(file);
  google::protobuf::Value value;
  reader.ToValue(*root, "", value);
  TP_RETURN_IF_ERROR(reader.ToStatus());
  return value;
}

}  // namespace tpsweep::spec
