// Cross-layer equalisation (Nagel et al. 2019, "Data-free quantization through weight equalization
// and bias correction"): for f(a x) = a f(x), a > 0,
//   W2 f(W1 x + b1) = (W2 S) f(S^-1 W1 x + S^-1 b1),   s_i = sqrt(r1_i / r2_i)
// with r1_i and r2_i the largest |w| that makes and that reads channel i. All chains of the graph
// are solved together, by repeating the update until no factor changes.
#include "passes/channels/Rescale.h"
#include "passes/compress/Passes.h"
#include "passes/compress/equalization/QuantizationNoise.h"
#include "passes/compress/equalization/WeightRanges.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

// Clips that never bind on the calibration data become Relu, which commutes with scaling.
Expected<void> openClips(Module &module, PassContext &context, int64_t samples) {
  std::vector<Op *> clips;
  std::vector<ChannelsOf> values;
  for (const auto &op : module.main().body.ops())
    if (op->kind() == OpKind::Clip && isFloat(op->result()->type.dtype) &&
        op->result()->type.rank() > 1 && op->operand(1) && splatOf(op->operand(1)) == 0.0 &&
        op->operand(2) && splatOf(op->operand(2))) {
      clips.push_back(op.get());
      values.push_back({op->operand(0), 1});
    }
  if (clips.empty())
    return {};
  EDGECC_TRY(seen, summarizeChannels(module, context, values, samples));
  for (size_t i = 0; i < clips.size(); ++i) {
    double high = *splatOf(clips[i]->operand(2)), peak = 0;
    for (const ChannelSummary &channel : seen[i])
      peak = std::max(peak, channel.high);
    if (peak > high) {
      context.statistics.add("clips that bind");
      continue;
    }
    context.compression->notes.push_back(
        {"equalize", nameOfLayer(*clips[i]),
         "its upper bound was never reached on the calibration data and was dropped"});
    context.statistics.add("clips opened");
    Builder builder(module);
    builder.setInsertionBefore(clips[i]);
    builder.location = clips[i]->location;
    replaceOp(clips[i], builder.create(OpKind::Relu, {clips[i]->operand(0)}));
  }
  return {};
}

// The paper's factors, from weights alone.
std::vector<double> fromWeights(const Block &body, const ChannelClasses &classes,
                                PassContext &context) {
  const WeightRanges weights(body, classes);
  const double limit = context.options.real("limit");
  const auto iterations = static_cast<size_t>(context.options.integer("iterations"));
  std::vector<double> scales(classes.classes().size(), 1.0);
  for (size_t n = 0; n < iterations; ++n) {
    ClassRanges ranges = weights.under(scales);
    double change = 0;
    for (uint32_t id = 0; id < scales.size(); ++id) {
      double r1 = ranges.produced[id], r2 = ranges.consumed[id];
      if (!classes.isFree(id) || r1 == 0 || r2 == 0)
        continue;
      double next = std::clamp(scales[id] * std::sqrt(r1 / r2), 1 / limit, limit);
      change = std::max(change, std::abs(std::log(next / scales[id])));
      scales[id] = next;
    }
    if (context.progress)
      context.progress(n + 1, iterations);
    if (change < context.options.real("tolerance"))
      break;
  }
  return scales;
}

// For weights with a scale for each row: rows may have any range, so what counts are the common
// scale of the activations and the columns.
Expected<std::vector<double>> fromActivations(const Module &module, const ChannelClasses &classes,
                                              PassContext &context) {
  const Block &body = module.main().body;
  std::vector<ChannelsOf> values;
  std::vector<const LinearLayer *> readers;
  for (const auto &op : body.ops()) {
    const LinearLayer *layer = classes.layer(*op);
    const Labels *x = layer ? classes.labels(*op->operand(0)) : nullptr;
    if (x && x->axis() == layer->inputAxis &&
        std::ranges::any_of(x->ids, [&](uint32_t id) { return classes.isFree(id); })) {
      values.push_back({op->operand(0), layer->inputAxis});
      readers.push_back(layer);
    }
  }
  std::vector<double> none(classes.classes().size(), 1.0);
  if (values.empty())
    return none;
  EDGECC_TRY(seen, summarizeChannels(module, context, values, context.options.integer("samples")));
  std::vector<ReadingLayer> layers;
  for (size_t i = 0; i < readers.size(); ++i)
    layers.emplace_back(*readers[i], classes.labels(*values[i].value)->ids, std::move(seen[i]));
  return leastNoise(classes, layers, WeightRanges(body, classes).under(none).consumed,
                    context.options.real("limit"));
}

Expected<void> checkOptions(const PassOptions &options) {
  const std::string &clips = options.text("clips"), &ranges = options.text("ranges");
  if (clips != "keep" && clips != "bounds" && clips != "open")
    return error("option clips of equalize is keep, bounds or open, not '" + clips + "'");
  if (ranges != "weights" && ranges != "activations")
    return error("option ranges of equalize is weights or activations, not '" + ranges + "'");
  if (!(options.real("limit") >= 1 && options.real("limit") <= 1e6))
    return error("option limit of equalize is from 1 to 1000000");
  if (options.integer("iterations") < 1)
    return error("option iterations of equalize is positive");
  return {};
}

} // namespace

Expected<void> equalize(Module &module, PassContext &context) {
  EDGECC_CHECK(checkOptions(context.options));
  if (context.options.text("clips") == "open")
    EDGECC_CHECK(openClips(module, context, context.options.integer("samples")));
  Block &body = module.main().body;
  const ChannelClasses classes(body, {.joinSums = context.options.flag("residual"),
                                      .throughClips = context.options.text("clips") == "bounds"});
  std::vector<double> scales;
  if (context.options.text("ranges") == "weights") {
    scales = fromWeights(body, classes, context);
  } else {
    EDGECC_TRY(measured, fromActivations(module, classes, context));
    scales = std::move(measured);
  }
  int64_t free = 0;
  for (uint32_t id = 0; id < scales.size(); ++id)
    free += classes.isFree(id) && scales[id] != 1;
  context.statistics.add("channels equalised", free);
  applyScales(module, body, classes, scales);
  return {};
}

} // namespace edgecc
