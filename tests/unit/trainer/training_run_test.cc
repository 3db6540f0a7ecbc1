#include "worker/trainer/run/training_run.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/unit/trainer/training_run_harness.h"

namespace tpsweep::trainer {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Key;
using testing::Not;

// Every phase of the schedule, a short last mini-batch (130 = 8 * 16 + 2).
v1::TrainingSpec FullSchedule(const std::string& rule, v1::Precision precision) {
  v1::TrainingSpec spec = SmallSpec(rule);
  spec.set_precision(precision);
  spec.mutable_feedback_schedule()->set_pretraining_epochs(1);
  spec.mutable_feedback_schedule()->set_extra_minibatches(2);
  spec.mutable_feedback_schedule()->set_extra_epochs(1);
  spec.mutable_forward()->mutable_sgd()->set_momentum(0.9);
  spec.set_normalize_lr(true);
  spec.mutable_forward()->set_lr(0, 0.001);
  return spec;
}

struct Variant {
  const char* rule;
  v1::Precision precision;
};

class EveryRule : public TrainingRunTest, public testing::WithParamInterface<Variant> {
 protected:
  v1::TrainingSpec Spec() const { return FullSchedule(GetParam().rule, GetParam().precision); }
};

INSTANTIATE_TEST_SUITE_P(
    Rules, EveryRule,
    testing::Values(
        Variant{"bp", v1::PRECISION_FLOAT32}, Variant{"bp", v1::PRECISION_FLOAT64},
        Variant{"dtp", v1::PRECISION_FLOAT32}, Variant{"dtp", v1::PRECISION_FLOAT64},
        Variant{"ddtp_linear", v1::PRECISION_FLOAT32},
        Variant{"ddtp_linear", v1::PRECISION_FLOAT64}, Variant{"dtpdrl", v1::PRECISION_FLOAT32},
        Variant{"ddtp_mlp", v1::PRECISION_FLOAT32}, Variant{"ddtp_rhl_rec", v1::PRECISION_FLOAT32},
        Variant{"ddtp_control", v1::PRECISION_FLOAT32}, Variant{"dfa", v1::PRECISION_FLOAT32},
        Variant{"gnt", v1::PRECISION_FLOAT32}, Variant{"gnt", v1::PRECISION_FLOAT64}),
    [](const auto& row) {
      return absl::StrCat(row.param.rule,
                          row.param.precision == v1::PRECISION_FLOAT32 ? "_f32" : "_f64");
    });

TEST_P(EveryRule, SameBitsForAnyNumberOfThreads) {
  v1::TrainingSpec spec = Spec();
  // Wide enough that the loops are cut into several pieces.
  spec.mutable_network()->set_hidden(0, 300);
  spec.mutable_network()->set_hidden(1, 200);
  spec.set_batch_size(64);
  spec.set_epochs(1);
  const auto one = Train(spec).Bits();
  for (const int threads : {2, 4}) {
    spec.set_threads_per_run(threads);
    EXPECT_EQ(Train(spec).Bits(), one) << threads;
  }
  // A number that changes from one mini-batch to the next.
  spec.set_threads_per_run(0);
  int asked = 0;
  EXPECT_EQ(Finish(*Make(spec), 1 << 30, [&] { return 1 + asked++ % 3; }).Bits(), one);
  EXPECT_GT(asked, 2);
}

TEST_P(EveryRule, SameBitsAloneAndBesideOthers) {
  const v1::TrainingSpec spec = Spec();
  v1::TrainingSpec other = spec;
  other.set_seed(2);
  const auto alone = Train(spec).Bits();
  std::vector<std::string> beside, third;
  std::thread first([&] { beside = Train(spec).Bits(); });
  std::thread second([&] { third = Train(other).Bits(); });
  first.join();
  second.join();
  EXPECT_EQ(beside, alone);
  EXPECT_NE(third, alone);
}

TEST_P(EveryRule, ResumedAtAnyEpochEndsInTheSameBits) {
  const v1::TrainingSpec spec = Spec();
  const Outcome whole = Train(spec);
  ASSERT_EQ(whole.end, TrainingRun::End::kCompleted) << whole.message;
  ASSERT_EQ(whole.epoch_checkpoints.size(), 3u);
  for (size_t epoch = 0; epoch < 3; ++epoch) {
    const auto run = Make(spec);
    TP_ASSERT_OK(run->Restore(whole.epoch_checkpoints[epoch]));
    EXPECT_EQ(run->Checkpoint(), whole.epoch_checkpoints[epoch]);
    Outcome rest = Finish(*run);
    rest.measurements.insert(rest.measurements.begin(), whole.measurements.begin(),
                             whole.measurements.begin() + static_cast<int64_t>(epoch) + 1);
    EXPECT_EQ(rest.Bits(), whole.Bits()) << epoch;
  }
}

TEST_P(EveryRule, StoppedBeforeAnyMiniBatchEndsInTheSameBits) {
  v1::TrainingSpec spec = Spec();
  spec.set_epochs(2);
  // 9 mini-batches a pass; every number hits each phase, and the middle of steps.
  ExpectResumableAnywhere(spec, 4);
}

TEST_P(EveryRule, MeasuresWhatTheRuleHas) {
  const Outcome outcome = Train(Spec());
  ASSERT_EQ(outcome.measurements.size(), 3u);
  const std::string rule = GetParam().rule;
  const bool has_targets = rule != "bp";
  const bool learns_feedback = has_targets && rule != "dfa" && rule != "gnt";
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    const v1::Measurement& measurement = outcome.measurements[static_cast<size_t>(epoch) - 1];
    EXPECT_EQ(measurement.sequence(), epoch);
    EXPECT_EQ(measurement.epoch(), epoch);
    EXPECT_EQ(measurement.step(), 9 * epoch);
    for (const char* name : {"train/loss", "train/error", "validation/loss", "validation/error",
                             "test/loss", "test/error", "seconds", "samples_per_second"}) {
      EXPECT_TRUE(std::isfinite(Scalar(measurement, name))) << name;
    }
    for (const char* name : {"layer/parameter_norm", "layer/update_norm"}) {
      ASSERT_EQ(measurement.vectors().at(name).values_size(), 3) << name;
      for (const double norm : measurement.vectors().at(name).values()) EXPECT_GT(norm, 0) << name;
    }
    EXPECT_EQ(measurement.scalars().contains("feedback/loss"), learns_feedback);
    EXPECT_EQ(measurement.vectors().contains("layer/target_norm"), has_targets);
    if (!learns_feedback) continue;
    const auto& losses = measurement.vectors().at("layer/feedback_loss").values();
    ASSERT_EQ(losses.size(), 3);
    EXPECT_DOUBLE_EQ(Scalar(measurement, "feedback/loss"), (losses[0] + losses[1]) / 2);
    EXPECT_TRUE(std::isnan(losses[2]));
    EXPECT_GT(measurement.vectors().at("layer/target_norm").values(0), 0);
  }
}

