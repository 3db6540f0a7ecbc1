#include "worker/trainer/data/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {
namespace {

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr int kMaxHeaderDepth = 3;                 // file, tensor, shape
constexpr char kMetadata[] = "__metadata__";

struct TypeInfo {
  TensorType type;
  const char* name;
  uint64_t bytes;
};
constexpr TypeInfo kTypes[] = {
    {TensorType::kFloat32, "F32", 4}, {TensorType::kFloat64, "F64", 8},
    {TensorType::kUint8, "U8", 1},    {TensorType::kInt64, "I64", 8},
    {TensorType::kUint64, "U64", 8},
};

const TypeInfo& InfoOf(TensorType type) {
  return *std::find_if(std::begin(kTypes), std::end(kTypes),
                       [type](const TypeInfo& info) { return info.type == type; });
}

// Where a tensor's data lie in the data section.
struct Extent {
  uint64_t begin;
  uint64_t end;
  const std::string* tensor;
};

// Makes the errors of one file.
class Parser {
 public:
  Parser(absl::string_view bytes, absl::string_view name) : bytes_(bytes), name_(name) {}

  absl::StatusOr<SafetensorsFile> Parse() {
    TP_ASSIGN_OR_RETURN(const Json header, ParseHeader());
    SafetensorsFile file;
    std::vector<Extent> extents;
    for (const auto& [key, value] : header.items()) {
      if (key == kMetadata) {
        TP_RETURN_IF_ERROR(ParseMetadata(value, file));
      } else {
        const auto slot = file.tensors.emplace(key, Tensor{}).first;
        TP_ASSIGN_OR_RETURN(Extent extent, ParseTensor(key, value, slot->second));
        extent.tensor = &slot->first;
        extents.push_back(extent);
      }
    }
    TP_RETURN_IF_ERROR(CheckLayout(extents));
    // Only now, when the extents are known to share no byte, is memory spent.
    for (const Extent& extent : extents) {
      file.tensors[*extent.tensor].data =
          std::string(data_.substr(extent.begin, extent.end - extent.begin));
    }
    return file;
  }

 private:
  template <class... Part>
  absl::Status Error(const Part&... parts) const {
    return absl::InvalidArgumentError(absl::StrCat(name_, ": ", parts...));
  }
  template <class... Part>
  absl::Status TensorError(const std::string& tensor, const Part&... parts) const {
    return Error("tensor '", tensor, "': ", parts...);
  }

  absl::StatusOr<Json> ParseHeader() {
    if (bytes_.size() < kLengthBytes) {
      return Error(bytes_.size(), " bytes are too few for a safetensors file");
    }
    uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), kLengthBytes);
    if (length > kMaxHeaderBytes) {
      return Error("the header would have ", length, " bytes; at most ", kMaxHeaderBytes,
                   " are legal");
    }
    if (length > bytes_.size() - kLengthBytes) {
      return Error("the header would have ", length, " bytes, but only ",
                   bytes_.size() - kLengthBytes, " follow its length");
    }
    const absl::string_view text = bytes_.substr(kLengthBytes, length);
    data_ = bytes_.substr(kLengthBytes + length);
    if (text.empty() || text[0] != '{') return Error("the header does not begin with '{'");

