// A statement with its parameters, and what it gave, in PostgreSQL's binary format.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"

struct pg_result;

namespace tpsweep::server {

// A column of values, for statements that put many rows at once: unnest($1, $2, ...).
class PostgresArray {
 public:
  // PostgreSQL's numbers of the types of the elements.
  enum class Of : uint32_t { kBytes = 17, kInteger = 20, kText = 25, kReal = 701 };

  explicit PostgresArray(Of type) : type_(type) {}

  void Add(int64_t value);
  void Add(double value);
  void Add(absl::string_view bytes);
  void Add(const google::protobuf::MessageLite& record);
  void AddNull();

  bool empty() const { return size_ == 0; }
  // As a parameter.
  std::string Encode() const;

 private:
  Of type_;
  uint32_t size_ = 0;
  bool has_null_ = false;
  std::string elements_;
};

class PostgresQuery {
 public:
  // `text` must outlive every connection, which remembers that it is prepared.
  explicit PostgresQuery(const char* text) : text_(text) {}

  // Each binds the next parameter: a bigint, a text or bytea, an array.
  PostgresQuery& Bind(int64_t value);
  PostgresQuery& Bind(double value);
  PostgresQuery& Bind(absl::string_view bytes);
  PostgresQuery& Bind(const PostgresArray& array);

  const char* text() const { return text_; }
  const std::vector<std::string>& parameters() const { return parameters_; }

 private:
  const char* text_;
  std::vector<std::string> parameters_;
};

// Rows. Columns are bigint, integer or boolean (Integer), or text and bytea (Bytes).
class PostgresResult {
 public:
  explicit PostgresResult(pg_result* result);

  int rows() const;
  int64_t Integer(int row, int column) const;
  absl::string_view Bytes(int row, int column) const;  // lives as long as the result
  bool IsNull(int row, int column) const;

 private:
  std::unique_ptr<pg_result, void (*)(pg_result*)> result_;
};

}  // namespace tpsweep::server