TEST_P(EveryRule, LearnsTheToyProblem) {
  v1::TrainingSpec spec = SmallSpec(GetParam().rule);
  spec.set_precision(GetParam().precision);
  spec.set_epochs(60);
  const Outcome outcome = Train(spec);
  ASSERT_EQ(outcome.end, TrainingRun::End::kCompleted) << outcome.message;
  const v1::Measurement& last = outcome.measurements.back();
  EXPECT_LT(Scalar(last, "train/loss"), 0.5 * Scalar(outcome.measurements[0], "train/loss"));
  EXPECT_LT(Scalar(last, "validation/error"), 0.1);
  EXPECT_LT(Scalar(last, "test/error"), 0.1);
}

TEST_P(EveryRule, DivergenceNamesLayerAndStep) {
  v1::TrainingSpec spec = SmallSpec(GetParam().rule);
  spec.set_precision(GetParam().precision);
  spec.mutable_network()->set_activation(v1::ACTIVATION_RELU);
  spec.mutable_forward()->mutable_sgd()->set_momentum(0);
  spec.mutable_forward()->set_lr(0, 1000);
  spec.set_normalize_lr(true);
  spec.set_loss(v1::LOSS_MSE);
  spec.set_epochs(200);
  const Outcome outcome = Train(spec);
  EXPECT_EQ(outcome.end, TrainingRun::End::kInfeasible);
  EXPECT_THAT(outcome.message, ContainsRegex("^layer [1-3]: .* not finite .*step [0-9]+"));
}

