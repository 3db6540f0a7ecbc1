// What commands print on standard output: a list, in the format the user asked for.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/table.h"
#include "nlohmann/json.hpp"

namespace tpsweep::client {

using Json = nlohmann::ordered_json;

// Of every JSON document we print. Grows when a member changes its meaning or
// goes away; new members may come without it.
inline constexpr int kJsonVersion = 1;

enum class Format { kTable, kJson, kCsv };

struct Column {
  std::string key;    // member of a JSON object, head of a CSV column
  std::string title;  // head of a table column; empty: not in tables
  Align align = Align::kLeft;
};

struct Cell {
  std::string text;  // in a table
  Json value;        // in JSON and CSV
};

// A cell that reads the same in every format.
Cell TextCell(absl::string_view text);
Cell CountCell(int64_t count);

struct Listing {
  std::string name;  // of the list in the JSON document: "studies"
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // as many cells as columns
  std::string if_empty;                 // a table without rows says this instead
};

// Tables leave out columns in which nothing is written.
void Write(const Listing& listing, Format format, std::ostream& out);

// [{key: value}], one object a row.
Json RowsJson(const Listing& listing);

// With a new line at the end; text that is not UTF-8 is mended.
void WriteJson(const Json& document, std::ostream& out);

// One record as RFC 4180 has it (CRLF included). Numbers in full precision;
// null is empty; lists and objects are JSON.
std::string CsvRecord(absl::Span<const Json> fields);

}  // namespace tpsweep::client
