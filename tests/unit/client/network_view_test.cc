#include "client/network_view.h"

#include <gmock/gmock.h>

#include <sstream>

#include "client/spec_file.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::client {
namespace {

using testing::HasSubstr;

struct Sums {
  int64_t forward = 0;
  double feedback = 0;
};

NetworkView View(const std::string& preset, std::vector<std::string> settings = {}) {
  const auto spec = LoadStudy({.preset = preset, .settings = std::move(settings)});
  EXPECT_THAT(spec, IsOk());
  const auto view = ViewNetwork(spec.value_or(v1::StudySpec()), "", 0);
  EXPECT_THAT(view, IsOk());
  return view.value_or(NetworkView());
}

Sums Count(const NetworkView& view) {
  Sums sums;
  for (const LayerView& layer : view.layers) {
    sums.forward += layer.weights + layer.biases;
    sums.feedback += layer.feedback_weights;
  }
  return sums;
}

// Counted by hand from the equations of the rules.
TEST(ViewNetwork, CountsTheParametersOfThePapersNetworks) {
  EXPECT_EQ(Count(View("mnist_BP")).forward, 466698);
  EXPECT_EQ(Count(View("mnist_BP")).feedback, 0);
  // No bias in the last hidden layer.
  EXPECT_EQ(Count(View("mnist_DDTPlinear")).forward, 466698 - 256);
  EXPECT_EQ(Count(View("mnist_DDTPlinear")).feedback, 12800);
  EXPECT_EQ(Count(View("mnist_DTP")).feedback, 4 * 256 * 256 + 256 * 10);
  EXPECT_EQ(Count(View("mnist_DDTPRHL")).feedback, 4 * 256 * 1024 + 256 * 10);
  EXPECT_EQ(Count(View("mnist_DDTPRHL_rec")).feedback, 4 * 256 * (1024 + 256) + 256 * 10);
  EXPECT_EQ(Count(View("cifar10_BPConv")).forward, 2156490);
  EXPECT_EQ(Count(View("cifar10_DDTPConv")).forward, 2156490);
  EXPECT_EQ(Count(View("cifar10_DDTPConv")).feedback, (8192 + 4096 + 512) * 10);
}

TEST(ViewNetwork, CountsPathsWithHiddenLayers) {
  const std::vector<std::string> settings = {"training.network.hidden=[5, 6]",
                                             "training.rule.ddtp_linear.feedback_hidden=[7, 8]",
                                             "training.rule.ddtp_linear.recurrent_input=true"};
  const NetworkView view = View("mnist_DDTPlinear", settings);
  ASSERT_EQ(view.layers.size(), 3u);
  EXPECT_EQ(view.layers[0].feedback_weights, (10 + 5) * 7 + 7 * 8 + 8 * 5);
  EXPECT_EQ(view.layers[1].feedback_weights, 10 * 6);
}

TEST(ViewNetwork, NamesShapesAndKinds) {
  const NetworkView view = View("cifar10_BPConv");
  EXPECT_EQ(view.input, (MapShape{3, 32, 32}));
  ASSERT_EQ(view.layers.size(), 4u);
  EXPECT_EQ(view.layers[0].kind, "conv 5x5, pool 3x3/2");
  EXPECT_EQ(view.layers[0].shape, (MapShape{32, 16, 16}));
  EXPECT_EQ(view.layers[1].shape, (MapShape{64, 8, 8}));
  EXPECT_EQ(view.layers[2].kind, "dense");
  EXPECT_EQ(view.layers[3].kind, "output");

  std::ostringstream table;
  WriteNetwork(view, Format::kTable, table);
  EXPECT_THAT(table.str(), HasSubstr("conv 5x5, pool 3x3/2  64x8x8"));
  std::ostringstream json;
  WriteNetwork(view, Format::kJson, json);
  const Json document = Json::parse(json.str());
  EXPECT_EQ(document["network"]["input"], "3x32x32");
  EXPECT_EQ(
      document["network"]["weights"].get<int64_t>() + document["network"]["biases"].get<int64_t>(),
      2156490);
  EXPECT_EQ(document["network"]["layers"][0]["biases"], 32);
}

TEST(ViewNetwork, AsksForTheShapeOfDataOfTheUsersOwn) {
  TP_ASSERT_OK_AND_ASSIGN(
      const v1::StudySpec spec,
      LoadStudy({.preset = "cifar10_BPConv", .settings = {"training.dataset.name=mine"}}));
  EXPECT_THAT(ViewNetwork(spec, "", 0).status().message(),
              HasSubstr("the shape of the data set 'mine' is not known here: add --input "));
  TP_ASSERT_OK_AND_ASSIGN(const NetworkView view, ViewNetwork(spec, "1x64x64", 3));
  EXPECT_EQ(view.layers[1].shape, (MapShape{64, 16, 16}));
  EXPECT_EQ(view.layers[3].weights, 512 * 3);
  for (const char* bad : {"1x64", "0", "axbxc", "1x2x3x4", "", "-1"}) {
    EXPECT_THAT(ViewNetwork(spec, bad, 3).ok(), false) << bad;
  }
  EXPECT_THAT(ViewNetwork(spec, "1x64", 3).status().message(),
              HasSubstr("--input '1x64': legal: channels x height x width, as in 3x32x32"));
}

TEST(ViewNetwork, ShowsTheFirstConfigurationOfASearchedNetwork) {
  TP_ASSERT_OK_AND_ASSIGN(v1::StudySpec spec, LoadStudy({.preset = "mnist_BP", .space = "bp"}));
  EXPECT_THAT(ViewNetwork(spec, "", 0), IsOk());
}

}  // namespace
}  // namespace tpsweep::client
