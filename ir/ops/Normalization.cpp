// Normalisations and the softmax family.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

namespace edgecc::ops {

static bool perChannel(const Op &op, unsigned first, unsigned count) {
  if (typeOf(op, 0).rank() < 2)
    return false;
  for (unsigned i = first; i < first + count; ++i)
    if (dimsOf(op, i) != Dims{dimsOf(op, 0)[1]})
      return false;
  return true;
}

static int64_t twoPasses(const Op &op) { return 4 * typeOf(op, 0).elements(); }

static OpDef &axisNormalization(std::vector<OpDef> &defs, OpKind kind, std::string name,
                                std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", kFloats)
      .attr("axis", AttributeKind::Int, "")
      .require("axis is within the rank of x",
               [](const Op &op) { return isAxis(op.integer("axis"), typeOf(op, 0).rank()); })
      .countFlops(twoPasses)
      .result(sameAsFirst);
}

static bool isTrailingScale(const Op &op, unsigned i) {
  if (!op.operand(i))
    return true;
  const Dims &x = dimsOf(op, 0);
  Dims trailing(x.begin() + op.integer("axis"), x.end());
  return broadcastsTo(dimsOf(op, i), trailing);
}

void declareNormalization(std::vector<OpDef> &defs) {
  declare(defs, OpKind::BatchNormalization, "BatchNormalization")
      .describe("(x - mean) / sqrt(variance + epsilon) * scale + bias for each channel, at "
                "inference.")
      .in("x", "T", kFloats, "[N, C, ...]")
      .in("scale", "", kFloats, "[C]")
      .in("bias", "", kFloats, "[C]")
      .in("mean", "", kFloats, "[C]")
      .in("variance", "", kFloats, "[C]")
      .attr("epsilon", 1e-5, "")
      .require("scale, bias, mean and variance have one entry for each channel",
               [](const Op &op) { return perChannel(op, 1, 4); })
      .maps([](const Op &op) {
        IterationSpace space;
        space.loops = parallelLoops(dimsOf(op, 0));
        space.operands = {identityMaps(dimsOf(op, 0))};
        for (int i = 0; i < 4; ++i)
          space.operands.push_back({AxisMap::loop(1)});
        space.results = {identityMaps(dimsOf(op, 0))};
        return space;
      })
      .countFlops([](const Op &op) { return 2 * typeOf(op, 0).elements(); })
      .result(sameAsFirst);
  declare(defs, OpKind::InstanceNormalization, "InstanceNormalization")
      .describe("Normalises each channel of each sample over its spatial axes (Ulyanov et al. "
                "2016).")
      .in("x", "T", kFloats, "[N, C, spatial...]")
      .in("scale", "T", kFloats, "[C]")
      .in("bias", "T", kFloats, "[C]")
      .attr("epsilon", 1e-5, "")
      .require("scale and bias have one entry for each channel",
               [](const Op &op) { return perChannel(op, 1, 2); })
      .countFlops(twoPasses)
      .result(sameAsFirst);
  declare(defs, OpKind::GroupNormalization, "GroupNormalization")
      .describe("Normalises groups of channels of each sample (Wu and He 2018), then scales and "
                "shifts each channel.")
      .in("x", "T", kFloats, "[N, C, spatial...]")
      .in("scale", "T", kFloats, "[C]")
      .in("bias", "T", kFloats, "[C]")
      .attr("epsilon", 1e-5, "")
      .attr("num_groups", AttributeKind::Int, "")
      .require("scale and bias have one entry for each channel",
               [](const Op &op) { return perChannel(op, 1, 2); })
      .require("num_groups is positive and divides the channels",
               [](const Op &op) {
                 return op.integer("num_groups") > 0 &&
                        dimsOf(op, 0)[1] % op.integer("num_groups") == 0;
               })
      .countFlops(twoPasses)
      .result(sameAsFirst);
  axisNormalization(defs, OpKind::LayerNormalization, "LayerNormalization",
                    "Normalises over the axes from `axis` to the last (Ba et al. 2016), computed "
                    "in f32. Further results: mean and 1 / standard deviation.")
      .optionalIn("scale", "", kFloats, "broadcasts to the normalised axes")
      .optionalIn("bias", "", kFloats, "broadcasts to the normalised axes")
      .attr("epsilon", 1e-5, "")
      .require("scale and bias broadcast to the normalised axes",
               [](const Op &op) { return isTrailingScale(op, 1) && isTrailingScale(op, 2); })
      .outs(1, 3)
      .result([](const Op &op) {
        Dims stats = dimsOf(op, 0);
        for (size_t i = static_cast<size_t>(op.integer("axis")); i < stats.size(); ++i)
          stats[i] = 1;
        DType x = typeOf(op, 0).dtype;
        DType statType = x == DType::F64 ? DType::F64 : DType::F32;
        return Expected<Types>(
            Types{dense(x, dimsOf(op, 0)), dense(statType, stats), dense(statType, stats)});
      });
  axisNormalization(defs, OpKind::RMSNormalization, "RMSNormalization",
                    "x / sqrt(mean(x^2) + epsilon) * scale over the axes from `axis` to the last "
                    "(Zhang and Sennrich 2019), computed in f32.")
      .in("scale", "", kFloats, "broadcasts to the normalised axes")
      .attr("epsilon", 1e-5, "")
      .require("scale broadcasts to the normalised axes",
               [](const Op &op) { return isTrailingScale(op, 1); });
  declare(defs, OpKind::LRN, "LRN")
      .describe("Local response normalisation across channels (Krizhevsky et al. 2012): "
                "x / (bias + alpha / size * sum of squares of the `size` nearest channels)^beta.")
      .in("x", "T", kFloats, "[N, C, ...]")
      .attr("size", AttributeKind::Int, "number of channels in a window")
      .attr("alpha", 1e-4, "")
      .attr("beta", 0.75, "")
      .attr("bias", 1.0, "")
      .require("x has a channel axis and size is positive",
               [](const Op &op) { return typeOf(op, 0).rank() >= 2 && op.integer("size") > 0; })
      .countFlops([](const Op &op) {
        return saturatingMul(typeOf(op, 0).elements(), op.integer("size") + 4);
      })
      .result(sameAsFirst);
  axisNormalization(defs, OpKind::Softmax, "Softmax",
                    "exp(x - max) / sum of exp(x - max) along one axis.");
  axisNormalization(defs, OpKind::LogSoftmax, "LogSoftmax",
                    "x - max - log(sum of exp(x - max)) along one axis.");
  axisNormalization(defs, OpKind::Hardmax, "Hardmax",
                    "1 at the first maximum along one axis, else 0.");
}

} // namespace edgecc::ops
