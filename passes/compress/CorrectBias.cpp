// Takes the shift that quantisation puts on the mean of a layer's channels out of its bias (Nagel
// et al. 2019, section 4.2). docs/passes/correct-bias.md
#include "passes/Rewrite.h"
#include "passes/channels/PatchGeometry.h"
#include "passes/compress/Passes.h"
#include "passes/compress/quantization/Layer.h"
#include "passes/compress/rounding/ChannelMeans.h"
#include "passes/compress/rounding/FloatReference.h"
#include "passes/compress/rounding/LayerReplay.h"
#include "passes/compress/rounding/OutputNoise.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <numeric>

namespace edgecc {

namespace {

struct Corrected {
  Op *op;            // in the quantised network
  const Op *floatOp; // in the float one
  unsigned axis;     // of the result's channels
};

void note(PassContext &context, const Op &layer, std::string text) {
  context.compression->notes.push_back({"correct-bias", nameOfLayer(layer), std::move(text)});
}

std::vector<Corrected> layersOf(Module &module, const FloatReference &reference,
                                PassContext &context) {
  std::vector<Corrected> layers;
  for (Op *op : quantizedLayers(module.main())) {
    if (op->result()->type.dtype != DType::F32 || !biasOf(*op))
      note(context, *op, "bias not corrected: it is not constant, or not f32.");
    else
      layers.push_back({op, reference.layer(*op), weightLayout(*op)->resultAxis});
  }
  return layers;
}

// --- empirical ---

// What the activation behind a layer holds its result to.
Bounds boundsBehind(const Op &op) {
  const Op *user = op.result()->hasOneUse() ? op.result()->uses()[0].user : nullptr;
  Bounds bounds;
  if (user && user->kind() == OpKind::Relu)
    bounds.low = 0;
  if (user && user->kind() == OpKind::Clip && user->operand(0) == op.result()) {
    auto least = splatOf(user->operand(1)), most = splatOf(user->operand(2));
    if ((!user->operand(1) || least) && (!user->operand(2) || most))
      return {least.value_or(bounds.low), most.value_or(bounds.high)};
  }
  return bounds;
}

// Of the channels of one layer's result, by sample.
struct Means {
  std::vector<std::vector<double>> means;  // behind the activation
  std::vector<std::vector<double>> inside; // share of the values that the activation leaves alone
};

// Of each layer.
Expected<std::vector<Means>> meansOf(LayerReplay &replay, std::span<const Op *const> ops,
                                     std::span<const Corrected> layers, const Op &cut) {
  std::vector<const Value *> results;
  for (const Op *op : ops)
    results.push_back(op->result());
  std::vector<Means> out(ops.size());
  EDGECC_CHECK(replay.run(results, cut, [&](size_t, std::span<const Tensor> tensors) {
    for (size_t i = 0; i < tensors.size(); ++i) {
      ChannelMeans means(boundsBehind(*layers[i].floatOp));
      means.add(tensors[i], layers[i].axis);
      out[i].means.push_back(means.means());
      out[i].inside.push_back(means.inside());
    }
  }));
  return out;
}

// The mean m over n samples of a shift, times max(0, 1 - s^2 / (n m^2)) with s the deviation
// between samples (the positive-part estimator of James and Stein, 1961): a shift that differs from
// picture to picture says nothing of the next picture.
double expectedShift(std::span<const double> shifts) {
  auto n = static_cast<double>(shifts.size());
  double mean = std::accumulate(shifts.begin(), shifts.end(), 0.0) / n;
  if (shifts.size() < 2 || mean == 0)
    return mean;
  double squares = 0;
  for (double shift : shifts)
    squares += (shift - mean) * (shift - mean);
  return mean * std::max(0.0, 1 - squares / (n - 1) / (n * mean * mean));
}

// What has to leave the bias of each channel so that its mean behind the activation is the float
// network's: the means' difference over the share of the values that a change of the bias moves.
// The error of values that the activation holds to a bound does not count.
std::vector<double> shiftOf(const Means &wanted, const Means &found) {
  constexpr double kLeastInside = 1.0 / 64; // below that, few values would decide
  size_t samples = wanted.means.size();
  assert(samples > 0 && samples == found.means.size());
  std::vector<double> out(wanted.means[0].size()), shifts(samples);
  for (size_t c = 0; c < out.size(); ++c) {
    double inside = 0;
    for (size_t i = 0; i < samples; ++i) {
      shifts[i] = found.means[i][c] - wanted.means[i][c];
      inside += std::min(found.inside[i][c], wanted.inside[i][c]) / static_cast<double>(samples);
    }
    out[c] = inside < kLeastInside ? 0 : expectedShift(shifts) / inside;
  }
  return out;
}

// bias -= shift
void correct(Module &module, const Corrected &layer, const std::vector<double> &shift,
             PassContext &context) {
  std::vector<double> bias = *biasOf(*layer.op);
  assert(shift.size() == bias.size());
  for (size_t c = 0; c < bias.size(); ++c)
    bias[c] -= shift[c];
  if (std::ranges::any_of(bias, [](double value) { return !std::isfinite(value); })) {
    note(context, *layer.op, "bias not corrected: its result is not finite on the data.");
    return;
  }
  setBias(module, *layer.op, bias);
  context.statistics.add("biases corrected");
}

Expected<void> correctEmpirically(Module &module, const Module &reference,
                                  const std::vector<Corrected> &layers, PassContext &context) {
  if (!context.executor)
    return error("the pass needs an executor to run the model", "correct-bias");
  if (!context.compression->data || context.compression->data->size() == 0)
    return error("method=empirical needs calibration data", "correct-bias",
                 "name a folder of samples with --calibrate, or use method=analytic");
  ReplayLimits limits;
  limits.samples = static_cast<size_t>(context.options.integer("samples"));
  std::vector<const Op *> ops, floatOps;
  for (const Corrected &layer : layers) {
    ops.push_back(layer.op);
    floatOps.push_back(layer.floatOp);
  }
  Executor &executor = *context.executor;
  DataSource &data = *context.compression->data;
  LayerReplay floatReplay(reference.main(), executor, data, limits);
  EDGECC_TRY(wanted, meansOf(floatReplay, floatOps, layers, *reference.main().body.terminator()));

  auto sweeps = static_cast<size_t>(context.options.integer("sweeps"));
  bool sequential = context.options.flag("sequential");
  for (size_t sweep = 0; sweep < sweeps; ++sweep) {
    LayerReplay replay(module.main(), executor, data, limits);
    if (!sequential) {
      EDGECC_TRY(found, meansOf(replay, ops, layers, *module.main().body.terminator()));
      for (size_t i = 0; i < layers.size(); ++i)
        correct(module, layers[i], shiftOf(wanted[i], found[i]), context);
    }
    for (size_t i = 0; sequential && i < layers.size(); ++i) {
      EDGECC_TRY(found, meansOf(replay, std::span(&ops[i], 1), std::span(&layers[i], 1), *ops[i]));
      correct(module, layers[i], shiftOf(wanted[i], found[0]), context);
      if (context.progress)
        context.progress(sweep * layers.size() + i + 1, sweeps * layers.size());
    }
  }
  return {};
}

// --- analytic ---

// The mean of each channel of a layer's input in the float network, from what was observed of it
// or, under the assumption that it is normal, of the value in front of the activation that made it.
std::vector<double> observedMean(const Value *value, const ValueNames &names,
                                 const Calibration &calibration) {
  if (const Observation *seen = calibration.find(names.of(*value)))
    return seen->mean;
  const Op *op = value->definingOp();
  if (!op || !op->operand(0))
    return {};
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (op->kind() == OpKind::Relu) {
    low = 0;
  } else if (op->kind() == OpKind::Clip) {
    auto least = splatOf(op->operand(1)), most = splatOf(op->operand(2));
    if ((op->operand(1) && !least) || (op->operand(2) && !most))
      return {};
    low = least.value_or(low);
    high = most.value_or(high);
  } else if (op->kind() == OpKind::Reshape) {
    return observedMean(op->operand(0), names, calibration);
  } else {
    return {};
  }
  const Observation *before = calibration.find(names.of(*op->operand(0)));
  if (!before || before->mean.size() != before->deviation.size())
    return {};
  std::vector<double> out;
  for (size_t c = 0; c < before->mean.size(); ++c)
    out.push_back(clippedNormalMean(before->mean[c], before->deviation[c], low, high));
  return out;
}

// E[(quantised W - W) x] for each channel of the result; empty if E[x] is not known.
std::vector<double> analyticShift(const Corrected &layer, const std::vector<double> &mean) {
  auto geometry = PatchGeometry::of(*layer.op);
  QuantizedWeights weights = *quantizedWeights(*layer.op);
  const Op *floatWeights = layer.floatOp->operand(1)->definingOp();
  const Tensor *real =
      floatWeights && floatWeights->parameter ? &floatWeights->parameter->content : nullptr;
  const Dims &x = layer.op->operand(0)->dims();
  bool channelsAreAxis1 = x.size() == 2 || weightLayout(*layer.op)->resultAxis == 1;
  if (!geometry || !real || real->dtype() != DType::F32 || mean.empty() || !channelsAreAxis1)
    return {};
  // The inputs in the order of a patch's rows; each channel is as many of them in a row.
  int64_t inputs = geometry->groups() * geometry->cols();
  if (inputs % static_cast<int64_t>(mean.size()) != 0)
    return {};
  int64_t each = inputs / static_cast<int64_t>(mean.size());
  const Tensor rounded =
      dequantized(weights, weights.integers() ? *weights.integers() : roundedToNearest(weights));
  auto w = real->data<float>(), q = rounded.data<float>();
  std::vector<double> shift;
  for (int64_t g = 0; g < geometry->groups(); ++g)
    for (int64_t r = 0; r < geometry->rows(); ++r) {
      double sum = 0;
      for (int64_t c = 0; c < geometry->cols(); ++c) {
        auto i = static_cast<size_t>(geometry->weightIndex(g, r, c));
        sum += (double{q[i]} - double{w[i]}) *
               mean[static_cast<size_t>((g * geometry->cols() + c) / each)];
      }
      shift.push_back(sum);
    }
  return shift;
}

void correctAnalytically(Module &module, const Module &reference,
                         const std::vector<Corrected> &layers, PassContext &context) {
  ValueNames names(reference.main());
  for (const Corrected &layer : layers) {
    std::vector<double> mean =
        observedMean(layer.floatOp->operand(0), names, context.compression->calibration);
    std::vector<double> shift = analyticShift(layer, mean);
    if (shift.empty()) {
      note(context, *layer.op,
           "bias not corrected: the mean of its input's channels is not known (method=empirical "
           "measures the shift instead).");
      continue;
    }
    correct(module, layer, shift, context);
  }
}

// What the outputs have to gain, in dB: a correction is estimated from samples and adds an error of
// its own, which shows on other samples.
constexpr double kLeastGain = 1;

// Of the outputs on calibration data; 0 where there is none, which correctEmpirically() reports.
Expected<double> noiseOf(const Module &module, const Module &reference, PassContext &context) {
  constexpr size_t kSamples = 64;
  if (!context.executor || !context.compression->data)
    return 0;
  return outputNoise(module.main(), reference.main(), *context.executor, *context.compression->data,
                     kSamples);
}

} // namespace

Expected<void> correctBias(Module &module, PassContext &context) {
  const std::string &method = context.options.text("method");
  if (method != "empirical" && method != "analytic")
    return error("'" + method + "' is no method of correcting biases", "correct-bias",
                 "use method=empirical or analytic");
  for (const char *name : {"samples", "sweeps"})
    if (context.options.integer(name) < 1 || context.options.integer(name) > 1'000'000)
      return error(std::string(name) + " must be between 1 and 1000000", "correct-bias");
  if (!context.compression)
    return error("the pass runs as part of a compression only", "correct-bias",
                 "name calibration data with --calibrate");
  FloatReference reference(module, *context.compression);
  std::vector<Corrected> layers = layersOf(module, reference, context);
  if (method == "analytic") {
    correctAnalytically(module, reference.module(), layers, context);
    return {};
  }
  std::vector<std::vector<double>> biases; // as they were
  for (const Corrected &layer : layers)
    biases.push_back(*biasOf(*layer.op));
  EDGECC_TRY(before, noiseOf(module, reference.module(), context));
  EDGECC_CHECK(correctEmpirically(module, reference.module(), layers, context));
  EDGECC_TRY(after, noiseOf(module, reference.module(), context));
  double gain = before > 0 && after > 0 ? 10 * std::log10(before / after) : 0;
  bool isKept = before == 0 || gain >= kLeastGain;
  if (!isKept) {
    for (size_t i = 0; i < layers.size(); ++i)
      setBias(module, *layers[i].op, biases[i]);
    context.statistics.add("corrections undone");
  }
  context.compression->notes.push_back(
      {"correct-bias", "",
       fmt::format("corrected biases change the noise of the outputs by {:.1f} dB{}", -gain,
                   isKept ? "" : ": too little, so they stay as they were")});
  return {};
}

} // namespace edgecc
