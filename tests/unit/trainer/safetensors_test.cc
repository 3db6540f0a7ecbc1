#include "worker/trainer/data/safetensors.h"

#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::trainer {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// A file with `header` as it stands and `data_bytes` zero bytes of data.
std::string File(const std::string& header, size_t data_bytes = 0) {
  const uint64_t length = header.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  return bytes + header + std::string(data_bytes, '\0');
}

TEST(Safetensors, RoundTripKeepsEveryTypeShapeAndByte) {
  SafetensorsFile file;
  file.metadata = {{"format", "test"}, {"quoted", "a \"b\" \\ \n"}};
  file.tensors["matrix"] = {TensorType::kFloat32, {2, 3}, std::string(24, '\x01')};
  file.tensors["scalar"] = {TensorType::kFloat64, {}, std::string("\0\1\2\3\4\5\6\7", 8)};
  file.tensors["bytes"] = {TensorType::kUint8, {5}, "hello"};
  file.tensors["empty"] = {TensorType::kUint64, {0, 7}, ""};
  file.tensors["signed"] = {TensorType::kInt64, {1}, std::string(8, '\xff')};

  const std::string bytes = SerializeSafetensors(file);
  TP_ASSERT_OK_AND_ASSIGN(const SafetensorsFile back, ParseSafetensors(bytes, "file"));
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    const Tensor& other = back.tensors.at(name);
    EXPECT_EQ(other.type, tensor.type) << name;
    EXPECT_EQ(other.shape, tensor.shape) << name;
    EXPECT_EQ(other.data, tensor.data) << name;
  }
  EXPECT_EQ(back.tensors.at("matrix").num_elements(), 6);
  EXPECT_EQ(back.tensors.at("scalar").num_elements(), 1);
  EXPECT_EQ(back.tensors.at("empty").num_elements(), 0);
  EXPECT_EQ(SerializeSafetensors(back), bytes);
}

TEST(Safetensors, DataAreAlignedForReadersThatMapTheFile) {
  SafetensorsFile file;
  file.tensors["a"] = {TensorType::kUint8, {1}, "x"};
  file.tensors["b"] = {TensorType::kFloat64, {1}, std::string(8, '\x42')};
  const std::string bytes = SerializeSafetensors(file);
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  EXPECT_EQ(length % 8, 0u);
  EXPECT_EQ(bytes[8 + length], '\x42');  // the wide type comes first
}

struct BadFile {
  const char* what;
  std::string bytes;
  const char* message;
};

class BadSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, IsRefusedWithFileAndReason) {
  EXPECT_THAT(ParseSafetensors(GetParam().bytes, "case.safetensors"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("case.safetensors: "), HasSubstr(GetParam().message))));
}

std::string One(const std::string& fields) { return absl::StrCat("{\"t\":{", fields, "}}"); }

INSTANTIATE_TEST_SUITE_P(
    Table, BadSafetensors,
    testing::Values(
        BadFile{"empty", "", "0 bytes are too few"},
        BadFile{"cut_length", "\x01\x02", "2 bytes are too few"},
        BadFile{"huge_length", std::string(8, '\xff') + "{}", "at most 100000000"},
        BadFile{"long_length", std::string("\x09\0\0\0\0\0\0\0{}", 10), "only 2 follow"},
        BadFile{"no_header", File(""), "does not begin with '{'"},
        BadFile{"leading_space", File(" {}"), "does not begin with '{'"},
        BadFile{"not_json", File("{\"t\":}"), "not legal JSON"},
        BadFile{"cut_json", File("{\"t\":{"), "not legal JSON"},
        BadFile{"bad_utf8", File("{\"\xff\":{}}"), "not legal JSON"},
        BadFile{"two_objects", File("{}{}"), "not legal JSON"},
        BadFile{"deep", File("{\"t\":[[[[[[]]]]]]}"), "nested too deeply"},
        BadFile{"twice",
                File("{\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                     "\"t\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                     1),
                "the key 't' twice"},
        BadFile{"empty_key_twice", File("{\"\":{},\"\":{}}"), "the key '' twice"},
        BadFile{
            "dtype_twice",
            File(One("\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]"), 1),
            "the key 'dtype' twice"},
        BadFile{"not_object", File("{\"t\":3}"), "tensor 't': is not an object"},
        BadFile{"no_dtype", File(One("\"shape\":[],\"data_offsets\":[0,1]"), 1),
                "dtype is missing"},
        BadFile{"no_shape", File(One("\"dtype\":\"U8\",\"data_offsets\":[0,1]"), 1),
                "shape is missing"},
        BadFile{"no_offsets", File(One("\"dtype\":\"U8\",\"shape\":[]"), 1),
                "data_offsets is missing"},
        BadFile{"extra_key",
                File(One("\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1],\"x\":1"), 1),
                "keys other than"},
        BadFile{"unknown_dtype",
                File(One("\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[0,2]"), 2),
                "dtype \"BF16\" is not known; legal: F32, F64, U8, I64, U64"},
        BadFile{"dtype_number", File(One("\"dtype\":7,\"shape\":[],\"data_offsets\":[0,2]"), 2),
                "dtype 7 is not known"},
        BadFile{"shape_text",
                File(One("\"dtype\":\"U8\",\"shape\":\"1\",\"data_offsets\":[0,1]"), 1),
                "shape is not a list"},
        BadFile{"shape_negative",
                File(One("\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]"), 1),
                "not a whole number"},
        BadFile{"shape_fraction",
                File(One("\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]"), 1),
                "not a whole number"},
        BadFile{
            "shape_overflow",
            File(One("\"dtype\":\"F64\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]")),
            "shape is too large"},
        BadFile{
            "shape_huge",
            File(One("\"dtype\":\"U8\",\"shape\":[18446744073709551615],\"data_offsets\":[0,0]")),
            "shape is too large"},
        BadFile{"offsets_three",
                File(One("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]"), 1),
                "not two whole numbers"},
        BadFile{"offsets_back",
                File(One("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]"), 1),
                "data_offsets [1, 0) do not lie in the 1 bytes"},
        BadFile{"offsets_outside",
                File(One("\"dtype\":\"U8\",\"shape\":[9],\"data_offsets\":[0,9]"), 4),
                "data_offsets [0, 9) do not lie in the 4 bytes"},
        BadFile{"wrong_span",
                File(One("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"), 4),
                "span 4 bytes, but dtype and shape need 8"},
        BadFile{"overlap",
                File("{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                     "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
                     3),
                "tensor 'b': overlaps"},
        BadFile{"gap",
                File("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                     "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
                     3),
                "tensor 'b': leaves a gap at data offsets [1, 2)"},
        BadFile{"trailing", File(One("\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]"), 3),
                "2 bytes at the end belong to no tensor"},
        BadFile{"metadata_list", File("{\"__metadata__\":[]}"), "__metadata__ is not an object"},
        BadFile{"metadata_number", File("{\"__metadata__\":{\"a\":1}}"), "'a' is not a string"}),
    [](const auto& row) { return std::string(row.param.what); });

}  // namespace
}  // namespace tpsweep::trainer
