// How names, numbers and foreign text appear in messages and sweep files.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"

namespace tpsweep::spec {

// "training" and "epochs": "training.epochs"; an empty parent adds nothing.
std::string JoinPath(absl::string_view parent, absl::string_view name);

// The shortest text that reads back as `number`: 0.001, 1e-5, 256.
std::string NumberText(double number);

// What a plain (unquoted) word of a sweep file means: a number, true or false,
// null, or else text.
google::protobuf::Value ParsePlain(absl::string_view word);

// Foreign text as messages quote it: escaped and cut short.
std::string Quoted(absl::string_view text);

// A value as messages show it: 'bp', 0.1, [256, 256]; cut short.
std::string Shown(const google::protobuf::Value& value);

// "; legal: a, b", after a "; did you mean 'a'?" if `word` is nearly one of `names`.
std::string LegalNames(absl::string_view word, const std::vector<std::string>& names);

// The name that `word` most likely was meant to be; empty if none is near.
std::string Nearest(absl::string_view word, const std::vector<std::string>& names);

}  // namespace tpsweep::spec
