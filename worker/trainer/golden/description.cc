#include "worker/trainer/golden/description.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace tpsweep::trainer {

using Json = nlohmann::json;

absl::Status Malformed(absl::string_view key, absl::string_view legal) {
  return absl::InvalidArgumentError(absl::StrCat("case description: '", key, "' is not ", legal));
}

const Json* Description::Find(const char* key) const {
  for (const Json* place : {&json_, Hyper()}) {
    if (place == nullptr) continue;
    const auto it = place->find(key);
    if (it != place->end() && !it->is_null()) return &*it;
  }
  return nullptr;
}

absl::StatusOr<double> Description::Number(const char* key, double otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number()) return Malformed(key, "a number");
  return value->get<double>();
}

absl::StatusOr<int> Description::Count(const char* key, int otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_number_integer() || *value < 0 || *value > kMaxCount) {
    return Malformed(key, absl::StrCat("a whole number from 0 to ", kMaxCount));
  }
  return value->get<int>();
}

absl::StatusOr<bool> Description::Flag(const char* key, bool otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) return Malformed(key, "true or false");
  return value->get<bool>();
}

absl::StatusOr<std::string> Description::Text(const char* key, const std::string& otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) return Malformed(key, "a string");
  return value->get<std::string>();
}

absl::StatusOr<std::vector<double>> Description::Numbers(const char* key, double otherwise) const {
  const Json* value = Find(key);
  if (value == nullptr) return std::vector<double>{otherwise};
  if (value->is_number()) return std::vector<double>{value->get<double>()};
  std::vector<double> numbers;
  if (!value->is_array() || value->empty()) return Malformed(key, "a number or a list of numbers");
  for (const Json& element : *value) {
    if (!element.is_number()) return Malformed(key, "a number or a list of numbers");
    numbers.push_back(element.get<double>());
  }
  return numbers;
}

absl::StatusOr<v1::Activation> Description::Activation(const char* key,
                                                       const std::string& otherwise) const {
  TP_ASSIGN_OR_RETURN(const std::string name, Text(key, otherwise));
  const std::string plain = absl::AsciiStrToLower(name);
  if (plain == "linear") return v1::ACTIVATION_LINEAR;
  if (plain == "tanh") return v1::ACTIVATION_TANH;
  if (plain == "relu") return v1::ACTIVATION_RELU;
  if (plain == "leakyrelu" || plain == "leaky_relu") return v1::ACTIVATION_LEAKY_RELU;
  if (plain == "sigmoid") return v1::ACTIVATION_SIGMOID;
  return absl::UnimplementedError(absl::StrCat(
      key, " '", name,
      "' is not supported by replay; supported: linear, tanh, relu, leakyrelu, sigmoid"));
}

const Json* Description::Hyper() const {
  const auto it = json_.find("hyper");
  return it != json_.end() && it->is_object() ? &*it : nullptr;
}

}  // namespace tpsweep::trainer
