#include "client/network_view.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/spec/space.h"
#include "common/spec/text.h"
#include "common/spec/validate.h"
#include "common/status_macros.h"
#include "common/training/feedback_weights.h"
#include "common/training/known_data.h"

namespace tpsweep::client {
namespace {

absl::StatusOr<MapShape> ParseShape(absl::string_view text) {
  constexpr int64_t kLargest = 1000000;
  const std::vector<absl::string_view> words = absl::StrSplit(text, 'x');
  std::vector<int64_t> sizes;
  for (const absl::string_view word : words) {
    int64_t size = 0;
    if (absl::SimpleAtoi(word, &size) && 1 <= size && size <= kLargest) sizes.push_back(size);
  }
  const bool is_whole = sizes.size() == words.size();
  if (is_whole && sizes.size() == 1) return MapShape{sizes[0], 1, 1};
  if (is_whole && sizes.size() == 3) return MapShape{sizes[0], sizes[1], sizes[2]};
  return absl::InvalidArgumentError(absl::StrCat(
      "--input ", spec::Quoted(text),
      ": legal: channels x height x width, as in 3x32x32, or a number of units, as in 784"));
}

absl::StatusOr<DataShape> ShapeOf(const v1::Dataset& dataset, absl::string_view input,
                                  int64_t outputs) {
  DataShape shape = KnownShape(dataset).value_or(DataShape{{}, 0});
  if (!input.empty()) {
    TP_ASSIGN_OR_RETURN(shape.input, ParseShape(input));
  }
  if (outputs > 0) shape.num_outputs = outputs;
  const bool is_known = KnownShape(dataset).has_value();
  if (is_known || (!input.empty() && outputs > 0)) return shape;
  return absl::InvalidArgumentError(
      absl::StrCat("the shape of the data set ", spec::Quoted(dataset.name()),
                   " is not known here: add --input CHANNELSxHEIGHTxWIDTH and --outputs N"));
}

absl::StatusOr<v1::TrainingSpec> FirstTraining(const v1::StudySpec& complete) {
  v1::Trial trial;
  for (const v1::Parameter& parameter : complete.space()) {
    if (!parameter.when().empty()) continue;
    v1::Assignment& assignment = *trial.add_parameters();
    assignment.set_path(parameter.path());
    *assignment.mutable_value() = spec::FirstValue(parameter);
  }
  return spec::Configure(complete, trial, 0);
}

// DDTP-linear and DFA may leave out the bias of the last hidden layer.
bool HasBias(const v1::TrainingSpec& spec, size_t layer, size_t num_layers) {
  if (!spec.network().bias()) return false;
  if (layer + 1 != num_layers) return true;
  if (spec.has_ddtp_linear()) return spec.ddtp_linear().last_hidden_bias();
  return !spec.has_dfa() || spec.dfa().last_hidden_bias();
}

std::string KindOf(const LayerShape& layer, bool is_output) {
  if (!layer.conv) return is_output ? "output" : "dense";
  const ConvGeometry& conv = *layer.conv;
  std::string kind = absl::StrCat("conv ", conv.kernel, "x", conv.kernel);
  if (conv.stride > 1) absl::StrAppend(&kind, "/", conv.stride);
  if (conv.pool > 1) {
    absl::StrAppend(&kind, ", pool ", conv.pool, "x", conv.pool, "/", conv.pool_stride);
  }
  return kind;
}

LayerView Total(const NetworkView& network) {
  LayerView total;
  for (const LayerView& layer : network.layers) {
    total.weights += layer.weights;
    total.biases += layer.biases;
    total.feedback_weights += layer.feedback_weights;
  }
  return total;
}

Cell Count(double number) {
  const auto whole = static_cast<int64_t>(number);  // all fit: the door has seen to it
  return {whole == 0 ? "" : absl::StrCat(whole), whole};
}

}  // namespace

absl::StatusOr<NetworkView> ViewNetwork(const v1::StudySpec& complete, absl::string_view input,
                                        int64_t outputs) {
  TP_ASSIGN_OR_RETURN(const v1::TrainingSpec training, FirstTraining(complete));
  TP_ASSIGN_OR_RETURN(const DataShape data, ShapeOf(training.dataset(), input, outputs));
  TP_ASSIGN_OR_RETURN(const std::vector<LayerShape> shapes,
                      InferShapes(training.network(), data.input, data.num_outputs));
  std::vector<int64_t> widths;
  for (const LayerShape& shape : shapes) widths.push_back(shape.size());
  const std::vector<double> feedback = FeedbackWeights(training, widths);

  NetworkView network{data.input, {}};
  const size_t num_layers = shapes.size() - 1;
  for (size_t l = 1; l <= num_layers; ++l) {
    LayerView& layer = network.layers.emplace_back();
    layer.kind = KindOf(shapes[l], l == num_layers);
    layer.shape = shapes[l].output;
    layer.weights = NumWeights(shapes[l]);
    layer.biases = HasBias(training, l, num_layers) ? NumBiases(shapes[l]) : 0;
    if (l <= feedback.size()) layer.feedback_weights = feedback[l - 1];
  }
  return network;
}

void WriteNetwork(const NetworkView& network, Format format, std::ostream& out) {
  Listing listing{"layers",
                  {{"layer", "layer", Align::kRight},
                   {"kind", "kind"},
                   {"shape", "shape"},
                   {"weights", "weights", Align::kRight},
                   {"biases", "biases", Align::kRight},
                   {"feedback_weights", "feedback weights", Align::kRight}},
                  {},
                  ""};
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const LayerView& layer = network.layers[i];
    listing.rows.push_back(
        {CountCell(static_cast<int64_t>(i + 1)), TextCell(layer.kind),
         TextCell(ToText(layer.shape)), Count(static_cast<double>(layer.weights)),
         Count(static_cast<double>(layer.biases)), Count(layer.feedback_weights)});
  }
  const LayerView total = Total(network);
  if (format == Format::kJson) {
    const Json document = {{"input", ToText(network.input)},
                           {"layers", RowsJson(listing)},
                           {"weights", total.weights},
                           {"biases", total.biases},
                           {"feedback_weights", static_cast<int64_t>(total.feedback_weights)}};
    return WriteJson({{"version", kJsonVersion}, {"network", document}}, out);
  }
  if (format == Format::kTable) {
    listing.rows.insert(listing.rows.begin(),
                        {TextCell("0"), TextCell("input"), TextCell(ToText(network.input)),
                         TextCell(""), TextCell(""), TextCell("")});
    listing.rows.push_back(
        {TextCell(""), TextCell("all"), TextCell(""), Count(static_cast<double>(total.weights)),
         Count(static_cast<double>(total.biases)), Count(total.feedback_weights)});
  }
  Write(listing, format, out);
}

}  // namespace tpsweep::client
