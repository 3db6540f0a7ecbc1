#include "worker/trainer/data/load_files.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "worker/trainer/data/assemble.h"
#include "worker/trainer/data/cifar10.h"
#include "worker/trainer/data/csv.h"
#include "worker/trainer/data/idx.h"
#include "worker/trainer/data/npy.h"
#include "worker/trainer/data/npz.h"
#include "worker/trainer/data/published.h"

namespace tpsweep::trainer {
namespace {

// What files hold, before it is checked that it belongs together.
struct Content {
  Half train, test;
  std::vector<std::string> sha256;  // of the files, unpacked
};

using Paths = std::vector<std::string>;

// Inputs and targets, of the training and of the test samples, in a file each.
absl::StatusOr<Content> ReadFour(const Paths& paths,
                                 absl::StatusOr<Array> (*parse)(absl::string_view bytes,
                                                                absl::string_view name)) {
  Content content;
  Half& train = content.train;
  Half& test = content.test;
  train.inputs_file = paths[0];
  train.targets_file = paths[1];
  test.inputs_file = paths[2];
  test.targets_file = paths[3];
  Array* const arrays[] = {&train.inputs, &train.targets, &test.inputs, &test.targets};
  for (size_t i = 0; i < std::size(arrays); ++i) {
    TP_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(paths[i]));
    TP_ASSIGN_OR_RETURN(*arrays[i], parse(bytes, paths[i]));
    content.sha256.push_back(arrays[i]->sha256);
  }
  return content;
}

absl::StatusOr<Content> ReadIdx(const Paths& paths) { return ReadFour(paths, &ParseIdx); }

absl::StatusOr<Content> ReadNpyFiles(const Paths& paths) { return ReadFour(paths, &ParseNpy); }

absl::StatusOr<Content> ReadNpz(const Paths& paths) {
  TP_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(paths[0]));
  TP_ASSIGN_OR_RETURN(auto arrays,
                      ParseNpz(bytes, paths[0], {"train_x", "train_y", "test_x", "test_y"}));
  Content content;
  for (const auto& [half, part] :
       {std::pair(&content.train, "train"), std::pair(&content.test, "test")}) {
    const std::string x = absl::StrCat(part, "_x");
    const std::string y = absl::StrCat(part, "_y");
    half->inputs = std::move(arrays[x]);
    half->targets = std::move(arrays[y]);
    half->inputs_file = absl::StrCat(paths[0], ": ", x, ".npy");
    half->targets_file = absl::StrCat(paths[0], ": ", y, ".npy");
    content.sha256.push_back(half->inputs.sha256);
    content.sha256.push_back(half->targets.sha256);
  }
  return content;
}

absl::StatusOr<Content> ReadCifar(const Paths& paths) {
  Content content;
  CifarRecords records;
  const auto finish = [&](Half& half, const std::string& file) {
    const auto count = static_cast<int64_t>(records.labels.size());
    half.inputs.shape = {count, kCifarShape.channels, kCifarShape.height, kCifarShape.width};
    half.inputs.values = std::move(records.pixels);
    half.targets.shape = {count};
    half.targets.values = std::move(records.labels);
    half.inputs_file = half.targets_file = file;
    records = {};
  };
  for (const std::string& path : paths) {
    const bool is_test = path == paths.back();
    if (is_test) finish(content.train, paths[0]);
    TP_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
    TP_ASSIGN_OR_RETURN(std::string sha256, AppendCifar(bytes, path, records));
    content.sha256.push_back(std::move(sha256));
    if (is_test) finish(content.test, path);
  }
  return content;
}

// How the columns of a test file differ from those of the training file; empty: not.
std::string DifferenceOf(const Paths& train, const Paths& test) {
  if (train.size() != test.size()) {
    return absl::StrCat(test.size(), " columns, not ", train.size());
  }
  const auto [of_train, of_test] = std::mismatch(train.begin(), train.end(), test.begin());
  if (of_train == train.end()) return "";
  return absl::StrCat("column ", of_train - train.begin() + 1, " is '", *of_test, "', not '",
                      *of_train, "'");
}

absl::StatusOr<Content> ReadCsv(const Paths& paths) {
  Content content;
  Half* const halves[] = {&content.train, &content.test};
  std::vector<std::string> columns;
  for (size_t i = 0; i < std::size(halves); ++i) {
    TP_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(paths[i]));
    TP_ASSIGN_OR_RETURN(CsvTable table, ParseCsv(bytes, paths[i]));
    if (i == 0) columns = table.columns;
    if (const std::string difference = DifferenceOf(columns, table.columns); !difference.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(paths[i], ":1: the columns must be those of ",
                                                     paths[0], ", but it has ", difference));
    }
    content.sha256.push_back(table.inputs.sha256);
    halves[i]->inputs = std::move(table.inputs);
    halves[i]->targets = std::move(table.targets);
    halves[i]->inputs_file = halves[i]->targets_file = paths[i];
    halves[i]->is_csv = true;
  }
  return content;
}

struct Reader {
  DataFormat format;
  absl::StatusOr<Content> (*read)(const Paths& paths);
};
constexpr Reader kReaders[] = {{DataFormat::kIdx, &ReadIdx},
                               {DataFormat::kCifar10, &ReadCifar},
                               {DataFormat::kNpy, &ReadNpyFiles},
                               {DataFormat::kNpz, &ReadNpz},
                               {DataFormat::kCsv, &ReadCsv}};

}  // namespace

absl::StatusOr<std::shared_ptr<const DataSet>> LoadFiles(absl::string_view name,
                                                         const DataFiles& files) {
  const auto reader = std::find_if(std::begin(kReaders), std::end(kReaders),
                                   [&](const Reader& row) { return row.format == files.format; });
  TP_ASSIGN_OR_RETURN(Content content, reader->read(files.paths));
  TP_ASSIGN_OR_RETURN(const std::shared_ptr<DataSet> set,
                      Assemble(name, std::move(content.train), std::move(content.test)));
  set->provenance = Provenance(name, content.sha256);
  set->sha256 = Sha256Hex(absl::StrJoin(content.sha256, "\n"));
  return std::shared_ptr<const DataSet>(set);
}

}  // namespace tpsweep::trainer