// Everything that can be measured of networks without inverses, at mini-batches 0, 4, 8, 12, ... of
// 9 in an epoch.
v1::TrainingSpec Measured(v1::TrainingSpec spec) {
  v1::Measure& measure = *spec.mutable_measure();
  measure.set_every(4);
  for (int quantity = v1::Quantity_MIN + 1; quantity <= v1::Quantity_MAX; ++quantity) {
    if (quantity == v1::QUANTITY_INVERSE_ERROR) continue;
    measure.add_quantities(static_cast<v1::Quantity>(quantity));
  }
  measure.add_damping(0.1);
  measure.set_damping_search_epoch(2);
  return spec;
}

// The parts of a checkpoint that the training itself has made.
std::map<std::string, std::string> Trained(const std::string& checkpoint) {
  std::map<std::string, std::string> data;
  const SafetensorsFile file = ParseSafetensors(checkpoint, "checkpoint").value();
  for (const auto& [name, tensor] : file.tensors) {
    if (!absl::StartsWith(name, "damping_search/") && name != "statistics/seconds") {
      data[name] = tensor.data;
    }
  }
  return data;
}

TEST_P(EveryRule, MeasuringChangesNoBit) {
  const Outcome without = Train(Spec());
  const Outcome with = Train(Measured(Spec()));
  EXPECT_EQ(Trained(with.checkpoint), Trained(without.checkpoint));
  std::vector<v1::Measurement> epochs;
  for (v1::Measurement measurement : with.measurements) {
    if (measurement.scalars().empty()) continue;
    measurement.set_sequence(static_cast<int64_t>(epochs.size()) + 1);
    measurement.mutable_vectors()->erase("layer/damping_search/best");
    for (const char* damping : {"0", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1", "10"}) {
      measurement.mutable_vectors()->erase(absl::StrCat("layer/damping_search/angle/", damping));
    }
    epochs.push_back(measurement);
  }
  Outcome only_epochs = with;
  only_epochs.measurements = epochs;
  only_epochs.checkpoint = without.checkpoint;
  EXPECT_EQ(only_epochs.Bits(), without.Bits());
}

TEST_P(EveryRule, StepMeasurementsStandBetweenThoseOfEpochs) {
  const Outcome outcome = Train(Measured(Spec()));
  std::vector<std::pair<int64_t, int64_t>> places;
  for (size_t i = 0; i < outcome.measurements.size(); ++i) {
    const v1::Measurement& measurement = outcome.measurements[i];
    EXPECT_EQ(measurement.sequence(), static_cast<int64_t>(i) + 1);
    if (measurement.scalars().empty()) {
      places.emplace_back(measurement.step(), measurement.epoch());
      EXPECT_TRUE(measurement.vectors().contains("layer/gnt_angle_weight"));
      EXPECT_EQ(measurement.vectors().at("layer/bp_angle_weight").values_size(), 3);
    }
    EXPECT_EQ(measurement.vectors().contains("layer/damping_search/best"),
              measurement.epoch() == 2 && !measurement.scalars().empty());
  }
  const std::vector<std::pair<int64_t, int64_t>> expected = {{0, 0},  {4, 0},  {8, 0}, {12, 1},
                                                             {16, 1}, {20, 2}, {24, 2}};
  EXPECT_EQ(places, expected);
  EXPECT_FALSE(outcome.measurements.back().scalars().empty()) << "an epoch's is the last";
}

TEST_P(EveryRule, AMeasuredRunThatIsStoppedGoesOnWithTheSameBits) {
  v1::TrainingSpec spec = Measured(Spec());
  spec.set_epochs(2);
  const Outcome whole = Train(spec);
  for (int batches = 1;; batches += 5) {
    const auto first = Make(spec);
    const Outcome begun = Finish(*first, batches);
    if (begun.end == TrainingRun::End::kCompleted) break;
    const auto second = Make(spec);
    TP_ASSERT_OK(second->Restore(begun.checkpoint));
    Outcome rest = Finish(*second);
    rest.measurements.insert(rest.measurements.begin(), begun.measurements.begin(),
                             begun.measurements.end());
    ASSERT_EQ(rest.Bits(), whole.Bits()) << batches;
  }
}

TEST_F(TrainingRunTest, MayMeasureSomethingElseAfterACheckpoint) {
  const v1::TrainingSpec plain = SmallSpec("dtp");
  v1::TrainingSpec measured = plain;
  measured.mutable_measure()->set_every(3);
  measured.mutable_measure()->add_quantities(v1::QUANTITY_NORMS);
  const std::string checkpoint = Finish(*Make(plain), 12).checkpoint;
  const auto run = Make(measured);
  TP_ASSERT_OK(run->Restore(checkpoint));
  EXPECT_EQ(Trained(Finish(*run).checkpoint), Trained(Train(plain).checkpoint));

  // The sums of a damping search are part of the state.
  v1::TrainingSpec searching = measured;
  searching.mutable_measure()->add_quantities(v1::QUANTITY_DAMPING_SEARCH);
  EXPECT_THAT(Make(searching)->Restore(checkpoint),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another spec")));
}

TEST_F(TrainingRunTest, RefusesAMeasurementThatIsLargerThanMemory) {
  v1::TrainingSpec spec = Measured(SmallSpec("bp"));
  spec.mutable_network()->set_hidden(1, 1000000);
  EXPECT_THAT(TrainingRun::Create(spec, cache_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("measure.quantities[2]: gn_angle of layer 2"),
                             HasSubstr("1073741824"))));
}

TEST_F(TrainingRunTest, FrozenFeedbackHasAReconstructionLoss) {
  v1::TrainingSpec spec = Measured(FullSchedule("ddtp_linear", v1::PRECISION_FLOAT32));
  spec.mutable_feedback_schedule()->set_frozen(true);
  const Outcome outcome = Train(spec);
  const auto& losses = outcome.measurements[0].vectors().at("layer/reconstruction_loss").values();
  EXPECT_GT(losses[0], 0);
  EXPECT_GT(losses[1], 0);
  EXPECT_TRUE(std::isnan(losses[2]));
}

TEST_F(TrainingRunTest, FrozenFeedbackNeverMoves) {
  v1::TrainingSpec spec = FullSchedule("ddtp_linear", v1::PRECISION_FLOAT32);
  spec.mutable_feedback_schedule()->set_frozen(true);
  const auto run = Make(spec);
  const std::string before = run->Checkpoint();
  const Outcome outcome = Finish(*run);
  for (const char* name : {"Q1", "Q2"}) {
    EXPECT_EQ(TensorOf(before, name).data, TensorOf(outcome.checkpoint, name).data) << name;
  }
  EXPECT_NE(TensorOf(before, "W1").data, TensorOf(outcome.checkpoint, "W1").data);
  EXPECT_THAT(outcome.measurements.back().scalars(), Not(Contains(Key("feedback/loss"))));
}

TEST_F(TrainingRunTest, OnlyTheTrainedLayersMove) {
  v1::TrainingSpec spec = FullSchedule("dtp", v1::PRECISION_FLOAT32);
  spec.add_trained_layers(1);
  const auto run = Make(spec);
  const std::string before = run->Checkpoint();
  const Outcome outcome = Finish(*run);
  for (const char* name : {"W2", "b2", "W3", "b3"}) {
    EXPECT_EQ(TensorOf(before, name).data, TensorOf(outcome.checkpoint, name).data) << name;
  }
  for (const char* name : {"W1", "b1", "Q2", "Q3"}) {
    EXPECT_NE(TensorOf(before, name).data, TensorOf(outcome.checkpoint, name).data) << name;
  }
  const auto& update = outcome.measurements.back().vectors().at("layer/update_norm").values();
  EXPECT_GT(update[0], 0);
  EXPECT_EQ(update[1], 0);
  EXPECT_EQ(update[2], 0);
}

TEST_F(TrainingRunTest, NoEpochsReportsAtOnceWithoutData) {
  v1::TrainingSpec spec = SmallSpec("bp", "no-such-data");
  spec.set_epochs(0);
  const Outcome outcome = Train(spec);
  EXPECT_EQ(outcome.end, TrainingRun::End::kCompleted);
  ASSERT_EQ(outcome.measurements.size(), 1u);
  EXPECT_EQ(outcome.measurements[0].sequence(), 1);
  EXPECT_EQ(outcome.measurements[0].epoch(), 0);
  EXPECT_EQ(outcome.measurements[0].scalars().size(), 1u);
  EXPECT_EQ(Scalar(outcome.measurements[0], "seconds"), 0);
  TP_EXPECT_OK(Make(spec)->Restore(outcome.checkpoint));
}

TEST_F(TrainingRunTest, ShortLastBatchIsWeightedByItsSamples) {
  // Nothing moves, so the running values of training are the exact means, for
  // whatever batch size.
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.set_precision(v1::PRECISION_FLOAT64);
  spec.mutable_forward()->set_lr(0, 0);
  spec.set_epochs(1);
  std::vector<v1::Measurement> measurements;
  for (const int batch_size : {1, 16, 129, 130, 1000}) {
    spec.set_batch_size(batch_size);
    measurements.push_back(Train(spec).measurements.at(0));
    EXPECT_EQ(measurements.back().step(), (130 + batch_size - 1) / batch_size);
  }
  for (const v1::Measurement& measurement : measurements) {
    EXPECT_NEAR(Scalar(measurement, "train/loss"), Scalar(measurements[0], "train/loss"), 1e-12);
    EXPECT_EQ(Scalar(measurement, "train/error"), Scalar(measurements[0], "train/error"));
    EXPECT_EQ(Scalar(measurement, "test/loss"), Scalar(measurements[0], "test/loss"));
  }
  // And the exact mean over the training samples is what the other halves get.
  spec.mutable_dataset()->set_validation(0);
  const v1::Measurement all = Train(spec).measurements.at(0);
  EXPECT_NEAR(
      150 * Scalar(all, "train/loss"),
      130 * Scalar(measurements[0], "train/loss") + 20 * Scalar(measurements[0], "validation/loss"),
      1e-10);
  EXPECT_THAT(all.scalars(), Not(Contains(Key("validation/loss"))));
}

TEST_F(TrainingRunTest, GoesOnFromACheckpointForMoreEpochsAndWithMoreThreads) {
  v1::TrainingSpec longer = FullSchedule("dtp", v1::PRECISION_FLOAT32);
  v1::TrainingSpec shorter = longer;
  shorter.set_epochs(2);
  const std::string checkpoint = Train(shorter).checkpoint;
  longer.set_threads_per_run(2);
  const auto run = Make(longer);
  TP_ASSERT_OK(run->Restore(checkpoint));
  const Outcome rest = Finish(*run);
  ASSERT_EQ(rest.measurements.size(), 1u);
  EXPECT_EQ(rest.measurements[0].sequence(), 3);
  EXPECT_EQ(rest.checkpoint, Train(longer).checkpoint);

  v1::TrainingSpec too_short = longer;
  too_short.set_epochs(1);
  EXPECT_THAT(Make(too_short)->Restore(checkpoint),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("beyond epochs: 1")));
}

