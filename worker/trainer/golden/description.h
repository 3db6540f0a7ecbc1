// The JSON text in which a golden case describes itself. Foreign: every read is checked.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tpsweep/v1/training.pb.h"

namespace tpsweep::trainer {

// kInvalidArgument: "case description: 'lr' is not a number".
absl::Status Malformed(absl::string_view key, absl::string_view legal);

// Keys that are absent and keys that are null are the same.
class Description {
 public:
  static constexpr int kMaxCount = 1000000;

  // `json` outlives this object.
  explicit Description(const nlohmann::json& json) : json_(json) {}

  // Null if there is none, at the top or in `hyper`.
  const nlohmann::json* Find(const char* key) const;

  absl::StatusOr<double> Number(const char* key, double otherwise) const;
  // A whole number from 0 to kMaxCount.
  absl::StatusOr<int> Count(const char* key, int otherwise) const;
  absl::StatusOr<bool> Flag(const char* key, bool otherwise) const;
  absl::StatusOr<std::string> Text(const char* key, const std::string& otherwise) const;
  // One number, or a list of them.
  absl::StatusOr<std::vector<double>> Numbers(const char* key, double otherwise) const;
  // By the authors' names. kUnimplemented for others.
  absl::StatusOr<v1::Activation> Activation(const char* key, const std::string& otherwise) const;

 private:
  const nlohmann::json* Hyper() const;

  const nlohmann::json& json_;
};

}  // namespace tpsweep::trainer
