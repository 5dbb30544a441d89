#include "driver/compress/Compress.h"

#include "driver/CalibrationData.h"
#include "driver/compress/Metrics.h"
#include "driver/compress/SteppedMetric.h"
#include "driver/compress/SteppedSource.h"
#include "driver/data/Labels.h"
#include "passes/Pipeline.h"
#include "passes/compress/pruning/CurveCache.h"
#include "passes/compress/rounding/OutputNoise.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

// One wanted first output for each sample.
Expected<std::vector<Tensor>> readTargets(const CompressOptions &o, const Function &function) {
  Module shapes; // a function that takes what the model yields
  Function &target = shapes.addFunction("target");
  target.body.addArgument(function.body.yields()[0]->type);
  target.inputs.push_back({function.outputs[0].name, {}});
  EDGECC_TRY(data, CalibrationData::open(o.labels.string(), target, {.image = o.image}));
  std::vector<Tensor> targets;
  for (size_t i = 0; i < data->size(); ++i) {
    EDGECC_TRY(tensors, data->sample(i));
    targets.push_back(std::move(tensors[0]));
  }
  return targets;
}

// What --labels names: one entry for each of the samples.
Expected<GroundTruth> readTruth(const CompressOptions &o, const Function &function,
                                const CalibrationData &samples) {
  GroundTruth truth;
  if (o.labels.empty())
    return truth;
  size_t count = 0;
  if (o.metric == "psnr") {
    EDGECC_TRY(targets, readTargets(o, function));
    truth.targets = std::move(targets);
    count = truth.targets.size();
  } else {
    EDGECC_TRY(labels, readLabels(o.labels, samples));
    truth.labels = std::move(labels);
    count = truth.labels.size();
  }
  if (count != samples.size())
    return error(fmt::format("{} entries for {} samples", count, samples.size()), "--labels");
  return truth;
}

// "macs:0.5" -> {"macs:", 0.5}; the fraction is NaN where there is none.
std::pair<std::string, double> splitFraction(const std::string &prune) {
  size_t colon = prune.find(':');
  std::string number = prune.substr(colon == std::string::npos ? 0 : colon + 1);
  char *end = nullptr;
  double fraction = std::strtod(number.c_str(), &end);
  bool isNumber = !number.empty() && *end == '\0';
  return {colon == std::string::npos ? "macs:" : prune.substr(0, colon + 1),
          isNumber ? fraction : std::nan("")};
}

// One way through the portable pipeline with one recipe.
class Attempt {
public:
  Attempt(const CompressionInputs &inputs, const Registry &registry,
          const PassManagerOptions &passOptions, Progress &progress)
      : inputs_(inputs), registry_(registry), passOptions_(passOptions), progress_(progress) {}

  Expected<Compressed> run(std::unique_ptr<Module> module, const CompressionRecipe &recipe) const {
    Compressed out;
    out.module = std::move(module);
    out.recipe = recipe;
    out.recipe.hasSamples = inputs_.learning != nullptr;
    out.state.data = inputs_.learning.get();
    out.state.metric = inputs_.learningMetric.get();
    out.state.pruningCurves = inputs_.pruningCurves;
    PassList passes = buildPipeline(registry_, out.recipe).portable;
    auto equalize = findEqualize(passes);
    if (equalize != passes.end() && inputs_.learning && recipe.quantize != "auto") {
      EDGECC_CHECK(runOn(out, {passes.begin(), equalize}));
      passes.erase(passes.begin(), equalize);
      EDGECC_TRY(loss, lossByEqualizing(out));
      if (loss >= kClearGain) {
        passes.erase(passes.begin());
        out.state.notes.push_back({"equalize", "",
                                   fmt::format("channels stay as they are: equalised, the outputs "
                                               "would have {:.1f} dB more noise",
                                               loss)});
      }
    }
    EDGECC_CHECK(runOn(out, passes));
    if (!out.state.original) // the recipe has come down to compressing nothing
      out.state.original = clone(*out.module);
    if (inputs_.judgingMetric) {
      EDGECC_TRY(result,
                 score(out.state.original->main(), out.module->main(), *passOptions_.executor,
                       *inputs_.judging, *inputs_.judgingMetric, [&](size_t done, size_t total) {
                         progress_.advance("judging", done, total);
                       }));
      out.score = result;
    }
    return out;
  }

private:
  static constexpr double kClearGain = 1; // dB; less may be chance

  static PassList::iterator findEqualize(PassList &passes) {
    return std::ranges::find_if(passes,
                                [](const PassCall &call) { return call.pass->name == "equalize"; });
  }

  Expected<void> runOn(Compressed &out, const PassList &passes) const {
    PassManagerOptions options = passOptions_;
    options.compression = &out.state;
    EDGECC_TRY(reports, runPasses(*out.module, passes, options));
    std::ranges::move(reports, std::back_inserter(out.reports));
    return {};
  }

  // In dB of noise at the outputs. Equal scales help where channels' ranges differ much, and cost
  // accuracy where they do not, so that both ways are tried. What better rounding and other biases
  // gain is much the same either way, and takes longer than all the rest.
  Expected<double> lossByEqualizing(const Compressed &so) const {
    CompressionRecipe recipe = so.recipe;
    recipe.rounding = "nearest";
    recipe.correctBias = false;
    PassList passes = buildPipeline(registry_, recipe).portable;
    passes.erase(passes.begin(), findEqualize(passes));
    double noise[2];
    for (double &each : noise) {
      Compressed trial;
      trial.module = clone(*so.module);
      trial.state.data = so.state.data;
      trial.state.original = clone(*so.state.original);
      EDGECC_CHECK(runOn(trial, passes));
      if (trial.reports.front().pass == "equalize" &&
          trial.reports.front().statistics.entries().empty())
        return 0; // there is nothing to equalise
      EDGECC_TRY(found, noiseOf(trial));
      each = found;
      if (passes.front().pass->name == "equalize")
        passes.erase(passes.begin());
    }
    return noise[0] > 0 && noise[1] > 0 ? 10 * std::log10(noise[0] / noise[1]) : 0;
  }

