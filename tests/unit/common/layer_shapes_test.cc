#include "common/training/layer_shapes.h"

#include <gmock/gmock.h>

#include <functional>

#include "tests/fakes/status_matchers.h"

namespace tpsweep {
namespace {

using testing::HasSubstr;

// With the defaults of the spec.
v1::Conv& AddConv(v1::Network& network, int channels) {
  v1::Conv& conv = *network.add_layers()->mutable_conv();
  conv.set_channels(channels);
  conv.set_kernel(5);
  conv.set_stride(1);
  conv.set_padding(2);
  conv.set_pool(3);
  conv.set_pool_stride(2);
  conv.set_pool_padding(1);
  return conv;
}

std::vector<std::string> Texts(const std::vector<LayerShape>& shapes) {
  std::vector<std::string> texts;
  for (const LayerShape& shape : shapes) texts.push_back(ToText(shape.output));
  return texts;
}

TEST(LayerShapes, OfTheCifar10Network) {
  v1::Network network;
  AddConv(network, 32);
  AddConv(network, 64);
  network.add_layers()->mutable_dense()->set_units(512);
  EXPECT_EQ(NumLayers(network), 4);
  TP_ASSERT_OK_AND_ASSIGN(const auto shapes, InferShapes(network, {3, 32, 32}, 10));
  EXPECT_THAT(Texts(shapes), testing::ElementsAre("3x32x32", "32x16x16", "64x8x8", "512", "10"));
  EXPECT_EQ(ToText(shapes[1].conv->map), "32x32x32");
  EXPECT_EQ(ToText(shapes[2].conv->input), "32x16x16");
  EXPECT_FALSE(shapes[3].conv.has_value());
  std::vector<int64_t> weights;
  for (size_t l = 1; l < shapes.size(); ++l) {
    weights.push_back(NumWeights(shapes[l]));
  }
  EXPECT_THAT(weights, testing::ElementsAre(2432 - 32, 51264 - 64, 2097664 - 512, 5130 - 10));
}

TEST(LayerShapes, OfDenseLayersHoweverWritten) {
  v1::Network network;
  network.add_hidden(7);
  network.add_hidden(1);
  EXPECT_EQ(NumLayers(network), 3);
  TP_ASSERT_OK_AND_ASSIGN(const auto shapes, InferShapes(network, {1, 28, 28}, 10));
  EXPECT_THAT(Texts(shapes), testing::ElementsAre("1x28x28", "7", "1", "10"));
  EXPECT_EQ(NumWeights(shapes[1]), 7 * 784);
  EXPECT_THAT(Texts(DenseShapes({784, 7, 1, 10})), testing::ElementsAre("784", "7", "1", "10"));
  TP_ASSERT_OK_AND_ASSIGN(const auto bare, InferShapes(v1::Network(), {5, 1, 1}, 2));
  EXPECT_THAT(Texts(bare), testing::ElementsAre("5", "2"));
}

TEST(LayerShapes, WindowsThatDoNotFitAreLeftOut) {
  v1::Network network;
  v1::Conv& conv = AddConv(network, 2);
  conv.set_kernel(3);
  conv.set_stride(2);
  conv.set_padding(0);
  TP_ASSERT_OK_AND_ASSIGN(const auto shapes, InferShapes(network, {1, 8, 11}, 2));
  EXPECT_EQ(ToText(shapes[1].conv->map), "2x3x5");
  EXPECT_EQ(ToText(shapes[1].output), "2x2x3");
  conv.set_pool(1);  // then its other fields say nothing
  conv.set_pool_padding(7);
  TP_ASSERT_OK_AND_ASSIGN(const auto unpooled, InferShapes(network, {1, 8, 11}, 2));
  EXPECT_EQ(ToText(unpooled[1].output), "2x3x5");
}

TEST(LayerShapes, OfSquareNetworksReadTheFirstUnitsBelow) {
  v1::Network network;
  for (const int width : {8, 6, 6}) network.add_hidden(width);
  network.set_square(true);
  TP_ASSERT_OK_AND_ASSIGN(const auto tower, InferShapes(network, {1, 3, 3}, 2));
  EXPECT_THAT(Texts(tower), testing::ElementsAre("1x3x3", "8", "6", "6", "2"));
  for (size_t l = 1; l < tower.size(); ++l) {
    EXPECT_EQ(tower[l].inputs, tower[l].size());
    EXPECT_EQ(NumWeights(tower[l]), tower[l].size() * tower[l].size());
    EXPECT_EQ(NumBiases(tower[l]), tower[l].size());
  }
  network.set_output_units(6);
  TP_ASSERT_OK_AND_ASSIGN(const auto wide, InferShapes(network, {1, 3, 3}, 2));
  EXPECT_EQ(wide.back().size(), 6);

  network.set_output_units(7);
  EXPECT_THAT(InferShapes(network, {1, 3, 3}, 2),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "network.square: the output layer has 7 units, more than the 6 below it; "
                       "in a square network widths must not increase"));
  network.set_output_units(2);
  EXPECT_THAT(InferShapes(network, {1, 3, 3}, 3),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("network.output_units: 2 is less than the 3 classes")));
  network.set_hidden(1, 9);
  EXPECT_THAT(InferShapes(network, {1, 3, 3}, 2),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("network.hidden[1]: layer 2 has 9 units, more than the 8")));
}

TEST(LayerShapes, AuxiliaryOutputsNeedNoSquareNetwork) {
  v1::Network network;
  network.add_hidden(5);
  network.set_output_units(9);
  TP_ASSERT_OK_AND_ASSIGN(const auto shapes, InferShapes(network, {4, 1, 1}, 2));
  EXPECT_THAT(Texts(shapes), testing::ElementsAre("4", "5", "9"));
  EXPECT_EQ(shapes[2].inputs, 5);
}

TEST(LayerShapes, NamesTheLayerThatCannotBe) {
  const auto message = [](const std::function<void(v1::Conv&)>& change) {
    v1::Network network;
    AddConv(network, 4);
    change(AddConv(network, 4));
    const auto shapes = InferShapes(network, {1, 8, 6}, 2);
    EXPECT_THAT(shapes, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(shapes.status().message());
  };
  EXPECT_EQ(message([](v1::Conv& conv) { conv.set_kernel(8); }),
            "network.layers[1].conv.kernel: 8 is larger than its input of 4x4x3 with padding 2: "
            "the output would be empty");
  EXPECT_EQ(message([](v1::Conv& conv) { conv.set_pool_padding(2); }),
            "network.layers[1].conv.pool_padding: 2 is more than half of the pool 3; legal: 0 to "
            "1");
  EXPECT_EQ(message([](v1::Conv& conv) { conv.set_pool(6); }),
            "network.layers[1].conv.pool: 6 is larger than its maps of 4x4x3: the output would be "
            "empty");

  v1::Network network;
  network.add_layers()->mutable_dense()->set_units(9);
  AddConv(network, 4);
  EXPECT_THAT(InferShapes(network, {1, 8, 6}, 2),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("network.layers[1].conv: stands above a dense layer")));
}

}  // namespace
}  // namespace tpsweep
