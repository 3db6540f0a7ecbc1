// A CSV file of any bytes is refused with its line, or becomes a table of finite
// numbers that says the same when it is written again.
#include <cmath>
#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/fuzz/property.h"
#include "worker/trainer/data/csv.h"

namespace tpsweep::trainer {
namespace {

std::string Written(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

void Check(absl::string_view bytes) {
  const auto table = ParseCsv(bytes, "file");
  if (!table.ok()) {
    TP_PROPERTY(table.status().code() == absl::StatusCode::kInvalidArgument);
    TP_PROPERTY(absl::StartsWith(table.status().message(), "file:"));
    return;
  }
  const auto& inputs = std::get<std::vector<double>>(table->inputs.values);
  const auto* labels = std::get_if<std::vector<int64_t>>(&table->targets.values);
  const auto* targets = std::get_if<std::vector<double>>(&table->targets.values);
  const auto count = static_cast<size_t>(table->inputs.shape[0]);
  const auto width = static_cast<size_t>(table->inputs.shape[1]);
  const size_t num_targets = table->columns.size() - width;
  TP_PROPERTY(count > 0 && width > 0 && num_targets > 0);
  TP_PROPERTY(inputs.size() == count * width);
  TP_PROPERTY((labels ? labels->size() : targets->size()) == count * num_targets);
  for (const double value : inputs) TP_PROPERTY(std::isfinite(value));

  // The inputs first.
  std::string text;
  for (size_t i = 0; i < width; ++i) absl::StrAppend(&text, "x", i, ",");
  for (size_t i = 0; i < num_targets; ++i) {
    absl::StrAppend(&text, i > 0 ? "," : "", labels ? "label" : absl::StrCat("target", i));
  }
  for (size_t sample = 0; sample < count; ++sample) {
    absl::StrAppend(&text, "\n");
    for (size_t i = 0; i < width; ++i) {
      absl::StrAppend(&text, Written(inputs[sample * width + i]), ",");
    }
    for (size_t i = 0; i < num_targets; ++i) {
      absl::StrAppend(
          &text, i > 0 ? "," : "",
          labels ? absl::StrCat((*labels)[sample]) : Written((*targets)[sample * num_targets + i]));
    }
  }
  const auto again = ParseCsv(text, "again");
  TP_PROPERTY(again.ok());
  TP_PROPERTY(again->inputs.values == table->inputs.values);
  TP_PROPERTY(again->targets.values == table->targets.values);
  TP_PROPERTY(again->targets.shape == table->targets.shape);
}

}  // namespace
}  // namespace tpsweep::trainer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tpsweep::trainer::Check(tpsweep::FuzzBytes(data, size));
  return 0;
}
