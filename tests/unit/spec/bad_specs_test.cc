// What bad sweep files get: the place, the field and what is legal. One row each.
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/spec/yaml.h"
#include "tests/fakes/status_matchers.h"

namespace tpsweep::spec {
namespace {

using testing::HasSubstr;

// A row replaces one line of this good file, counted from 1.
constexpr char kGood[] = R"(study: s
training: {dataset: {name: mnist}, network: {hidden: [8]}, rule: bp}
search: {sampler: grid}
space: {training.epochs: {choice: [1, 2]}}
objective: {metric: validation/error})";

constexpr int kWholeFile = 0;

struct BadSpec {
  const char* name;
  int line;
  std::string text;
  const char* message;  // part of the error
};

const BadSpec kBadSpecs[] = {
    // The file itself.
    {"EmptyFile", kWholeFile, "", "sweep.yaml:1:1: is empty"},
    {"OnlyAComment", kWholeFile, "# nothing\n", "sweep.yaml:1:1: is empty"},
    {"NotAMap", kWholeFile, "- a\n- b\n", "sweep.yaml:1:1: is a list; legal: a map with study, "},
    {"NotYaml", 1, "study: [s", "sweep.yaml:"},
    {"Tab", kWholeFile, "study: s\ntraining:\n\tepochs: 3\n",
     "sweep.yaml:3:8: not YAML: illegal map value (the line is indented by a tab; use spaces)"},
    {"TwoDocuments", 1, "study: s\n---", "sweep.yaml:2:1: a second document begins; one is legal"},
    {"NotUtf8", 1, "study: \xff", "sweep.yaml:1: byte 7 is not UTF-8 text"},
    {"EscapeThatIsNotUtf8", 1, "study: \"a\\_b\"",
     "sweep.yaml:1:8: has an escape that does not make UTF-8"},
    {"TooLarge", 1, "study: " + std::string(1 << 20, 'a'), "at most 1048576 are legal"},
    {"TooDeep", 1, "study: " + std::string(60, '[') + std::string(60, ']'),
     "sweep.yaml:1:57: nested deeper than 50"},
    {"FarTooDeep", 1, "study: " + std::string(100000, '['), ": nested deeper than 50"},
    {"AliasBomb", 1,
     "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
     "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
     "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]",
     "sweep.yaml:5:35: more than 100000 values"},
    {"AliasWithinItself", 1, "study: &a [*a]", "sweep.yaml:1:12: "},
    {"Tag", 1, "study: !!int 3", "sweep.yaml:1:8: the tag tag:yaml.org,2002:int is not used"},
    // Keys.
    {"UnknownTopKey", 1, "studdy: s",
     "sweep.yaml:1:1: studdy: no such field; did you mean 'study'? legal: study, training, space, "
     "search, objective, budget, further_objectives, constraints"},
    {"UnknownKey", 2, "training: {dataset: {name: mnist}, rule: bp, epoch: 3}",
     "sweep.yaml:2:46: training.epoch: no such field; did you mean 'epochs'? legal: dataset, "},
    {"UnknownKeyNotNear", 2, "training: {dataset: {name: mnist}, rule: bp, dropout: 3}",
     "sweep.yaml:2:46: training.dropout: no such field; legal: dataset, network, loss, "},
    {"DuplicateKey", 1, "study: s\nstudy: t",
     "sweep.yaml:2:1: study: is there twice, first in line 1"},
    {"KeyIsAList", 1, "study: s\n? [a]\n: b",
     "sweep.yaml:2:3: has a key that is a list; a key is a word"},
    {"UnknownDomain", 4, "space: {training.epochs: {chioce: [1, 2]}}",
     "sweep.yaml:4:27: space.training.epochs.chioce: no such field; did you mean 'choice'? legal: "
     "linear, log, integer, choice, boolean, points, when"},
    {"TwoDomains", 4, "space: {training.epochs: {choice: [1, 2], integer: [1, 2]}}",
     "sweep.yaml:4:43: space.training.epochs.integer: cannot be chosen beside choice; legal: one "
     "of "
     "linear, log, integer, choice, boolean"},
    {"TwoOptimisers", 2,
     "training: {dataset: {name: mnist}, rule: bp, forward: {adam: {}, sgd: {}}}",
     "sweep.yaml:2:66: training.forward.sgd: cannot be chosen beside adam"},
    {"OptimiserTwice", 2,
     "training: {dataset: {name: mnist}, rule: bp, forward: {adam: {}, algorithm: sgd}}",
     "sweep.yaml:2:77: training.forward.algorithm: is already adam"},
    // Types.
    {"TextForNumber", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: many}",
     "sweep.yaml:2:54: training.epochs: 'many' is text; legal: a whole number in [0, 1000000]"},
    {"QuotedNumber", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: '3'}",
     "training.epochs: '3' is text; legal: a whole number in [0, 1000000]"},
    {"FractionForInteger", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: 5.5}",
     "sweep.yaml:2:54: training.epochs: 5.5 is not a whole number; legal: a whole number in "},
    {"HugeInteger", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: 1e300}",
     "training.epochs: 1e300 is out of range"},
    {"NotFinite", 2, "training: {dataset: {name: mnist}, rule: bp, soft_target: .nan}",
     "training.soft_target: .nan is not a finite number"},
    {"Overflow", 2, "training: {dataset: {name: mnist}, rule: bp, soft_target: 1e999}",
     "training.soft_target: .inf is not a finite number"},
    {"NumberForBool", 2, "training: {dataset: {name: mnist}, rule: bp, normalize_lr: 1}",
     "training.normalize_lr: 1 is a number; legal: true or false"},
    {"YesForBool", 2, "training: {dataset: {name: mnist}, rule: bp, normalize_lr: yes}",
     "training.normalize_lr: 'yes' is text; legal: true or false"},
    {"MapForNumber", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: {a: 1}}",
     "sweep.yaml:2:54: training.epochs: is a map; legal: a whole number in [0, 1000000]"},
    {"ListForNumber", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: [1, 2]}",
     "sweep.yaml:2:54: training.epochs: [1, 2] is a list; legal: a whole number in [0, 1000000]"},
    {"WordForMap", 2, "training: mnist",
     "sweep.yaml:2:11: training: is 'mnist'; legal: a map with dataset, "},
    {"NoValue", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: }",
     "sweep.yaml:2:46: training.epochs: has no value; legal: a whole number in [0, 1000000]"},
    {"NullForNumber", 2, "training: {dataset: {name: mnist}, rule: bp, epochs: null}",
     "training.epochs: has no value"},
    {"NullInList", 2, "training: {dataset: {name: mnist}, network: {hidden: [8, ~]}, rule: bp}",
     "sweep.yaml:2:58: training.network.hidden[1]: null is no value; legal: a list of whole "
     "numbers"},
    {"WordInList", 2, "training: {dataset: {name: mnist}, network: {hidden: [8, big]}, rule: bp}",
     "sweep.yaml:2:58: training.network.hidden[1]: 'big' is text"},
    {"UnknownEnum", 2, "training: {dataset: {name: mnist}, network: {activation: tahn}, rule: bp}",
     "sweep.yaml:2:58: training.network.activation: 'tahn' is unknown; did you mean 'tanh'? legal: "
     "linear, tanh, relu, leaky_relu, sigmoid, "},
    {"UnknownRule", 2, "training: {dataset: {name: mnist}, rule: ddtp}",
     "sweep.yaml:2:42: training.rule: 'ddtp' is unknown; did you mean 'dtp'? legal: bp, dtp, "
     "ddtp_linear"},
    {"UnknownRuleField", 2, "training: {dataset: {name: mnist}, rule: {dtp: {sigmma: 1}}}",
     "sweep.yaml:2:49: training.rule.dtp.sigmma: no such field; did you mean 'sigma'? legal: "
     "target_stepsize, sigma, feedback_activation"},
    {"TwoRules", 2, "training: {dataset: {name: mnist}, rule: {bp: {}, dtp: {}}}",
     "sweep.yaml:2:42: training.rule: has several keys; legal: one of bp, dtp, ddtp_linear"},
    {"UnknownSampler", 3, "search: {sampler: girid}",
     "sweep.yaml:3:19: search.sampler: 'girid' is unknown; did you mean 'grid'? legal: grid, "
     "random"},
    {"IntervalOfThree", 4, "space: {training.soft_target: {linear: [0.1, 0.2, 0.3], points: 2}}",
     "sweep.yaml:4:40: space.training.soft_target.linear: has 3 elements; legal: [low, high]"},
    {"SpaceIsAList", 4, "space: [training.epochs]",
     "sweep.yaml:4:8: space: is a list; legal: a map from the path of a field"},
    {"MapInChoice", 4, "space: {training.rule: {choice: [{dtp: {}}]}}",
     "sweep.yaml:4:34: space.training.rule.choice: is a map; legal: a number, a word, "},
    // Values out of range, and what is missing.
    {"NoStudy", 1, "", "sweep.yaml:2:1: study: must be set; legal: text matching "},
    {"BadName", 1, "study: a/b", "sweep.yaml:1:8: study: 'a/b' does not match [A-Za-z0-9]"},
    {"NoTraining", 2, "",
     "sweep.yaml:1:1: training.dataset: must be set; legal: a map with name, "},
    {"NoDataset", 2, "training: {rule: bp}", "sweep.yaml:2:1: training.dataset: must be set"},
    {"NoDatasetName", 2, "training: {dataset: {validation: 5}, rule: bp}",
     "sweep.yaml:2:12: training.dataset.name: must be set"},
    {"PathInDatasetName", 2, "training: {dataset: {name: ../etc}, rule: bp}",
     "sweep.yaml:2:28: training.dataset.name: '../etc' does not match "},
    {"NoRule", 2, "training: {dataset: {name: mnist}}",
     "sweep.yaml:2:1: training.rule: must be chosen; legal: bp, dtp, ddtp_linear"},
    {"WidthZero", 2, "training: {dataset: {name: mnist}, network: {hidden: [8, 0]}, rule: bp}",
     "sweep.yaml:2:58: training.network.hidden[1]: 0 is not in [1, 1000000]"},
    {"SigmaZero", 2, "training: {dataset: {name: mnist}, rule: {dtp: {sigma: 0}}}",
     "sweep.yaml:2:56: training.rule.dtp.sigma: 0 is not in (0, 10]"},
    {"NegativeRate", 2, "training: {dataset: {name: mnist}, rule: bp, forward: {lr: -0.1}}",
     "sweep.yaml:2:60: training.forward.lr: -0.1 is not in [0, 1000]"},
    {"BetaOne", 2, "training: {dataset: {name: mnist}, rule: bp, forward: {adam: {beta1: 1}}}",
     "sweep.yaml:2:70: training.forward.algorithm.adam.beta1: 1 is not in [0, 1)"},
    {"BatchZero", 2, "training: {dataset: {name: mnist}, rule: bp, batch_size: 0}",
     "training.batch_size: 0 is not in [1, 1000000]"},
    {"NoReplicates", 3, "search: {sampler: grid, replicates: 0}",
     "sweep.yaml:3:37: search.replicates: 0 is not in [1, 100000]"},
    {"NoTrials", 3, "search: {sampler: {random: {trials: 0}}}",
     "sweep.yaml:3:37: search.sampler.random.trials: 0 is not in [1, 10000000]"},
    {"SeedTooLarge", 3, "search: {sampler: grid, seed: 9007199254740992}",
     "search.seed: 9007199254740992 is not in [0, 9007199254740991]"},
    {"SeedInStudy", 2, "training: {dataset: {name: mnist}, rule: bp, seed: 3}",
     "sweep.yaml:2:52: training.seed: cannot be set in a study, where each run gets its own; set "
     "search.seed"},
    {"UnknownMetric", 5, "objective: {metric: validation/eror}",
     "sweep.yaml:5:21: objective.metric: 'validation/eror' is not a metric; did you mean "
     "'validation/error'? legal: train/loss, "},
    {"MetricWithoutValidation", 2, "training: {dataset: {name: mnist, validation: 0}, rule: bp}",
     "sweep.yaml:5:21: objective.metric: validation/error needs training.dataset.validation above "
     "0"},
    {"UnknownGoal", 5, "objective: {goal: minimise}",
     "objective.goal: 'minimise' is unknown; did you mean 'minimize'? legal: minimize, maximize"},
    // Fields that do not go together.
    {"CrossEntropyOfSigmoid", 2,
     "training: {dataset: {name: mnist}, rule: bp, network: {output_activation: sigmoid}}",
     "sweep.yaml:2:75: training.network.output_activation: sigmoid does not go with the loss "
     "cross_entropy, which needs linear (set loss: mse or half_squares for other output "
     "activations)"},
    {"LogitInForward", 2,
     "training: {dataset: {name: mnist}, rule: bp, network: {activation: logit}}",
     "training.network.activation: logit is for feedback paths only; legal: linear, "},
    {"DdtpWithoutHidden", 2,
     "training: {dataset: {name: mnist}, network: {hidden: []}, rule: ddtp_linear}",
     "sweep.yaml:2:46: training.network.hidden: is empty; the rule ddtp_linear needs one hidden "
     "layer"},
    {"RatesForOtherDepth", 2,
     "training: {dataset: {name: mnist}, rule: bp, network: {hidden: [8, 8]}, forward: {lr: [1, "
     "2]}}",
     "training.forward.lr: has 2 entries; legal: 1, or 3 (one for each layer)"},
    {"EpsilonsForOtherDepth", 2,
     "training: {dataset: {name: mnist}, rule: dtp, feedback: {adam: {epsilon: [1, 1]}}}",
     "training.feedback.algorithm.adam.epsilon: has 2 entries; legal: 1"},
    {"NoSuchLayer", 2,
     "training: {dataset: {name: mnist}, rule: bp, network: {hidden: [8]}, trained_layers: [1, 3]}",
     "sweep.yaml:2:90: training.trained_layers[1]: 3 is not in [1, 2]: the network has 2 layers"},
    {"LayerTwice", 2, "training: {dataset: {name: mnist}, rule: bp, trained_layers: [1, 1]}",
     "training.trained_layers[1]: 1 is there twice"},
    {"MeasuresNothing", 2, "training: {dataset: {name: mnist}, rule: bp, measure: {every: 30}}",
     "training.measure.quantities: is empty, and measure.every is 30"},
    {"DampingsForOtherDepth", 2,
     "training: {dataset: {name: mnist}, rule: bp, network: {hidden: [8, 8, 8]}, measure: "
     "{damping: [1, 1]}}",
     "training.measure.damping: has 2 entries; legal: 1, or 3 (one for each hidden layer)"},
    {"DampingSearchAfterTheEnd", 2,
     "training: {dataset: {name: mnist}, rule: bp, measure: {every: 30, quantities: "
     "[damping_search], damping_search_epoch: 1000000}}",
     "training.measure.damping_search_epoch: 1000000 is after the last epoch (training.epochs is "
     "1)"},
    {"JointJacobianLargerThanMemory", 2,
     "training: {dataset: {name: mnist}, rule: bp, network: {hidden: [256]}, measure: {every: 30, "
     "quantities: [bp_angle, nullspace]}}",
     "training.measure.quantities[1]: nullspace of layer 1 needs 2110259200 bytes (200960 "
     "parameters, 1280 outputs of a mini-batch); at most 1073741824 are legal"},
    {"TooManyWeights", 2,
     "training: {dataset: {name: mnist}, rule: bp, network: {hidden: [100000, 100000]}}",
     "training.network.hidden: makes 10079400000 weights; at most 2147483647"},
    // Objectives and constraints.
    {"VectorWithoutLayer", 5, "objective: {metric: layer/update_norm}",
     "objective.metric: layer/update_norm has an entry for each layer; say which: "
     "layer/update_norm[1] is the first"},
    {"UnknownVector", 5, "objective: {metric: 'layer/updat_norm[1]'}",
     "objective.metric: 'layer/updat_norm' is not a vector with an entry a layer; did you mean "
     "'layer/update_norm'?"},
    {"NoSuchLayerOfAVector", 5, "objective: {metric: 'layer/update_norm[3]'}",
     "there is no layer 3; the network has layers 1 to 2"},
    {"VectorThatIsNotMeasured", 5, "objective: {metric: 'layer/bp_angle_weight[2]'}",
     "objective.metric: layer/bp_angle_weight[2] is not measured; it needs training.measure: "
     "{every: N, quantities: [bp_angle]}"},
    {"ObjectiveTwice", 5, "further_objectives: [{metric: validation/error}]",
     "further_objectives[0].metric: validation/error is an objective already (objective.metric)"},
    {"ConstraintOnNothing", 5, "constraints: [{metric: secnods, at_most: 3}]",
     "constraints[0].metric: 'secnods' is not a metric; did you mean 'seconds'?"},
    {"ConstraintWithoutBound", 5, "constraints: [{metric: seconds}]",
     "constraints[0].at_most: must be set"},
    {"SeveralObjectivesForOne", 3,
     "search: {sampler: tpe}\nfurther_objectives: [{metric: seconds}]",
     "further_objectives: the sampler tpe has one objective, and there are 2; use nsga2"},
    // How it is searched.
    {"GpOfChoices", 3, "search: {sampler: gp}",
     "search.sampler: gp models numbers, and no parameter is one (linear, log, integer); use tpe"},
    {"CmaEsOfChoices", 3, "search: {sampler: cma_es}", "search.sampler: cma_es models numbers"},
    {"PriorOutside", 4, "space: {training.forward.lr: {log: [1e-5, 1e-2], points: 3, prior: 0.1}}",
     "space.training.forward.lr.prior: 0.1 is not legal here; legal: [1e-5, 0.01]"},
    {"PriorNotOfTheChoice", 4, "space: {training.epochs: {choice: [1, 2], prior: 3}}",
     "space.training.epochs.prior: 3 is not legal here; legal: 1, 2"},
    {"PriorOnAGrid", 4, "space: {training.epochs: {choice: [1, 2], prior: 2}}",
     "space.training.epochs.prior: is for samplers that choose"},
    {"TrustWithoutPrior", 4, "space: {training.epochs: {choice: [1, 2], trust: 0.5}}",
     "space.training.epochs.trust: 0.5 is trust in no prior; add prior: VALUE"},
    {"TooMuchTrust", 4, "space: {training.epochs: {choice: [1, 2], prior: 1, trust: 1}}",
     "space.training.epochs.trust: 1 is not in (0, 1)"},
    {"FirstNotSearched", 3, "search: {sampler: tpe, first: [{training.epoch: 1}]}",
     "search.first[0].training.epoch: is not searched; did you mean 'training.epochs'?"},
    {"FirstOutside", 3, "search: {sampler: tpe, first: [{training.epochs: 3}]}",
     "search.first[0].training.epochs: 3 is not legal here; legal: 1, 2"},
    {"FirstTwice", 3, "search: {sampler: tpe, first: [{training.epochs: 2}, {training.epochs: 2}]}",
     "search.first[1]: is the same as search.first[0]; set search.repeats: true"},
    {"FirstOnAGrid", 3, "search: {sampler: grid, first: [{training.epochs: 2}]}",
     "search.first: is for samplers that choose"},
    {"ImportOfItself", 3, "search: {sampler: tpe, import_from: [{study: s}]}",
     "search.import_from[0].study: 's' is this study itself"},
    {"ImportForRandom", 3, "search: {sampler: random, import_from: [{study: t}]}",
     "search.import_from: the sampler random learns from no trials; use tpe"},
    {"ImportMapsNothing", 3,
     "search: {sampler: tpe, import_from: [{study: t, parameters: {training.epoch: "
     "training.epochs}}]}",
     "search.import_from[0].parameters.training.epoch: is not searched; did you mean"},
    // The space.
    {"NothingToDraw", kWholeFile,
     "study: s\ntraining: {dataset: {name: mnist}, rule: bp}\nsearch: {sampler: random}\n"
     "space: {}\n",
     "sweep.yaml:4:1: space: is empty, and the sampler has nothing to choose; for a single "
     "configuration set search.sampler: grid"},
    {"ListOfLayersSearched", 4, "space: {training.network.layers: {choice: [conv]}}",
     "space.training.network.layers: is a list of groups of fields, which cannot be searched as a "
     "whole; search training.network.layers[0] and so on"},
    {"LayersWithoutAnIndex", 4, "space: {training.network.layers.dense.units: {choice: [1]}}",
     "training.network.layers: is a list: name one of its elements, as in "
     "training.network.layers[0]"},
    {"GapInLayers", 4, "space: {'training.network.layers[1].dense.units': {choice: [1]}}",
     "training.network.layers[1].dense.units: the list has 0 elements"},
    {"UnitsOutOfRange", 4, "space: {'training.network.layers[0].dense.units': {choice: [0, 1]}}",
     "space.training.network.layers[0].dense.units: 0 is not in [1, 1000000]"},
    {"NoSuchPath", 4, "space: {training.forward.lrr: {log: [1, 2], points: 2}}",
     "sweep.yaml:4:9: space.training.forward.lrr: no such field; did you mean 'lr'? legal: lr, "
     "algorithm, weight_decay"},
    {"PathWithoutTraining", 4, "space: {forward.lr: {choice: [1]}}",
     "sweep.yaml:4:9: space.forward.lr: only fields of training can be searched; did you mean "
     "'training.forward.lr'?"},
    {"PathOfOtherPart", 4, "space: {search.replicates: {choice: [1]}}",
     "space.search.replicates: only fields of training can be searched"},
    {"PathSkipsOneof", 4, "space: {training.forward.adam.beta1: {choice: [0.9]}}",
     "training.forward.adam: no such field; did you mean 'algorithm.adam'?"},
    {"PathOfGroup", 4, "space: {training.forward: {choice: [1]}}",
     "space.training.forward: is a group of fields; search one of lr, algorithm, weight_decay"},
    {"PathBelowNumber", 4, "space: {training.epochs.a: {choice: [1]}}",
     "training.epochs: has no fields of its own (it is a whole number)"},
    {"IndexOfNoList", 4, "space: {'training.epochs[0]': {choice: [1]}}",
     "training.epochs: not a list"},
    {"BadIndex", 4, "space: {'training.forward.lr[x]': {choice: [1]}}",
     "an element of a list is written lr[0], counted from 0"},
    {"SeedSearched", 4, "space: {training.seed: {choice: [1]}}",
     "space.training.seed: cannot be searched: each run gets its own seed"},
    {"FixedAndSearched", 4, "space: {training.network.hidden: {choice: [[1]]}}",
     "sweep.yaml:4:9: space.training.network.hidden: is fixed as well as searched; remove it from "
     "training or from space"},
    {"RuleFixedAndSearched", 4, "space: {training.rule: {choice: [bp, dtp]}}",
     "space.training.rule: is fixed as well as searched"},
    {"SearchedTwice", 4, "space: {training.epochs: {choice: [1]}, training.epochs: {choice: [2]}}",
     "sweep.yaml:4:41: space.training.epochs: is there twice, first in line 4"},
    {"ListAndElement", 4,
     "space: {training.forward.lr: {choice: [1]}, 'training.forward.lr[0]': {choice: [1]}}",
     "space.training.forward.lr: is searched as a whole and by its elements"},
    {"FieldOfOtherRule", 4, "space: {training.rule.dtp.sigma: {choice: [0.1]}}",
     "space.training.rule.dtp.sigma: exists only where training.rule is dtp, but it is bp"},
    {"NoDomain", 4, "space: {training.epochs: {}}",
     "sweep.yaml:4:9: space.training.epochs: must be chosen; legal: linear, log, integer, choice, "
     "boolean"},
    {"EmptyInterval", 4, "space: {training.forward.lr: {linear: [2, 1], points: 2}}",
     "space.training.forward.lr: the interval [2, 1] is empty: low must be below high"},
    {"LogOfZero", 4, "space: {training.forward.lr: {log: [0, 1], points: 2}}",
     "space.training.forward.lr: log: low is 0; it must be above 0"},
    {"FractionalEnds", 4, "space: {training.epochs: {integer: [0.5, 2]}}",
     "space.training.epochs: integer: the ends 0.5 and 2 must be whole numbers"},
    {"IntervalBeyondRange", 4, "space: {training.soft_target: {linear: [0.5, 2], points: 2}}",
     "sweep.yaml:4:9: space.training.soft_target: 2 is not in (0, 1]"},
    {"InfiniteInterval", 4, "space: {training.soft_target: {linear: [0.5, .inf], points: 2}}",
     "is not a finite number"},
    {"LinearOfInteger", 4, "space: {training.epochs: {linear: [1, 4], points: 2}}",
     "space.training.epochs: linear does not go with a whole number in [0, 1000000]; use integer: "
     "[low, high] or choice: [...]"},
    {"IntervalOfEnum", 4, "space: {training.loss: {linear: [1, 4], points: 2}}",
     "space.training.loss: linear does not go with one of cross_entropy, mse, half_squares; use "
     "choice: [...]"},
    {"BooleanOfNumber", 4, "space: {training.epochs: {boolean: {}}}",
     "space.training.epochs: boolean does not go with a whole number"},
    {"EmptyChoice", 4, "space: {training.epochs: {choice: []}}",
     "sweep.yaml:4:27: space.training.epochs.choice.values: has 0 elements; at least 1 needed"},
    {"SameChoiceTwice", 4, "space: {training.epochs: {choice: [1, 2, 1.0]}}",
     "space.training.epochs: choice: 1 is there twice"},
    {"IllegalChoice", 4, "space: {training.epochs: {choice: [1, -2]}}",
     "space.training.epochs: -2 is not in [0, 1000000]"},
    {"UnknownChoice", 4, "space: {training.loss: {choice: [mse, cros_entropy]}}",
     "space.training.loss: 'cros_entropy' is unknown; did you mean 'cross_entropy'?"},
    {"ListForElement", 4, "space: {'training.forward.lr[0]': {choice: [[1, 2]]}}",
     "space.training.forward.lr[0]: [1, 2] is a list"},
    {"GapInElements", 4, "space: {'training.forward.lr[1]': {choice: [0.1]}}",
     "training.forward.lr[1]: the list has 0 elements"},
    {"PointsMissing", 4, "space: {training.forward.lr: {log: [1, 2]}}",
     "space.training.forward.lr: needs points: N with the grid sampler"},
    {"PointsOfOne", 4, "space: {training.forward.lr: {log: [1, 2], points: 1}}",
     "sweep.yaml:4:52: space.training.forward.lr.points: 1 is not in [2, 1000000]"},
    {"PointsOfChoice", 4, "space: {training.epochs: {choice: [1, 2], points: 2}}",
     "space.training.epochs: points is for intervals only"},
    {"MorePointsThanIntegers", 4, "space: {training.epochs: {integer: [1, 3], points: 4}}",
     "space.training.epochs: points: 4 is more than the 3 whole numbers of the interval"},
    {"HugeGrid", 4,
     "space: {training.epochs: {integer: [1, 1001]}, training.batch_size: {integer: [1, 1000]}}",
     "sweep.yaml:4:1: space: the grid has 1001000 points; at most 1000000 are legal"},
    {"ConditionOnNothing", 4,
     "space: {training.epochs: {choice: [1], when: {training.batch_size: 3}}}",
     "sweep.yaml:4:68: space.training.epochs.when.training.batch_size: is not a parameter of the "
     "space; a condition names one that is searched"},
    {"ConditionMisspelt", 4,
     "space: {training.loss: {choice: [mse]}, training.epochs: {choice: [1], when: {training.los: "
     "mse}}}",
     "did you mean 'training.loss'?"},
    {"ConditionOnOtherValue", 4,
     "space: {training.loss: {choice: [mse]}, training.epochs: {choice: [1], when: {training.loss: "
     "mes}}}",
     "space.training.epochs.when.training.loss: 'mes' is not a value of that parameter; did you "
     "mean "
     "'mse'? legal: mse"},
    {"ConditionOnReal", 4,
     "space: {training.forward.lr: {log: [1, 2], points: 2}, training.epochs: {choice: [1], when: "
     "{training.forward.lr: 1}}}",
     "is an interval of real numbers; a condition needs a choice, integer or boolean parameter"},
    {"ConditionOutsideInterval", 4,
     "space: {training.batch_size: {integer: [1, 3]}, training.epochs: {choice: [1], when: "
     "{training.batch_size: 4}}}",
     "4 is not a value of that parameter; legal: whole numbers in [1, 3]"},
    {"ConditionWithoutValues", 4,
     "space: {training.loss: {choice: [mse]}, training.epochs: {choice: [1], when: {training.loss: "
     "[]}}}",
     "space.training.epochs.when.training.loss: has no values"},
    {"ConditionOnItself", 4, "space: {training.epochs: {choice: [1], when: {training.epochs: 1}}}",
     "space.training.epochs: when: its conditions lead back to itself"},
    {"ConditionsInACircle", 4,
     "space: {training.epochs: {choice: [1], when: {training.loss: mse}}, training.loss: {choice: "
     "[mse], when: {training.epochs: 1}}}",
     "space.training.loss: when: its conditions lead back to itself"},
    {"IllegalTrial", 4, "space: {training.rule: {choice: [bp, ddtp_linear]}}",
     "space.training.rule: is fixed as well as searched"},
    // Several at once.
    {"SecondErrorToo", 2, "training: {dataset: {nam: mnist}, rule: bb, epochs: 0.5}",
     "\nsweep.yaml:2:53: training.epochs: 0.5 is not a whole number"},
};