  Expected<double> noiseOf(const Compressed &compressed) const {
    constexpr size_t kSamples = 64;
    return outputNoise(compressed.module->main(), compressed.state.original->main(),
                       *passOptions_.executor, *inputs_.learning, kSamples);
  }

  const CompressionInputs &inputs_;
  const Registry &registry_;
  const PassManagerOptions &passOptions_;
  Progress &progress_;
};

Diagnostics tooMuchLost(const Score &score, double limit, const CompressionRecipe &recipe) {
  return {{fmt::format("the compressed model loses {:.2f} points of {} on {} samples, over the "
                       "limit {:g}",
                       score.loss(), score.metric, score.samples, limit),
           "--max-loss",
           recipe.quantize == "auto" ? "allow a greater loss"
                                     : "allow a greater loss, or choose the widths by layer with "
                                       "--quantize auto"}};
}

} // namespace

Expected<CompressionInputs> openInputs(const CompressOptions &o, const Function &function) {
  CompressionInputs inputs;
  inputs.pruningCurves =
      o.pruningCurves ? o.pruningCurves : std::make_shared<pruning::CurveCache>();
  DataSource *samples = o.data;
  GroundTruth truth;
  if (!samples && !o.calibrate.empty()) {
    EDGECC_TRY(opened, CalibrationData::open(o.calibrate, function,
                                             {.image = o.image, .samples = o.calibrateSamples}));
    inputs.warnings = opened->warnings();
    EDGECC_TRY(read, readTruth(o, function, *opened));
    truth = std::move(read);
    samples = opened.get();
    inputs.samples = std::move(opened);
  }
  if (!samples) {
    if (o.recipe.needsData() && o.recipe.loadCalibration.empty())
      return error("compressing this way needs samples of what the model will see",
                   o.recipe.prune.empty() ? "--quantize" : "--prune",
                   "give --calibrate DIR with some dozens of typical pictures, .npy or .pb files");
    if (o.recipe.maxLoss >= 0)
      return error("a limit on the loss needs samples to measure it on", "--max-loss",
                   "give --calibrate DIR");
    return inputs;
  }
  const Metric *metric = o.judge;
  if (!metric) {
    auto made = makeMetric(o.metric, function, std::move(truth));
    if (!made && (o.recipe.maxLoss >= 0 || !o.metric.empty()))
      return tl::unexpected(made.error());
    if (made) // else none is defined, and nobody asked for one
      inputs.ownMetric = std::move(*made);
    metric = inputs.ownMetric.get();
  }
  bool splits = (o.recipe.maxLoss >= 0 || o.wantsReport()) && samples->size() >= 2;
  size_t first = splits ? 1 : 0, step = splits ? 2 : 1;
  inputs.learning = std::make_unique<SteppedSource>(*samples, 0, step);
  inputs.judging = std::make_unique<SteppedSource>(*samples, first, step);
  if (metric) {
    inputs.learningMetric = std::make_unique<SteppedMetric>(*metric, 0, step);
    inputs.judgingMetric = std::make_unique<SteppedMetric>(*metric, first, step);
  }
  return inputs;
}

Expected<Compressed> compressModel(std::unique_ptr<Module> module, const CompressOptions &o,
                                   const CompressionInputs &inputs, const Registry &registry,
                                   const PassManagerOptions &passOptions, Progress &progress) {
  Attempt attempt(inputs, registry, passOptions, progress);
  double limit = o.recipe.maxLoss;
  if (limit < 0)
    return attempt.run(std::move(module), o.recipe);

  EDGECC_TRY(asked, attempt.run(clone(*module), o.recipe));
  if (asked.score->loss() <= limit)
    return std::move(asked);

  // What is within the limit on the samples that widths were chosen by may be beyond it on those
  // that judge: choose with less to spend.
  CompressionRecipe recipe = o.recipe;
  if (recipe.quantize == "auto" && recipe.prune.empty())
    for (double share : {0.5, 0.25, 0.0}) {
      recipe.maxLoss = limit * share;
      EDGECC_TRY(tried, attempt.run(clone(*module), recipe));
      if (tried.score->loss() <= limit)
        return std::move(tried);
    }
  if (recipe.prune.empty())
    return tl::unexpected(tooMuchLost(*asked.score, limit, o.recipe));

  // The largest fraction within the limit, to a sixteenth of what was asked.
  constexpr int kSteps = 4;
  auto [kind, high] = splitFraction(recipe.prune);
  double low = 0;
  recipe.prune.clear();
  EDGECC_TRY(best, attempt.run(clone(*module), recipe));
  if (best.score->loss() > limit)
    return tl::unexpected(tooMuchLost(*best.score, limit, recipe));
  for (int step = 0; step < kSteps; ++step) {
    double middle = (low + high) / 2;
    recipe.prune = fmt::format("{}{:.4f}", kind, middle);
    EDGECC_TRY(tried, attempt.run(clone(*module), recipe));
    if (tried.score->loss() > limit) {
      high = middle;
    } else {
      low = middle;
      best = std::move(tried);
    }
  }
  best.state.notes.push_back(
      {"prune", "",
       fmt::format("{} was asked for and loses {:.2f} points, over the limit {:g}; {} was done",
                   o.recipe.prune, asked.score->loss(), limit,
                   best.recipe.prune.empty() ? "nothing" : best.recipe.prune)});
  return std::move(best);
}

} // namespace edgecc::driver
