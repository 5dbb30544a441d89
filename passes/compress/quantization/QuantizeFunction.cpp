#include "passes/compress/quantization/QuantizeFunction.h"
#include "passes/Rewrite.h"
#include "passes/compress/quantization/Boundary.h"
#include "passes/compress/quantization/Dynamic.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

WeightScales scalesFor(const Precision &precision, const QuantizeSettings &settings) {
  WeightScales how;
  how.perTensor = settings.perTensorWeights;
  how.dtype = precision.weights;
  how.range = settings.weightRange.value_or(precision.weights == DType::I4 ? WeightRange::Mse
                                                                           : WeightRange::Max);
  return how;
}

// In units of the accumulator, sx * sw, the bias must fit in i32; where weights are that small
// beside it, larger steps lose nothing that matters.
void makeRoomForBias(const Op &layer, const WeightLayout &layout, const ValueScale &x,
                     Tensor &scales) {
  auto bias = biasOf(layer);
  if (!bias || layer.kind() == OpKind::MatMul)
    return;
  auto out = scales.mutableData<float>();
  for (size_t c = 0; c < bias->size(); ++c) {
    size_t at =
        out.size() == 1 ? 0 : static_cast<size_t>(layout.indexOfChannel(static_cast<int64_t>(c)));
    double least = std::abs((*bias)[c]) / (double{x.scale} * 0x1p29);
    out[at] = std::max(out[at], static_cast<float>(least));
  }
}

void quantizeWeights(Module &module, Op &layer, const Precision &precision,
                     const QuantizeSettings &settings) {
  WeightLayout layout = *weightLayout(layer);
  Value *w = layer.operand(1);
  WeightScales how = scalesFor(precision, settings);
  auto x =
      isIntegerActivation(precision.activations) ? scaleOfValue(layer.operand(0)) : std::nullopt;
  how.axis = layout.axis;
  // Blocks need several weights to share one scale, and integers one scale for each channel.
  if (precision.weights == DType::I4 && !x && !how.perTensor && settings.block > 0 &&
      w->dims()[layout.reductionAxis] > settings.block) {
    how.axis = layout.reductionAxis;
    how.block = settings.block;
  }
  Tensor scales = scalesOfWeights(*constantOf(w), how);
  if (x)
    makeRoomForBias(layer, layout, *x, scales);
  Builder builder(module);
  builder.setInsertionBefore(&layer);
  builder.location = layer.location;
  std::string name = w->definingOp()->parameter->name;
  Value *scale = builder.constant(std::move(scales), name + ".scale");
  Attributes attributes{{"axis", how.perTensor ? int64_t{0} : how.axis}};
  if (how.block)
    attributes["block_size"] = how.block;
  Attributes quantize = attributes, dequantize = attributes;
  quantize["to"] = precision.weights;
  dequantize["to"] = DType::F32;
  Value *q = builder.create(OpKind::QuantizeLinear, {w, scale}, quantize);
  layer.setOperand(1, builder.create(OpKind::DequantizeLinear, {q, scale}, dequantize));
  auto bias = biasOf(layer);
  if (x && bias && layer.kind() != OpKind::MatMul && layer.operand(2))
    setBias(module, layer, *bias);
}

// Takes the layers with integer activations out of `precisions` for dynamic quantisation.
std::vector<Op *> dynamicLayers(const Function &function, LayerPrecisions &precisions,
                                std::vector<Note> &notes) {
  std::vector<Op *> layers;
  for (const auto &op : function.body.ops()) {
    auto it = precisions.find(op.get());
    if (it == precisions.end() || !isIntegerActivation(it->second.activations))
      continue;
    std::string why = whyNotDynamic(*op);
    if (why.empty()) {
      layers.push_back(op.get());
      precisions.erase(it);
      continue;
    }
    bool hasWeights = constantOf(op->operand(1)) != nullptr;
    notes.push_back(
        {"quantize", nameOfLayer(*op),
         (hasWeights ? "only its weights are quantised: " : "stays in floating point: ") + why});
    if (hasWeights)
      it->second.activations = DType::F32;
    else
      precisions.erase(it);
  }
  return layers;
}

} // namespace

Expected<void> quantizeFunction(Module &module, const QuantizeSettings &settings,
                                const Calibration &calibration, const PrecisionTable &table,
                                const TargetModel *target, Statistics &statistics,
                                std::vector<Note> &notes) {
  Function &function = module.main();
  LayerPrecisions precisions = layerPrecisions(function, settings.precision, table);
  bool isStatic = !settings.dynamic && std::ranges::any_of(precisions, [](const auto &entry) {
    return isIntegerActivation(entry.second.activations);
  });
  if (isStatic) {
    if (settings.onlyIfFaster && target)
      dropSlowLayers(function, *target, precisions, notes);
    noteFloatOps(function, precisions, notes);
    EDGECC_TRY(values, quantizeActivations(module, function, precisions, settings.activations,
                                           calibration));
    statistics.add("values quantised", values);
  }
  std::vector<Op *> dynamic;
  if (settings.dynamic)
    dynamic = dynamicLayers(function, precisions, notes);
  for (const auto &op : function.body.snapshot()) {
    auto it = precisions.find(op);
    if (it == precisions.end() || !constantOf(op->operand(1)))
      continue;
    quantizeWeights(module, *op, it->second, settings);
    statistics.add(isIntegerActivation(it->second.activations) ? "layers quantised"
                                                               : "layers with narrow weights");
  }
  if (!dynamic.empty()) {
    quantizeDynamically(module, dynamic, scalesFor({DType::I8, DType::U8}, settings));
    statistics.add("layers quantised at run time", static_cast<int64_t>(dynamic.size()));
  }
  if (settings.activations.integerPorts && isStatic)
    makeBoundaryInteger(module, function, notes);
  return {};
}

} // namespace edgecc
