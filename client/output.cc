#include "client/output.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace tpsweep::client {
namespace {

std::string Dump(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string CsvField(const Json& value) {
  if (value.is_null()) return "";
  const std::string text = value.is_string() ? value.get<std::string>() : Dump(value);
  // JSON has no infinities; a spreadsheet has an empty field.
  if (text == "null") return "";
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

void WriteTable(const Listing& listing, std::ostream& out) {
  if (listing.rows.empty()) {
    out << listing.if_empty << "\n";
    return;
  }
  std::vector<Align> align;
  std::vector<std::vector<std::string>> rows(listing.rows.size() + 1);
  for (size_t i = 0; i < listing.columns.size(); ++i) {
    const Column& column = listing.columns[i];
    const auto has_text = [i](const std::vector<Cell>& cells) { return !cells[i].text.empty(); };
    if (column.title.empty() || std::none_of(listing.rows.begin(), listing.rows.end(), has_text)) {
      continue;
    }
    align.push_back(column.align);
    rows[0].push_back(column.title);
    for (size_t row = 0; row < listing.rows.size(); ++row) {
      rows[row + 1].push_back(Printable(listing.rows[row][i].text));
    }
  }
  out << LayOut(align, rows);
}

void WriteCsv(const Listing& listing, std::ostream& out) {
  std::vector<Json> record;
  for (const Column& column : listing.columns) record.emplace_back(column.key);
  out << CsvRecord(record);
  for (const auto& cells : listing.rows) {
    record.clear();
    for (const Cell& cell : cells) record.push_back(cell.value);
    out << CsvRecord(record);
  }
}

}  // namespace

Cell TextCell(absl::string_view text) { return {std::string(text), std::string(text)}; }

Cell CountCell(int64_t count) { return {absl::StrCat(count), count}; }

void Write(const Listing& listing, Format format, std::ostream& out) {
  switch (format) {
    case Format::kTable:
      return WriteTable(listing, out);
    case Format::kJson:
      return WriteJson({{"version", kJsonVersion}, {listing.name, RowsJson(listing)}}, out);
    case Format::kCsv:
      return WriteCsv(listing, out);
  }
}

Json RowsJson(const Listing& listing) {
  Json list = Json::array();
  for (const auto& cells : listing.rows) {
    Json object = Json::object();
    for (size_t i = 0; i < cells.size(); ++i) object[listing.columns[i].key] = cells[i].value;
    list.push_back(std::move(object));
  }
  return list;
}

void WriteJson(const Json& document, std::ostream& out) { out << Dump(document, 2) << "\n"; }

std::string CsvRecord(absl::Span<const Json> fields) {
  std::string record;
  for (size_t i = 0; i < fields.size(); ++i) {
    absl::StrAppend(&record, i > 0 ? "," : "", CsvField(fields[i]));
  }
  return absl::StrCat(record, "\r\n");
}

}  // namespace tpsweep::client
