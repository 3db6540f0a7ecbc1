#include "common/spec/yaml_tree.h"

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tpsweep::spec {
namespace {

constexpr size_t kMostBytes = 1 << 20;
constexpr int kMostNodes = 100000;
constexpr int kDeepest = 50;

absl::Status ErrorAt(absl::string_view file, const YAML::Mark& mark, absl::string_view message) {
  if (mark.is_null()) return absl::InvalidArgumentError(absl::StrCat(file, ": ", message));
  return absl::InvalidArgumentError(
      absl::StrCat(file, ":", mark.line + 1, ":", mark.column + 1, ": ", message));
}

// Where `text` stops being UTF-8.
std::optional<size_t> FindBadUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xC2 ? 0
                          : lead < 0xE0 ? 2
                          : lead < 0xF0 ? 3
                          : lead < 0xF5 ? 4
                                        : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return i;
    }
    const unsigned char next = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    const bool overlong = (lead == 0xE0 && next < 0xA0) || (lead == 0xF0 && next < 0x90);
    const bool beyond = (lead == 0xED && next > 0x9F) || (lead == 0xF4 && next > 0x8F);
    if (overlong || beyond) return i;
    i += length;
  }
  return std::nullopt;
}

// What people trip over that the parser does not name.
bool IsIndentedByTab(absl::string_view text, int line) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  if (line < 0 || static_cast<size_t>(line) >= lines.size()) return false;
  const absl::string_view at = lines[static_cast<size_t>(line)];
  return absl::StrContains(at.substr(0, at.find_first_not_of(" \t")), '\t');
}

// Builds the tree from the parser's events; after an error it ignores the rest.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(absl::string_view file) : file_(file) {}

  const absl::Status& status() const { return status_; }
  YamlNodePtr root() const { return root_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (root_ != nullptr) Fail(mark, "a second document begins; one is legal");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (status_.ok()) Place(Make(YamlNode::Kind::kNull, mark), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!status_.ok()) return;
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) return Fail(mark, "an alias stands within what it means");
    Place(found->second, 0, mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!status_.ok() || !CheckTag(mark, tag)) return;
    // The parser makes a single byte of the escapes \N and \_.
    if (FindBadUtf8(value)) return Fail(mark, "has an escape that does not make UTF-8 text");
    YamlNode node = Make(YamlNode::Kind::kScalar, mark);
    node.text = value;
    node.is_quoted = tag == "!";
    Place(std::move(node), anchor, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kList, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Open(YamlNode::Kind::kMap, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  struct OpenNode {
    YamlNode node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    YamlNodePtr key;  // of a map: the key whose value comes next
  };

  static YamlNode Make(YamlNode::Kind kind, const YAML::Mark& mark) {
    YamlNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  void Fail(const YAML::Mark& mark, absl::string_view message) {
    if (status_.ok()) status_ = ErrorAt(file_, mark, message);
  }

  bool CheckTag(const YAML::Mark& mark, const std::string& tag) {
    const bool is_plain = tag.empty() || tag == "?" || tag == "!";
    if (!is_plain) Fail(mark, absl::StrCat("the tag ", tag, " is not used in sweep files"));
    return is_plain;
  }

  void Open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    if (!status_.ok() || !CheckTag(mark, tag)) return;
    if (open_.size() >= kDeepest) return Fail(mark, absl::StrCat("nested deeper than ", kDeepest));
    open_.push_back({Make(kind, mark), anchor, mark, nullptr});
  }

  void Close() {
    if (!status_.ok()) return;
    OpenNode closed = std::move(open_.back());
    open_.pop_back();
    Place(std::move(closed.node), closed.anchor, closed.mark);
  }

  void Place(YamlNode node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    Place(std::make_shared<const YamlNode>(std::move(node)), anchor, mark);
  }

  void Place(YamlNodePtr node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    OpenNode& parent = open_.back();
    parent.node.size += node->size;
    parent.node.depth = std::max(parent.node.depth, node->depth + 1);
    // Counted where they are placed: what aliases repeat counts each time.
    if (parent.node.size > kMostNodes || ++placed_ > kMostNodes) {
      return Fail(mark, absl::StrCat("more than ", kMostNodes, " values"));
    }
    if (static_cast<int>(open_.size()) + node->depth > kDeepest + 1) {
      return Fail(mark, absl::StrCat("nested deeper than ", kDeepest));
    }
    if (parent.node.kind == YamlNode::Kind::kList) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.key == nullptr) {
      parent.key = std::move(node);
    } else {
      parent.node.entries.emplace_back(std::move(parent.key), std::move(node));
      parent.key = nullptr;
    }
  }

  const absl::string_view file_;
  absl::Status status_;
  YamlNodePtr root_;
  std::vector<OpenNode> open_;
  std::map<YAML::anchor_t, YamlNodePtr> anchors_;
  int placed_ = 0;
};

}  // namespace

absl::StatusOr<YamlNodePtr> ParseYamlTree(absl::string_view text, absl::string_view file) {
  if (text.size() > kMostBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": ", text.size(), " bytes; at most ", kMostBytes, " are legal"));
  }
  if (const auto bad = FindBadUtf8(text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(*bad), '\n');
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":", line, ": byte ", *bad, " is not UTF-8 text"));
  }
  TreeBuilder builder(file);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (builder.status().ok() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::DeepRecursion& error) {
    return ErrorAt(file, error.mark, absl::StrCat("nested deeper than ", kDeepest));
  } catch (const YAML::Exception& error) {
    const bool by_tab = IsIndentedByTab(text, error.mark.line);
    return ErrorAt(file, error.mark,
                   absl::StrCat("not YAML: ", error.msg,
                                by_tab ? " (the line is indented by a tab; use spaces)" : ""));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": not YAML: ", error.what()));
  }
  if (!builder.status().ok()) return builder.status();
  if (builder.root() == nullptr || builder.root()->kind == YamlNode::Kind::kNull) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":1:1: is empty"));
  }
  return builder.root();
}

}  // namespace tpsweep::spec