void PrintTo(const BadSpec& row, std::ostream* out) { *out << row.name; }

class BadSpecTest : public testing::TestWithParam<BadSpec> {};

TEST_P(BadSpecTest, SaysWhatIsWrongAndWhere) {
  std::string text = GetParam().text;
  if (GetParam().line != kWholeFile) {
    std::vector<std::string> lines = absl::StrSplit(kGood, '\n');
    lines[static_cast<size_t>(GetParam().line - 1)] = text;
    text = absl::StrJoin(lines, "\n");
  }
  EXPECT_THAT(ParseAndCompleteStudy(text, "sweep.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(Table, BadSpecTest, testing::ValuesIn(kBadSpecs),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(BadSpecs, TheFileTheyStartFromIsGood) {
  TP_EXPECT_OK(ParseAndCompleteStudy(kGood, "sweep.yaml"));
}

// Whole files, for what takes more than one line.
constexpr char kSearchedRule[] = R"(study: s
training: {dataset: {name: mnist}}
search: {sampler: {random: {trials: 4}}}
space:
  training.rule: {choice: [bp, ddtp_linear, dtp]}
)";

TEST(BadSpecs, FieldOfASearchedRuleNeedsACondition) {
  const std::string text =
      std::string(kSearchedRule) + "  training.rule.dtp.sigma: {log: [0.1, 0.3]}\n";
  EXPECT_THAT(ParseAndCompleteStudy(text, "sweep.yaml").status().message(),
              HasSubstr("sweep.yaml:6:3: space.training.rule.dtp.sigma: exists only where "
                        "training.rule is dtp, which is searched; add when: {training.rule: dtp}"));
}

TEST(BadSpecs, ConditionOnTheWrongRule) {
  const std::string text = std::string(kSearchedRule) +
                           "  training.rule.dtp.sigma: {log: [0.1, 0.3], when: {training.rule: "
                           "[dtp, ddtp_linear]}}\n";
  EXPECT_THAT(ParseAndCompleteStudy(text, "sweep.yaml").status().message(),
              HasSubstr("exists only where training.rule is dtp"));
}

TEST(BadSpecs, ATrialThatWouldBeIllegal) {
  EXPECT_THAT(
      ParseAndCompleteStudy(kSearchedRule, "sweep.yaml").status().message(),
      HasSubstr("sweep.yaml:5:3: space.training.rule: with 'ddtp_linear' a trial is illegal: "
                "training.network.hidden: is empty; the rule ddtp_linear needs one hidden layer"));
}

TEST(BadSpecs, PointsWithTheRandomSampler) {
  const std::string text =
      std::string(kSearchedRule) + "  training.forward.lr: {log: [0.1, 0.3], points: 3}\n";
  EXPECT_THAT(ParseAndCompleteStudy(text, "sweep.yaml").status().message(),
              HasSubstr("space.training.forward.lr: points is for the grid sampler only"));
}

TEST(BadSpecs, AFirstConfigurationMustSayWhatItsParametersDependOn) {
  const auto first = [](const std::string& values) {
    return ParseAndCompleteStudy(
               "study: s\ntraining: {dataset: {name: mnist}, network: {hidden: [8]}}\n"
               "space:\n  training.rule: {choice: [bp, dtp]}\n"
               "  training.rule.dtp.sigma: {log: [0.1, 0.3], when: {training.rule: dtp}}\n"
               "search: {first: [{" +
                   values + "}]}\n",
               "sweep.yaml")
        .status();
  };
  TP_EXPECT_OK(first("training.rule: dtp, training.rule.dtp.sigma: 0.2"));
  TP_EXPECT_OK(first("training.rule: bp"));
  EXPECT_THAT(first("training.rule.dtp.sigma: 0.2").message(),
              HasSubstr("search.first[0].training.rule.dtp.sigma: exists only where training.rule "
                        "is dtp, which is not said here"));
  EXPECT_THAT(first("training.rule: bp, training.rule.dtp.sigma: 0.2").message(),
              HasSubstr("exists only where training.rule is dtp, and here it is bp"));
}

TEST(BadSpecs, AtMostTwentyErrorsAreListed) {
  std::string text = "study: s\n";
  for (int i = 0; i < 30; ++i) text += "a" + std::to_string(i) + ": 1\n";
  const absl::Status status = ParseStudySpec(text, "sweep.yaml").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("sweep.yaml:21:1: a19: no such field"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\n... and 10 more"));
  EXPECT_THAT(std::string(status.message()), testing::Not(HasSubstr("a20")));
}

TEST(BadSpecs, ForeignTextIsQuotedAndCut) {
  const std::string text = "study: \"\\e[31m" + std::string(500, 'x') + "\"\n";
  const absl::Status status = ParseAndCompleteStudy(text, "sweep.yaml").status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("study: '\\x1b[31mxxx"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("xxx...' does not match"));
}

TEST(BadTrainingFiles, SaysWhatIsWrongAndWhere) {
  EXPECT_THAT(ParseAndCompleteTraining("dataset: {name: mnist}\nrule: bp\nepochs: -1\n", "t.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "t.yaml:3:9: epochs: -1 is not in [0, 1000000]"));
  EXPECT_THAT(
      ParseAndCompleteTraining("training:\n  dataset: {name: mnist}\n  epochs: 1\n", "t.yaml"),
      StatusIs(
          absl::StatusCode::kInvalidArgument,
          HasSubstr("t.yaml:1:1: training.rule: must be chosen; legal: bp, dtp, ddtp_linear")));
  EXPECT_THAT(ParseAndCompleteTraining("study: s\ntraining: {}\n", "t.yaml"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("t.yaml:1:1: study: no such field beside training")));
}

}  // namespace
}  // namespace tpsweep::spec
