#include "common/spec/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/field_path.h"

namespace tpsweep::spec {
namespace {

using google::protobuf::Value;

constexpr size_t kLongestShown = 60;

// Edits that turn `a` into `b`: insert, delete or replace a letter, or swap two
// neighbours.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before_last, last(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    std::vector<size_t> row(b.size() + 1, i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, row[j - 1] + 1, last[j] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last = std::move(last);
    last = std::move(row);
  }
  return last.back();
}

bool LooksLikeNumber(absl::string_view word) {
  return std::all_of(word.begin(), word.end(),
                     [](char c) {
                       return absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.' ||
                              c == '+' || c == '-' || c == 'e' || c == 'E';
                     }) &&
         std::any_of(word.begin(), word.end(),
                     [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }) &&
         word[0] != 'e' && word[0] != 'E';
}

std::string CutShort(std::string text) {
  if (text.size() > kLongestShown) {
    text.resize(kLongestShown);
    // Not in the middle of a character.
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) {
      text.pop_back();
    }
    if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xC0) text.pop_back();
    text += "...";
  }
  return text;
}

}  // namespace

std::string JoinPath(absl::string_view parent, absl::string_view name) {
  return parent.empty() ? std::string(name) : absl::StrCat(parent, ".", name);
}

std::string NumberText(double number) {
  if (std::isnan(number)) return ".nan";
  if (std::isinf(number)) return number > 0 ? ".inf" : "-.inf";
  char buffer[32];
  // Whole numbers in full, as far as they are exact; else the shortest form.
  const bool whole = std::trunc(number) == number && std::abs(number) < 0x1p53;
  const auto end = whole ? std::to_chars(buffer, std::end(buffer), number, std::chars_format::fixed)
                         : std::to_chars(buffer, std::end(buffer), number);
  std::string text(buffer, end.ptr);
  // 1e-05 and 1e+300: to_chars pads the exponent and gives it a sign.
  if (const size_t e = text.find('e'); e != std::string::npos) {
    if (text[e + 2] == '0') text.erase(e + 2, 1);
    if (text[e + 1] == '+') text.erase(e + 1, 1);
  }
  return text;
}

Value ParsePlain(absl::string_view word) {
  Value value;
  double number = 0;
  if (word.empty() || word == "~" || word == "null") {
    value.set_null_value(google::protobuf::NULL_VALUE);
  } else if (word == "true" || word == "false") {
    value.set_bool_value(word == "true");
  } else if (LooksLikeNumber(word) && absl::SimpleAtod(word, &number)) {
    value.set_number_value(number);
  } else if (word == ".nan" || word == ".inf" || word == "-.inf") {
    const double infinity = std::numeric_limits<double>::infinity();
    value.set_number_value(word == ".nan" ? std::numeric_limits<double>::quiet_NaN()
                                          : (word == ".inf" ? infinity : -infinity));
  } else {
    value.set_string_value(std::string(word));
  }
  return value;
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", CutShort(absl::Utf8SafeCHexEscape(text.substr(0, 4 * kLongestShown))),
                      "'");
}

std::string Shown(const Value& value) {
  if (value.kind_case() == Value::kStringValue) return Quoted(value.string_value());
  return CutShort(ToText(value));
}

std::string Nearest(absl::string_view word, const std::vector<std::string>& names) {
  if (word.size() > 64) return "";
  std::string nearest;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& name : names) {
    if (const size_t distance = EditDistance(absl::AsciiStrToLower(word), name); distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

std::string LegalNames(absl::string_view word, const std::vector<std::string>& names) {
  const std::string nearest = Nearest(word, names);
  return absl::StrCat(nearest.empty() ? "; " : absl::StrCat("; did you mean '", nearest, "'? "),
                      "legal: ", absl::StrJoin(names, ", "));
}

}  // namespace tpsweep::spec
