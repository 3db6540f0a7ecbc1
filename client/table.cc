#include "client/table.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace tpsweep::client {
namespace {

constexpr absl::string_view kGap = "  ";

// The code point at the head of `text`, which is not empty; moves past it. A
// byte that is not UTF-8 counts as a character of its own.
uint32_t Next(absl::string_view& text) {
  const auto head = static_cast<unsigned char>(text[0]);
  const size_t bytes = head < 0xC0 ? 1 : head < 0xE0 ? 2 : head < 0xF0 ? 3 : 4;
  uint32_t point = bytes == 1 ? head : head & (0xFFu >> (bytes + 1));
  size_t used = 1;
  for (; used < std::min(bytes, text.size()); ++used) {
    const auto byte = static_cast<unsigned char>(text[used]);
    if ((byte & 0xC0) != 0x80) break;
    point = point << 6 | (byte & 0x3F);
  }
  text.remove_prefix(used);
  return point;
}

int Width(uint32_t point) {
  const auto in = [point](uint32_t first, uint32_t last) {
    return first <= point && point <= last;
  };
  if (in(0x300, 0x36F) || in(0x200B, 0x200F) || in(0xFE00, 0xFE0F)) return 0;
  const bool is_wide = in(0x1100, 0x115F) || in(0x2E80, 0xA4CF) || in(0xAC00, 0xD7A3) ||
                       in(0xF900, 0xFAFF) || in(0xFE30, 0xFE6F) || in(0xFF00, 0xFF60) ||
                       in(0x1F300, 0x1FAFF) || in(0x20000, 0x3FFFD);
  return is_wide ? 2 : 1;
}

}  // namespace

int DisplayWidth(absl::string_view text) {
  int width = 0;
  while (!text.empty()) width += Width(Next(text));
  return width;
}

std::string CutToWidth(absl::string_view text, int width) {
  absl::string_view rest = text;
  int used = 0;
  while (!rest.empty()) {
    absl::string_view after = rest;
    used += Width(Next(after));
    if (used > width) break;
    rest = after;
  }
  return std::string(text.substr(0, text.size() - rest.size()));
}

std::string Printable(absl::string_view text) {
  std::string printable;
  while (!text.empty()) {
    const absl::string_view before = text;
    const uint32_t point = Next(text);
    const bool is_control = point < 0x20 || (0x7F <= point && point < 0xA0);
    if (is_control) {
      printable += point == '\n' || point == '\t' ? ' ' : '?';
    } else {
      absl::StrAppend(&printable, before.substr(0, before.size() - text.size()));
    }
  }
  return printable;
}

std::string LayOut(absl::Span<const Align> align, absl::Span<const std::vector<std::string>> rows) {
  std::vector<int> widths(align.size(), 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string fill(static_cast<size_t>(widths[i] - DisplayWidth(row[i])), ' ');
      if (i > 0) absl::StrAppend(&line, kGap);
      absl::StrAppend(&line, align[i] == Align::kRight ? fill : "", row[i],
                      align[i] == Align::kLeft ? fill : "");
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return text;
}

}  // namespace tpsweep::client
