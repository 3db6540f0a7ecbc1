// Replays every golden case in this folder: the trainer computes the numbers of the
// papers' own code, and the replay notices when it does not.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "tests/fakes/status_matchers.h"
#include "tests/golden/cases.h"
#include "worker/replay_command.h"
#include "worker/trainer/data/safetensors.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;
using trainer::SafetensorsFile;

SafetensorsFile Load(const std::string& path) {
  auto bytes = ReadFile(path);
  EXPECT_THAT(bytes, IsOk());
  auto file = trainer::ParseSafetensors(*bytes, path);
  EXPECT_THAT(file, IsOk());
  return *std::move(file);
}

struct Outcome {
  int status;
  std::string out, err;
};

Outcome ReplayFile(const std::string& case_path, const std::string& out_path = "") {
  std::ostringstream out, err;
  const int status = ReplayCommand(case_path, out_path, out, err);
  return {status, out.str(), err.str()};
}

// A path of its own for each test.
std::string ScratchPath(absl::string_view name) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  std::string path =
      absl::StrCat(testing::TempDir(), "golden_", test->name(), "_", name, ".safetensors");
  std::replace(path.begin() + static_cast<long>(testing::TempDir().size()), path.end(), '/', '_');
  return path;
}

Outcome ReplayChanged(const SafetensorsFile& file, absl::string_view what) {
  const std::string path = ScratchPath(what);
  EXPECT_THAT(WriteFileAtomically(path, trainer::SerializeSafetensors(file)), IsOk());
  Outcome outcome = ReplayFile(path);
  std::filesystem::remove(path);
  return outcome;
}

void Shift(trainer::Tensor& tensor, double by) {
  double value;
  std::memcpy(&value, tensor.data.data(), sizeof(value));
  value += by;
  std::memcpy(tensor.data.data(), &value, sizeof(value));
}

class GoldenReplay : public testing::TestWithParam<const char*> {};

TEST_P(GoldenReplay, IsWithinTheToleranceOfTheCase) {
  const std::string out_path = ScratchPath("out");
  const Outcome outcome = ReplayFile(CasePath(GetParam()), out_path);
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.err, "");

  // Everything that the rule computes is in the output, in the shape of the record.
  const SafetensorsFile recorded = Load(CasePath(GetParam()));
  const SafetensorsFile computed = Load(out_path);
  for (const auto& [name, tensor] : recorded.tensors) {
    if (!absl::StrContains(name, "/grad/") && !absl::StrContains(name, "/after/")) continue;
    ASSERT_TRUE(computed.tensors.contains(name)) << name;
    EXPECT_EQ(computed.tensors.at(name).shape, tensor.shape) << name;
  }
  std::filesystem::remove(out_path);
}

// Whatever is changed by a little, the replay disagrees.
TEST_P(GoldenReplay, NoticesAChangeOfAnyTensor) {
  const SafetensorsFile recorded = Load(CasePath(GetParam()));
  int changed = 0;
  for (const auto& [name, tensor] : recorded.tensors) {
    const bool is_given = absl::StartsWith(name, "init/") || absl::StartsWith(name, "pre");
    if (!is_given && !absl::StartsWith(name, "step1/")) continue;
    if (absl::EndsWith(name, "/label") || absl::StrContains(name, "/metric/")) continue;
    SafetensorsFile mutated = recorded;
    Shift(mutated.tensors[name], 1e-4);
    EXPECT_EQ(ReplayChanged(mutated, "mutated").status, 3) << name;
    ++changed;
  }
  EXPECT_GT(changed, 15);
}

INSTANTIATE_TEST_SUITE_P(DenseCases, GoldenReplay, testing::ValuesIn(kDenseCases),
                         [](const auto& test) { return std::string(test.param); });
INSTANTIATE_TEST_SUITE_P(ExactInverseCases, GoldenReplay, testing::ValuesIn(kExactInverseCases),
                         [](const auto& test) { return std::string(test.param); });
INSTANTIATE_TEST_SUITE_P(InversionCases, GoldenReplay, testing::ValuesIn(kInversionCases),
                         [](const auto& test) { return std::string(test.param); });
INSTANTIATE_TEST_SUITE_P(ConvCases, GoldenReplay, testing::ValuesIn(kConvCases),
                         [](const auto& test) { return std::string(test.param); });

