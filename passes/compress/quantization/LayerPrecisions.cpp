#include "passes/compress/quantization/LayerPrecisions.h"
#include "passes/Rewrite.h"
#include "passes/compress/quantization/Points.h"

#include <algorithm>

namespace edgecc {

bool isIntegerActivation(DType dtype) {
  return dtype == DType::I8 || dtype == DType::U8 || dtype == DType::I16 || dtype == DType::U16;
}

bool isIntegerWeight(DType dtype) {
  return dtype == DType::I4 || dtype == DType::I8 || dtype == DType::I16;
}

static bool isContraction(const Op &op) {
  return op.kind() == OpKind::Conv || op.kind() == OpKind::ConvTranspose ||
         op.kind() == OpKind::MatMul || op.kind() == OpKind::Gemm;
}

LayerPrecisions layerPrecisions(const Function &function, const Precision &standard,
                                const PrecisionTable &table) {
  LayerPrecisions out;
  for (const auto &op : function.body.ops()) {
    if (quantizationRole(*op) != QuantizationRole::Contraction)
      continue;
    auto entry = table.find(nameOfLayer(*op));
    const Precision &precision = entry == table.end() ? standard : entry->second;
    if (isIntegerActivation(precision.activations) ||
        (isIntegerWeight(precision.weights) && constantOf(op->operand(1))))
      out.emplace(op.get(), precision);
  }
  return out;
}

namespace {

auto hasIntegers(const LayerPrecisions &precisions) {
  return [&precisions](const Op &op) {
    auto it = precisions.find(&op);
    return it != precisions.end() && isIntegerActivation(it->second.activations);
  };
}

// Time that integers gain in `op`, less the conversions of operands that float ops make. A result
// that float ops read costs nothing: the layer writes it as f32.
double gain(const Op &op, const Precision &precision, const std::set<const Op *> &quantized,
            const TargetModel &target) {
  double gained = target.costAs(op, DType::F32, DType::F32) -
                  target.costAs(op, precision.activations, precision.weights);
  for (Value *operand : quantizedOperands(op)) {
    Value *source = quantizationSource(operand);
    if (!source->definingOp() || !quantized.contains(source->definingOp()))
      gained -= target.conversionCost(source->type.elements(), DType::F32, precision.activations);
  }
  return gained;
}

} // namespace

void dropSlowLayers(const Function &function, const TargetModel &target,
                    LayerPrecisions &precisions, std::vector<Note> &notes) {
  // A layer that is dropped gives its neighbours more borders, so the worst one goes first.
  for (;;) {
    QuantizedPart part = quantizedPart(function, hasIntegers(precisions));
    const Op *worst = nullptr;
    double least = 0;
    for (const auto &op : function.body.ops()) {
      if (!part.ops.contains(op.get()) || !precisions.contains(op.get()))
        continue;
      double gained = gain(*op, precisions.at(op.get()), part.ops, target);
      if (gained < least) {
        least = gained;
        worst = op.get();
      }
    }
    if (!worst)
      return;
    notes.push_back({"quantize", nameOfLayer(*worst),
                     "stays in floating point: by the cost model of " + target.name() + ", " +
                         std::string(name(precisions.at(worst).activations)) +
                         " with the conversions around it would be slower"});
    precisions.erase(worst);
  }
}

std::string whyNotQuantizable(const Op &op) {
  if (!isContraction(op) || op.result()->type.dtype != DType::F32 ||
      quantizationRole(op) == QuantizationRole::Contraction ||
      isDequantized(quantizationSource(op.operand(0))) || isDequantized(op.operand(1)))
    return "";
  if (constantOf(op.operand(0)))
    return "its first operand is constant";
  if (!constantOf(op.operand(1)))
    return "its weights are computed by the model";
  return "it transposes its first operand or scales the product";
}

void noteFloatOps(const Function &function, const LayerPrecisions &precisions,
                  std::vector<Note> &notes) {
  const auto &ops = function.body.ops();
  QuantizedPart part = quantizedPart(function, hasIntegers(precisions));
  std::set<const Op *> behind, before; // what reads, and what feeds, the quantised ops
  for (const auto &op : ops)
    for (const Value *operand : op->operands())
      if (operand && operand->definingOp() &&
          (part.ops.contains(operand->definingOp()) || behind.contains(operand->definingOp())))
        behind.insert(op.get());
  for (auto it = ops.rbegin(); it != ops.rend(); ++it)
    for (unsigned i = 0; i < (*it)->numResults(); ++i)
      for (const Use &use : (*it)->result(i)->uses())
        if (part.ops.contains(use.user) || before.contains(use.user))
          before.insert(it->get());
  for (const auto &op : ops) {
    std::string why = whyNotQuantizable(*op);
    if (!why.empty()) {
      notes.push_back({"quantize", nameOfLayer(*op), "stays in floating point: " + why});
      continue;
    }
    bool isFloat = op->numResults() > 0 && op->result()->type.dtype == DType::F32;
    if (isFloat && !part.ops.contains(op.get()) && behind.contains(op.get()) &&
        before.contains(op.get()) && !op->parameter && !isContraction(*op) &&
        quantizationRole(*op) == QuantizationRole::None)
      notes.push_back(
          {"quantize", nameOfLayer(*op),
           std::string(op->name()) + " computes in floating point between quantised layers"});
  }
}

} // namespace edgecc