TEST_F(TrainingRunTest, InheritsAStateAndGoesOnWithItsOwnNumbers) {
  v1::TrainingSpec spec = FullSchedule("dtp", v1::PRECISION_FLOAT32);
  v1::TrainingSpec begun = spec;
  begun.set_epochs(1);
  const std::string checkpoint = Train(begun).checkpoint;
  const auto rest_of = [&](const v1::TrainingSpec& child) {
    const auto run = Make(child);
    TP_EXPECT_OK(run->Inherit(checkpoint));
    return Finish(*run);
  };
  const Outcome same = rest_of(spec);
  EXPECT_EQ(same.measurements.at(0).epoch(), 2);
  EXPECT_EQ(same.checkpoint, Train(spec).checkpoint) << "with the same numbers the same bits";

  const auto changes = [&](const std::function<void(v1::TrainingSpec&)>& change) {
    v1::TrainingSpec child = spec;
    change(child);
    EXPECT_THAT(Make(child)->Restore(checkpoint),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another spec")));
    return Trained(rest_of(child).checkpoint) != Trained(same.checkpoint);
  };
  EXPECT_TRUE(changes([](auto& child) { child.mutable_forward()->set_lr(0, 0.02); }));
  EXPECT_TRUE(changes([](auto& child) { child.mutable_feedback()->set_lr(0, 0.02); }));
  EXPECT_TRUE(changes([](auto& child) { child.mutable_dtp()->set_sigma(0.3); }));
  EXPECT_TRUE(changes([](auto& child) { child.mutable_dtp()->set_target_stepsize(0.02); }));

  v1::TrainingSpec other = spec;
  other.set_seed(spec.seed() + 1);
  EXPECT_THAT(Make(other)->Inherit(checkpoint),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another spec")));
  other = spec;
  other.mutable_network()->set_activation(v1::ACTIVATION_RELU);
  EXPECT_THAT(Make(other)->Inherit(checkpoint),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another spec")));
}

TEST_F(TrainingRunTest, RefusesACheckpointOfAnotherSpecOrOtherData) {
  const v1::TrainingSpec spec = SmallSpec("dtp");
  const std::string checkpoint = Train(spec).checkpoint;
  v1::TrainingSpec other = spec;
  other.set_batch_size(17);
  EXPECT_THAT(Make(other)->Restore(checkpoint),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("another spec"), HasSubstr("it has 'batch_size: 16'"),
                             HasSubstr("this run has 'batch_size: 17'"))));
  EXPECT_THAT(Make(SmallSpec("bp"))->Restore(checkpoint),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another spec")));

  TempFolder elsewhere;
  WriteSyntheticIdx(elsewhere.File("toy"), {.train = 150, .seed = 9});
  DataSetCache cache({elsewhere.path()});
  TP_ASSERT_OK_AND_ASSIGN(const auto run, TrainingRun::Create(spec, cache));
  EXPECT_THAT(run->Restore(checkpoint),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("other content")));
}

TEST_F(TrainingRunTest, RefusesADamagedCheckpointAndStaysAsItWas) {
  v1::TrainingSpec spec = FullSchedule("dtp", v1::PRECISION_FLOAT32);
  const auto stopped = Make(spec);
  const std::string good = Finish(*stopped, 12).checkpoint;
  const SafetensorsFile file = ParseSafetensors(good, "good").value();
  const auto run = Make(spec);
  const std::string before = run->Checkpoint();
  const auto error_of = [&](const std::function<void(SafetensorsFile&)>& damage) {
    SafetensorsFile bad = file;
    damage(bad);
    const absl::Status status = run->Restore(SerializeSafetensors(bad));
    EXPECT_EQ(run->Checkpoint(), before);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(status.message());
  };
  const auto set = [](SafetensorsFile& bad, const char* name, int64_t value) {
    bad.tensors[name].data = std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  EXPECT_THAT(error_of([](auto& bad) { bad.metadata.clear(); }), HasSubstr("its format is ''"));
  EXPECT_THAT(error_of([](auto& bad) { bad.tensors.erase("W2"); }), HasSubstr("'W2' is missing"));
  EXPECT_THAT(error_of([](auto& bad) { bad.tensors.erase("position/epoch"); }),
              HasSubstr("'position/epoch' is missing"));
  EXPECT_THAT(error_of([](auto& bad) {
                bad.tensors["x"] = {TensorType::kUint8, {0}, ""};
              }),
              HasSubstr("'x' is no part"));
  EXPECT_THAT(error_of([](auto& bad) { std::swap(bad.tensors["W1"], bad.tensors["W2"]); }),
              HasSubstr("'W1' has shape [9, 12], not [12, 16]"));
  EXPECT_THAT(error_of([](auto& bad) {
                bad.tensors["Q2"].type = TensorType::kFloat64;
                bad.tensors["Q2"].data.resize(2 * bad.tensors["Q2"].data.size());
              }),
              HasSubstr("'Q2' has numbers of another type"));
  EXPECT_THAT(error_of([&](auto& bad) { set(bad, "position/epoch", -1); }),
              HasSubstr("no run is ever at its position"));
  EXPECT_THAT(error_of([&](auto& bad) { set(bad, "position/epoch", int64_t{1} << 62); }),
              HasSubstr("beyond epochs: 3"));
  EXPECT_THAT(error_of([&](auto& bad) { set(bad, "position/phase", 77); }),
              HasSubstr("no run is ever at its position"));
  EXPECT_THAT(error_of([&](auto& bad) { set(bad, "position/batch", 9); }),
              HasSubstr("no run is ever at its position"));
  EXPECT_THAT(error_of([&](auto& bad) { set(bad, "statistics/num_misclassified", -5); }),
              HasSubstr("statistics"));
  EXPECT_THAT(error_of([&](auto& bad) { set(bad, "selection/epoch", 1); }),
              HasSubstr("its selected epoch 1 is not one of the 0 that are done"));
  EXPECT_THAT(error_of([](auto& bad) {
                const double bad_value = NAN;
                std::memcpy(bad.tensors["statistics/seconds"].data.data(), &bad_value, 8);
              }),
              HasSubstr("statistics"));
  EXPECT_FALSE(run->Restore("").ok());
  EXPECT_FALSE(run->Restore(good.substr(0, good.size() - 1)).ok());
  TP_EXPECT_OK(run->Restore(good));
  EXPECT_EQ(run->Checkpoint(), good);
}

TEST_F(TrainingRunTest, SaysWhatDoesNotFitTheData) {
  v1::TrainingSpec spec = SmallSpec("bp");
  spec.mutable_dataset()->set_validation(150);
  EXPECT_THAT(TrainingRun::Create(spec, cache_),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("dataset.validation: 150")));
  EXPECT_THAT(TrainingRun::Create(SmallSpec("bp", "absent"), cache_),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'absent'")));
}

TEST_F(TrainingRunTest, SeedDecidesTheRun) {
  v1::TrainingSpec spec = SmallSpec("dtp");
  const auto first = Train(spec).Bits();
  EXPECT_EQ(Train(spec).Bits(), first);
  spec.set_seed(2);
  EXPECT_NE(Train(spec).Bits(), first);
}

TEST(TrainingRunOnRealData, OneEpochOfBackpropLearnsFashionMnist) {
  DataSetCache cache({"/usr/share/datasets"});
  v1::TrainingSpec spec = SmallSpec("bp", "fashion-mnist");
  spec.mutable_dataset()->set_validation(5000);
  spec.mutable_dataset()->set_train_samples(10000);
  spec.mutable_network()->set_hidden(0, 64);
  spec.mutable_network()->set_hidden(1, 64);
  spec.mutable_forward()->set_lr(0, 0.001);
  spec.set_batch_size(32);
  spec.set_epochs(1);
  TP_ASSERT_OK_AND_ASSIGN(const auto run, TrainingRun::Create(spec, cache));
  std::vector<v1::Measurement> measurements;
  const auto result =
      run->Train([&](const auto& m) { measurements.push_back(m); }, [] { return false; });
  ASSERT_EQ(result.end, TrainingRun::End::kCompleted) << result.message;
  EXPECT_LT(Scalar(measurements.at(0), "validation/error"), 0.35);
  EXPECT_LT(Scalar(measurements.at(0), "test/error"), 0.35);
  EXPECT_GT(Scalar(measurements.at(0), "test/error"), 0.05);
}

}  // namespace
}  // namespace tpsweep::trainer
