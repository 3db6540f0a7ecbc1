#include "server/store/postgres_query.h"

#include <libpq-fe.h>

#include <bit>
#include <type_traits>

namespace tpsweep::server {
namespace {

// In the order of the network.
template <class Integer>
void Append(std::string& bytes, Integer value) {
  const auto bits = static_cast<std::make_unsigned_t<Integer>>(value);
  for (size_t shift = 8 * sizeof(Integer); shift > 0; shift -= 8) {
    bytes.push_back(static_cast<char>(bits >> (shift - 8) & 0xff));
  }
}

template <class Integer>
std::string Encoded(Integer value) {
  std::string bytes;
  Append(bytes, value);
  return bytes;
}

}  // namespace

void PostgresArray::Add(int64_t value) { Add(Encoded(value)); }

void PostgresArray::Add(double value) { Add(std::bit_cast<int64_t>(value)); }

void PostgresArray::Add(absl::string_view bytes) {
  ++size_;
  Append(elements_, static_cast<uint32_t>(bytes.size()));
  elements_.append(bytes.data(), bytes.size());
}

void PostgresArray::Add(const google::protobuf::MessageLite& record) {
  Add(record.SerializeAsString());
}

void PostgresArray::AddNull() {
  ++size_;
  has_null_ = true;
  Append(elements_, int32_t{-1});
}

std::string PostgresArray::Encode() const {
  std::string bytes;
  Append(bytes, uint32_t{empty() ? 0u : 1u});  // dimensions
  Append(bytes, uint32_t{has_null_ ? 1u : 0u});
  Append(bytes, static_cast<uint32_t>(type_));
  if (empty()) return bytes;
  Append(bytes, size_);
  Append(bytes, uint32_t{1});  // number of the first element
  return bytes + elements_;
}

PostgresQuery& PostgresQuery::Bind(int64_t value) {
  parameters_.push_back(Encoded(value));
  return *this;
}

PostgresQuery& PostgresQuery::Bind(double value) { return Bind(std::bit_cast<int64_t>(value)); }

PostgresQuery& PostgresQuery::Bind(absl::string_view bytes) {
  parameters_.emplace_back(bytes);
  return *this;
}

PostgresQuery& PostgresQuery::Bind(const PostgresArray& array) {
  parameters_.push_back(array.Encode());
  return *this;
}

PostgresResult::PostgresResult(pg_result* result) : result_(result, &PQclear) {}

int PostgresResult::rows() const { return PQntuples(result_.get()); }

int64_t PostgresResult::Integer(int row, int column) const {
  const absl::string_view bytes = Bytes(row, column);
  uint64_t bits = 0;
  for (const char byte : bytes) bits = bits << 8 | static_cast<unsigned char>(byte);
  return bytes.size() == sizeof(int32_t) ? static_cast<int32_t>(bits) : static_cast<int64_t>(bits);
}

absl::string_view PostgresResult::Bytes(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}

bool PostgresResult::IsNull(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}

}  // namespace tpsweep::server