    // nlohmann::json keeps the last of two equal keys and says nothing.
    std::vector<std::set<std::string>> keys;
    std::optional<std::string> duplicate;
    bool too_deep = false;
    const auto watch = [&](int depth, Json::parse_event_t event, Json& parsed) {
      if (depth > kMaxHeaderDepth) too_deep = true;
      if (event == Json::parse_event_t::object_start) keys.emplace_back();
      if (event == Json::parse_event_t::object_end) keys.pop_back();
      if (event == Json::parse_event_t::key &&
          !keys.back().insert(parsed.get<std::string>()).second) {
        duplicate = parsed.get<std::string>();
      }
      return !too_deep;
    };
    Json header = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
    if (too_deep) return Error("the header is nested too deeply");
    if (header.is_discarded() || !header.is_object()) return Error("the header is not legal JSON");
    if (duplicate) return Error("the header has the key '", *duplicate, "' twice");
    return header;
  }

  absl::Status ParseMetadata(const Json& value, SafetensorsFile& file) const {
    if (!value.is_object()) return Error(kMetadata, " is not an object");
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) return Error(kMetadata, ": '", key, "' is not a string");
      file.metadata[key] = text.get<std::string>();
    }
    return absl::OkStatus();
  }

  // Type and shape go into `tensor`.
  absl::StatusOr<Extent> ParseTensor(const std::string& name, const Json& value,
                                     Tensor& tensor) const {
    if (!value.is_object()) return TensorError(name, "is not an object");
    for (const char* key : {"dtype", "shape", "data_offsets"}) {
      if (!value.contains(key)) return TensorError(name, key, " is missing");
    }
    if (value.size() != 3) {
      return TensorError(name, "has keys other than dtype, shape and data_offsets");
    }
    const Json& dtype = value["dtype"];
    const auto info = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeInfo& row) {
      return dtype.is_string() && dtype.get_ref<const std::string&>() == row.name;
    });
    if (info == std::end(kTypes)) {
      return TensorError(name, "dtype ", dtype.dump(-1, ' ', true, Json::error_handler_t::replace),
                         " is not known; legal: ",
                         absl::StrJoin(kTypes, ", ", [](std::string* out, const TypeInfo& row) {
                           out->append(row.name);
                         }));
    }
    tensor.type = info->type;
    TP_ASSIGN_OR_RETURN(const uint64_t bytes,
                        ParseShape(name, value["shape"], info->bytes, tensor.shape));

    const Json& offsets = value["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2 || !offsets[0].is_number_unsigned() ||
        !offsets[1].is_number_unsigned()) {
      return TensorError(name, "data_offsets are not two whole numbers");
    }
    Extent extent{offsets[0].get<uint64_t>(), offsets[1].get<uint64_t>(), nullptr};
    if (extent.begin > extent.end || extent.end > data_.size()) {
      return TensorError(name, "data_offsets [", extent.begin, ", ", extent.end,
                         ") do not lie in the ", data_.size(), " bytes of data");
    }
    if (extent.end - extent.begin != bytes) {
      return TensorError(name, "data_offsets span ", extent.end - extent.begin,
                         " bytes, but dtype and shape need ", bytes);
    }
    return extent;
  }

  // Returns the bytes that the data must have.
  absl::StatusOr<uint64_t> ParseShape(const std::string& name, const Json& value,
                                      uint64_t element_bytes, std::vector<int64_t>& shape) const {
    if (!value.is_array()) return TensorError(name, "shape is not a list");
    uint64_t bytes = element_bytes;
    for (const Json& entry : value) {
      if (!entry.is_number_unsigned()) {
        return TensorError(name, "shape has an entry that is not a whole number");
      }
      const auto size = entry.get<uint64_t>();
      uint64_t product = 0;
      if (size > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ||
          __builtin_mul_overflow(bytes, size, &product) ||
          product > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return TensorError(name, "shape is too large");
      }
      bytes = product;
      shape.push_back(static_cast<int64_t>(size));
    }
    return bytes;
  }

  // The tensors must cover the data section, each byte once.
  absl::Status CheckLayout(std::vector<Extent>& extents) const {
    std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t at = 0;
    for (const Extent& extent : extents) {
      if (extent.begin < at) {
        return TensorError(*extent.tensor, "overlaps the tensor before it at data offset ",
                           extent.begin);
      }
      if (extent.begin > at) {
        return TensorError(*extent.tensor, "leaves a gap at data offsets [", at, ", ", extent.begin,
                           ")");
      }
      at = extent.end;
    }
    if (at != data_.size()) {
      return Error(data_.size() - at, " bytes at the end belong to no tensor");
    }
    return absl::OkStatus();
  }

  absl::string_view bytes_;
  absl::string_view name_;
  absl::string_view data_;
};

}  // namespace

int64_t Tensor::num_elements() const {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

absl::StatusOr<SafetensorsFile> ParseSafetensors(absl::string_view bytes, absl::string_view name) {
  return Parser(bytes, name).Parse();
}

std::string SerializeSafetensors(const SafetensorsFile& file) {
  // Wide types first, so that readers which map the file find them aligned.
  std::vector<std::map<std::string, Tensor>::const_iterator> order;
  for (auto it = file.tensors.begin(); it != file.tensors.end(); ++it) order.push_back(it);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return InfoOf(a->second.type).bytes > InfoOf(b->second.type).bytes;
  });

  Json header = Json::object();
  if (!file.metadata.empty()) header[kMetadata] = file.metadata;
  uint64_t at = 0;
  for (const auto& it : order) {
    const uint64_t end = at + it->second.data.size();
    header[it->first] = {{"dtype", InfoOf(it->second.type).name},
                         {"shape", it->second.shape},
                         {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');

  const uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), kLengthBytes);
  bytes.reserve(kLengthBytes + text.size() + at);
  bytes += text;
  for (const auto& it : order) bytes += it->second.data;
  return bytes;
}

}  // namespace tpsweep::trainer
