// Takes the shift that quantisation puts on the mean of a layer's channels out of its bias (Nagel
// et al. 2019, section 4.2). docs/passes/correct-bias.md
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"
#include "passes/compress/quantization/Layer.h"
#include "passes/compress/rounding/ChannelMeans.h"
#include "passes/compress/rounding/LayerReplay.h"
#include "passes/compress/rounding/Patches.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc {

namespace {

struct Corrected {
  Op *op;            // in the quantised network
  const Op *floatOp; // in the float one
  unsigned axis;     // of the result's channels
};

std::vector<Op *> contractions(const Function &function) {
  std::vector<Op *> out;
  for (const auto &op : function.body.ops())
    if (weightLayout(*op))
      out.push_back(op.get());
  return out;
}

void note(PassContext &context, const Op &layer, std::string text) {
  context.compression->notes.push_back({"correct-bias", nameOfLayer(layer), std::move(text)});
}

Expected<std::vector<Corrected>> layersOf(Module &module, const Module &reference,
                                          PassContext &context) {
  std::vector<Op *> here = contractions(module.main());
  std::vector<Op *> there = contractions(reference.main());
  bool agrees = here.size() == there.size();
  for (size_t i = 0; agrees && i < here.size(); ++i)
    agrees = here[i]->kind() == there[i]->kind() &&
             sameLogicalType(here[i]->result()->type, there[i]->result()->type);
  if (!agrees)
    return error("the layers are no longer those of the float network that was quantised",
                 "correct-bias", "run it right after the rounding passes");
  std::vector<Corrected> layers;
  for (size_t i = 0; i < here.size(); ++i) {
    if (!quantizedWeights(*here[i]))
      continue;
    if (here[i]->result()->type.dtype != DType::F32 || !biasOf(*here[i]))
      note(context, *here[i], "bias not corrected: it is not constant, or not f32.");
    else
      layers.push_back({here[i], there[i], weightLayout(*here[i])->resultAxis});
  }
  return layers;
}

// --- empirical ---

// Mean of the channels of each layer's result over the samples.
Expected<std::vector<std::vector<double>>> meansOf(LayerReplay &replay,
                                                   std::span<const Op *const> ops,
                                                   std::span<const unsigned> axes, const Op &cut) {
  std::vector<const Value *> results;
  for (const Op *op : ops)
    results.push_back(op->result());
  std::vector<ChannelMeans> means(ops.size());
  EDGECC_CHECK(replay.run(results, cut, [&](size_t, std::span<const Tensor> tensors) {
    for (size_t i = 0; i < tensors.size(); ++i)
      means[i].add(tensors[i], axes[i]);
  }));
  std::vector<std::vector<double>> out;
  for (const ChannelMeans &mean : means)
    out.push_back(mean.means());
  return out;
}

// bias += float mean - quantised mean
void correct(Module &module, const Corrected &layer, const std::vector<double> &wanted,
             const std::vector<double> &found, PassContext &context) {
  std::vector<double> bias = *biasOf(*layer.op);
  assert(wanted.size() == bias.size() && found.size() == bias.size());
  for (size_t c = 0; c < bias.size(); ++c)
    bias[c] += wanted[c] - found[c];
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
  std::vector<unsigned> axes;
  for (const Corrected &layer : layers) {
    ops.push_back(layer.op);
    floatOps.push_back(layer.floatOp);
    axes.push_back(layer.axis);
  }
  Executor &executor = *context.executor;
  DataSource &data = *context.compression->data;
  LayerReplay floatReplay(reference.main(), executor, data, limits);
  EDGECC_TRY(wanted, meansOf(floatReplay, floatOps, axes, *reference.main().body.terminator()));

  auto sweeps = static_cast<size_t>(context.options.integer("sweeps"));
  bool sequential = context.options.flag("sequential");
  for (size_t sweep = 0; sweep < sweeps; ++sweep) {
    LayerReplay replay(module.main(), executor, data, limits);
    if (!sequential) {
      EDGECC_TRY(found, meansOf(replay, ops, axes, *module.main().body.terminator()));
      for (size_t i = 0; i < layers.size(); ++i)
        correct(module, layers[i], wanted[i], found[i], context);
    }
    for (size_t i = 0; sequential && i < layers.size(); ++i) {
      EDGECC_TRY(found, meansOf(replay, std::span(&ops[i], 1), std::span(&axes[i], 1), *ops[i]));
      correct(module, layers[i], wanted[i], found[0], context);
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
std::vector<double> expectedShift(const Corrected &layer, const std::vector<double> &mean) {
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
    std::vector<double> shift = expectedShift(layer, mean);
    if (shift.empty()) {
      note(context, *layer.op,
           "bias not corrected: the mean of its input's channels is not known (method=empirical "
           "measures the shift instead).");
      continue;
    }
    std::vector<double> none(shift.size(), 0.0);
    correct(module, layer, none, shift, context);
  }
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
  if (!context.compression->beforeRounding)
    context.compression->beforeRounding = withoutQuantization(module);
  const Module &reference = *context.compression->beforeRounding;
  EDGECC_TRY(layers, layersOf(module, reference, context));
  if (method == "analytic")
    correctAnalytically(module, reference, layers, context);
  else
    EDGECC_CHECK(correctEmpirically(module, reference, layers, context));
  return {};
}

} // namespace edgecc
