// Tables of numbers as comma-separated text: a line of column names, then one line
// for each sample. The column `label` is the class, a whole number; columns whose
// names begin with `target` are real-valued targets; all others are inputs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/trainer/data/array.h"

namespace tpsweep::trainer {

struct CsvTable {
  std::vector<std::string> columns;  // as in the file
  Array inputs;                      // (N, inputs), float64
  Array targets;                     // (N), int64, of a label; or (N, targets), float64
};

// `bytes` is the content of the file `name`. Lines end in \n or \r\n, the last one
// perhaps in nothing; numbers may have spaces around them, or quotes. Trusts nothing,
// and takes at most 4 GiB. kInvalidArgument has file:line, the column and what is
// legal: a line with too few or too many cells, a cell that is empty, no number or
// not finite, columns that make no data set.
absl::StatusOr<CsvTable> ParseCsv(absl::string_view bytes, absl::string_view name);

}  // namespace tpsweep::trainer
