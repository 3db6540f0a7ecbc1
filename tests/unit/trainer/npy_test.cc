#include "worker/trainer/data/npy.h"

#include "absl/strings/str_cat.h"
#include "tests/fakes/data_files.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::trainer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

template <class T>
std::vector<T> As(const Array& array) {
  const auto* values = std::get_if<std::vector<T>>(&array.values);
  return values == nullptr ? std::vector<T>() : *values;
}

TEST(Npy, ReadsBytesAndReals) {
  TP_ASSERT_OK_AND_ASSIGN(const Array bytes, ParseNpy(NpyBytes("|u1", "(2, 3)", "abcdef"), "f"));
  EXPECT_THAT(bytes.shape, ElementsAre(2, 3));
  EXPECT_THAT(As<uint8_t>(bytes), ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  EXPECT_EQ(bytes.sha256.size(), 64u);

  const std::vector<double> reals = {0.1, -1e300};
  TP_ASSERT_OK_AND_ASSIGN(const Array doubles,
                          ParseNpy(NpyBytes("<f8", "(2,)", RawBytes(reals)), "f"));
  EXPECT_EQ(As<double>(doubles), reals);
  const std::vector<float> singles = {0.5f, 0.1f};
  TP_ASSERT_OK_AND_ASSIGN(const Array floats,
                          ParseNpy(NpyBytes("<f4", "(1, 2, 1)", RawBytes(singles)), "f"));
  EXPECT_EQ(As<float>(floats), singles);
  EXPECT_THAT(floats.shape, ElementsAre(1, 2, 1));
}

TEST(Npy, ReadsEveryWholeNumberAsInt64) {
  const auto read = [](const char* descr, const auto& values) {
    const auto array = ParseNpy(NpyBytes(descr, "(2,)", RawBytes(values)), "f");
    EXPECT_THAT(array, IsOk());
    return array.ok() ? As<int64_t>(*array) : std::vector<int64_t>();
  };
  EXPECT_THAT(read("|b1", std::vector<int8_t>{0, 1}), ElementsAre(0, 1));
  EXPECT_THAT(read("|i1", std::vector<int8_t>{-3, 7}), ElementsAre(-3, 7));
  EXPECT_THAT(read("<i2", std::vector<int16_t>{-300, 7}), ElementsAre(-300, 7));
  EXPECT_THAT(read("<u2", std::vector<uint16_t>{65535, 7}), ElementsAre(65535, 7));
  EXPECT_THAT(read("<i4", std::vector<int32_t>{-70000, 7}), ElementsAre(-70000, 7));
  EXPECT_THAT(read("<u4", std::vector<uint32_t>{4000000000u, 7}), ElementsAre(4000000000, 7));
  EXPECT_THAT(read("<i8", std::vector<int64_t>{-(int64_t{1} << 40), 7}),
              ElementsAre(-(int64_t{1} << 40), 7));
  EXPECT_THAT(read("<u8", std::vector<uint64_t>{uint64_t{1} << 40, 7}),
              ElementsAre(int64_t{1} << 40, 7));
}

TEST(Npy, TakesHeadersInEveryLegalForm) {
  const auto shape_of = [](const std::string& bytes) {
    const auto array = ParseNpy(bytes, "f");
    EXPECT_THAT(array, IsOk());
    return array.ok() ? array->shape : std::vector<int64_t>{-1};
  };
  EXPECT_THAT(
      shape_of(NpyWithHeader(R"({"shape":(1,2,),"fortran_order":False,"descr":"=u1"})", "ab")),
      ElementsAre(1, 2));
  EXPECT_THAT(shape_of(NpyBytes("|u1", "()", "a")), IsEmpty());
  // The order of a vector is both.
  EXPECT_THAT(
      shape_of(NpyWithHeader("{'descr': '|u1', 'fortran_order': True, 'shape': (2,)}", "ab")),
      ElementsAre(2));
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
  for (const char version : {'\2', '\3'}) {
    EXPECT_THAT(shape_of(absl::StrCat("\x93NUMPY", std::string{version, '\0'},
                                      LittleEndian(header.size(), 4), header, "ab")),
                ElementsAre(2));
  }
}

struct BadFile {
  const char* what;
  std::string bytes;
  const char* message;  // the beginning
};

class BadNpy : public testing::TestWithParam<BadFile> {};

TEST_P(BadNpy, IsRefusedWithFileOffsetAndReason) {
  EXPECT_THAT(ParseNpy(GetParam().bytes, "x.npy"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(GetParam().message)));
}

std::string WithShape(const char* shape) { return NpyBytes("|u1", shape, "abcdef"); }
std::string WithType(const char* descr) { return NpyBytes(descr, "(1,)", "abcdefgh"); }
const std::string kGood = WithShape("(2, 3)");

INSTANTIATE_TEST_SUITE_P(
    Table, BadNpy,
    testing::Values(
        BadFile{"empty", "", "x.npy: offset 0: the file ends within the magic number: 8 of 8"},
        BadFile{"magic", "\x93NUMPX" + kGood.substr(6), "x.npy: offset 0: not a .npy file"},
        BadFile{"version", "\x93NUMPY\4" + kGood.substr(7),
                "x.npy: offset 6: version 4.0 of the format; legal: 1.0, 2.0, 3.0"},
        BadFile{"cut_length", kGood.substr(0, 9),
                "x.npy: offset 9: the file ends within the length of the header"},
        BadFile{"cut_header", kGood.substr(0, 40),
                "x.npy: offset 40: the file ends within the header"},
        BadFile{"long_header",
                absl::StrCat("\x93NUMPY", std::string("\2\0", 2), LittleEndian(1 << 20, 4)),
                "x.npy: offset 8: the header would have 1048576 bytes; at most 65536"},
        BadFile{"no_dict", NpyWithHeader("[1]", ""), "x.npy: offset 10: the header does not begin"},
        BadFile{"no_shape", NpyWithHeader("{'descr': '<f4', 'fortran_order': False}", ""),
                "x.npy: offset 51: the header has no 'shape'"},
        BadFile{"twice", NpyWithHeader("{'descr': '<f4', 'descr': '<f4'}", ""),
                "x.npy: offset 35: the key 'descr' twice"},
        BadFile{"other_key", NpyWithHeader("{'order': 1}", ""),
                "x.npy: offset 19: the key 'order' is not known; legal: descr, fortran_order"},
        BadFile{"after_the_end",
                NpyWithHeader("{'descr': '<f4', 'fortran_order': False, "
                              "'shape': (1,)} x",
                              "abcd"),
                "x.npy: offset 66: text follows the end of the header"},
        BadFile{"fortran",
                NpyWithHeader("{'descr': '|u1', 'fortran_order': True, 'shape': (2, "
                              "3)}",
                              "abcdef"),
                "x.npy: offset 10: the array is in Fortran order; save it in C order: np.save"},
        BadFile{"order", NpyWithHeader("{'fortran_order': 1}", ""),
                "x.npy: offset 28: 'fortran_order' must be True or False"},
        BadFile{"big_endian", WithType(">f8"),
                "x.npy: offset 25: 'descr' is '>f8', which is big-endian; save it as '<f8'"},
        BadFile{"complex", WithType("<c16"), "x.npy: offset 26: 'descr' is '<c16'; legal: '|b1'"},
        BadFile{"half", WithType("<f2"), "x.npy: offset 25: 'descr' is '<f2'; legal: '|b1'"},
        BadFile{"object", WithType("|O"), "x.npy: offset 24: 'descr' is '|O'; legal: '|b1'"},
        BadFile{"structured",
                NpyWithHeader("{'descr': [('a', '<f4')], 'fortran_order': False}", ""),
                "x.npy: offset 20: 'descr' is a structured type; legal: '|b1'"},
        BadFile{"negative", WithShape("(-1,)"), "x.npy: offset 61: 'shape' has an entry that is"},
        BadFile{"no_comma", WithShape("(6)"), "x.npy: offset 62: ',' or ')' expected in 'shape'"},
        BadFile{"zero", WithShape("(2, 0)"), "x.npy: offset 10: 'shape': dimension 2 is 0"},
        BadFile{"huge", WithShape("(4000000000, 4000000000)"),
                "x.npy: offset 10: 'shape': the dimensions promise values that take more than"},
        BadFile{"promise", WithShape("(7,)"), "x.npy: offset 78: the dimensions promise 7 bytes"},
        BadFile{"trailing", WithShape("(5,)"), "x.npy: offset 83: bytes follow the values"},
        BadFile{"large_u8", NpyBytes("<u8", "(1,)", std::string(8, '\xff')),
                "x.npy: offset 78: 18446744073709551615 is too large"}),
    [](const auto& row) { return std::string(row.param.what); });

TEST(Npy, CutAnywhereItIsRefused) {
  for (size_t size = 0; size < kGood.size(); ++size) {
    EXPECT_THAT(ParseNpy(kGood.substr(0, size), "f"),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("offset")));
  }
}

}  // namespace
}  // namespace tpsweep::trainer