SafetensorsFile WithCaseText(const std::string& from, const std::string& to,
                             const std::string& name = "dtp_softmax_tanh") {
  SafetensorsFile file = Load(CasePath(name));
  std::string& text = file.metadata["case"];
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  return file;
}

TEST(GoldenReplayErrors, NamesWhatIsNotSupported) {
  const struct {
    const char *from, *to, *message;
  } kCases[] = {
      {R"("rule": "dtp")", R"("rule": "dfc")", "rule 'dfc' is not supported"},
      {"cross_entropy_on_logits_mean", "absolute error", "loss 'absolute error'"},
      {R"("hidden_activation": "tanh")", R"("hidden_activation": "elu")",
       "hidden_activation 'elu' is not supported"},
      {R"("optimiser_forward": "Adam")", R"("optimiser_forward": "RMSprop")",
       "optimiser_forward 'RMSprop' is not supported"},
      {"[6, 5, 4, 3]", "[[3, 8, 8], 5, 4, 3]",
       "tensor 'init/W1' has shape [5, 6]; expected [5, 192]"},
      {"[6, 5, 4, 3]", "[6, [5, 1, 1], 4, 3]", "'conv' is not an object"},
      {"[6, 5, 4, 3]", "[[6, 1], 5, 4, 3]", "maps [C, H, W]"},
      {"[6, 5, 4, 3]", "[[1000000, 1000000, 1000000], 5, 4, 3]", "at most 1000000 units"},
      {"[6, 5, 4, 3]", "[6, 5, -4, 3]", "'sizes'"},
      {"[6, 5, 4, 3]", "7", "'sizes'"},
      {"[6, 5, 4, 3]", "[1000000, 1000000, 3]",
       "tensor 'init/W1' has shape [5, 6]; expected [1000000, 1000000]"},
      {R"("steps": 3)", R"("steps": -3)", "'steps'"},
      {R"("steps": 3)", R"("steps": 4)", "tensor 'step3/x' is missing"},
      {R"("eta": 0.2195)", R"("eta": 0)", "'eta'"},
      {R"("sigma": 0.0837)", R"("sigma": "much")", "'sigma'"},
      {R"("lr": 6.185e-05)", R"("lr": [1, 2])", "has 2 elements"},
      {"[6, 5, 4, 3]", "[6, 5, 4, 2]", "tensor 'init/W3' has shape [3, 4]; expected [2, 4]"},
  };
  for (const auto& c : kCases) {
    const Outcome outcome = ReplayChanged(WithCaseText(c.from, c.to), "unsupported");
    EXPECT_EQ(outcome.status, 1) << c.to;
    EXPECT_THAT(outcome.err, HasSubstr(c.message)) << c.to;
  }
}

TEST(GoldenReplayErrors, NamesWhatIsNotSupportedOfARandomLayer) {
  const struct {
    const char *from, *to, *message;
  } kCases[] = {
      {R"("n_fb": 8)", R"("n_fb": 0)", "'n_fb' is not positive"},
      {R"("n_fb": 8)", R"("n_fb": 1000000)",
       "tensor 'init/R' has shape [8, 3]; expected [1000000, 3]"},
      {R"("rhl": {)", R"("lhr": {)", "'rhl' is not an object"},
      {R"("n_fb": 8, "activation": "tanh")", R"("n_fb": 8, "activation": "relu")",
       "rhl.activation 'relu' is not supported"},
      {R"("recurrent": false)", R"("recurrent": true)",
       "tensor 'init/Q1' has shape [5, 8]; expected [5, 13]"},
      {R"("sigma": 0.0416)", R"("sigma": 0)", "'sigma' is not positive"},
  };
  for (const auto& c : kCases) {
    const Outcome outcome = ReplayChanged(WithCaseText(c.from, c.to, "ddtp_rhl_softmax"), "rhl");
    EXPECT_EQ(outcome.status, 1) << c.to;
    EXPECT_THAT(outcome.err, HasSubstr(c.message)) << c.to;
  }
  const Outcome outcome =
      ReplayChanged(WithCaseText(R"("feedback_activation": "linear")",
                                 R"("feedback_activation": "tanh")", "ddtp_control_softmax"),
                    "control");
  EXPECT_THAT(outcome.err, HasSubstr("feedback_activation 'tanh' is not supported by replay for "
                                     "rule ddtp_control"));
}

TEST(GoldenReplayErrors, NamesWhatIsWrongWithASquareNetwork) {
  const struct {
    const char *from, *to, *message;
  } kCases[] = {
      {R"("topology": "tower")", R"("topology": "pyramid")", "topology 'pyramid' is not supported"},
      {R"("topology": "tower")", R"("topology": "")",
       "tensor 'init/W2' has shape [6, 6]; expected [6, 8]"},
      {"[8, 8, 6, 4, 3]", "[8, 8, 6, 7, 3]", "layer 3 has 7 units, more than the 6 below it"},
      {R"("classes": 3)", R"("classes": 4)", "'classes' is not a whole number from 1 to 3"},
      {R"("gamma": 0.01)", R"("gamma": 1)", "'gamma' is not between 0 and 1"},
      {R"("lambda_orth": 0.1)", R"("lambda_orth": -1)", "'lambda_orth' is not 0 or more"},
      {R"("recommended_rtol_per_layer": [)", R"("recommended_rtol_per_layer": [1, )",
       "'recommended_rtol_per_layer' is not a list with one number for each layer"},
  };
  for (const auto& c : kCases) {
    const Outcome outcome = ReplayChanged(WithCaseText(c.from, c.to, "gait_tower"), "square");
    EXPECT_EQ(outcome.status, 1) << c.to;
    EXPECT_THAT(outcome.err, HasSubstr(c.message)) << c.to;
  }
}

TEST(GoldenReplayErrors, NamesALayerThatHasNoInverse) {
  SafetensorsFile file = Load(CasePath("gait_tower"));
  std::string& data = file.tensors["init/W3"].data;
  std::fill(data.begin(), data.end(), '\0');
  const Outcome outcome = ReplayChanged(file, "singular");
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("layer 3: W3 (4 x 4) is singular"));
}

TEST(GoldenReplayErrors, NamesAConvolutionThatIsNotWhatItsSizesSay) {
  const struct {
    const char *from, *to, *message;
  } kCases[] = {
      {R"("kernel": 5)", R"("kernel": 0)", "'conv.kernel' is not a whole number from 1 to 1000"},
      {R"("padding": 2)", R"("padding": 6)", "'conv.padding'"},
      {R"("padding": 2)", R"("padding": 1)", "layer 1 as 3x4x4, but 'conv' makes it 3x3x3"},
      {R"("pool_stride": 2)", R"("pool_stride": null)", "'conv.pool_stride'"},
      {"[3, 4, 4]", "[2, 4, 4]", "'init/W1' has shape [3, 3, 5, 5]; expected [2, 3, 5, 5]"},
      {"[4, 2, 2], 5, 4]", "5, [4, 2, 2], 4]", "above a dense layer"},
  };
  for (const auto& c : kCases) {
    const Outcome outcome = ReplayChanged(WithCaseText(c.from, c.to, "conv_bp"), "conv");
    EXPECT_EQ(outcome.status, 1) << c.to;
    EXPECT_THAT(outcome.err, HasSubstr(c.message)) << c.to;
  }
}

TEST(GoldenReplayErrors, NamesATensorThatIsMissingOrOfAnotherShape) {
  for (const std::string name : {"init/W2", "init/Q3", "step0/x", "step1/y", "step2/noise/1"}) {
    SafetensorsFile file = Load(CasePath("dtp_softmax_tanh"));
    file.tensors.erase(name);
    Outcome outcome = ReplayChanged(file, "missing");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr(absl::StrCat("tensor '", name, "' is missing")));

    file = Load(CasePath("dtp_softmax_tanh"));
    file.tensors[name].shape = {1, file.tensors[name].num_elements()};
    outcome = ReplayChanged(file, "shape");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr(absl::StrCat("tensor '", name, "'")));
  }
}

TEST(GoldenReplayErrors, RefusesAFileThatIsCutShortOrNotThere) {
  auto bytes = ReadFile(CasePath("bp_softmax"));
  TP_ASSERT_OK(bytes);
  const std::string path = ScratchPath("cut");
  for (const size_t length : {size_t{0}, size_t{7}, size_t{100}, bytes->size() - 8}) {
    TP_ASSERT_OK(WriteFileAtomically(path, bytes->substr(0, length)));
    const Outcome outcome = ReplayFile(path);
    EXPECT_EQ(outcome.status, 1) << length;
    EXPECT_THAT(outcome.err, HasSubstr(path));
  }
  std::filesystem::remove(path);
  EXPECT_THAT(ReplayFile(path).err, HasSubstr(path));
}

}  // namespace
}  // namespace tpsweep
