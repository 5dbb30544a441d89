#include "driver/report/LayerFacts.h"

#include "ir/OpDef.h"
#include "passes/compress/Compression.h"

#include <set>

namespace edgecc::driver {

namespace {

const Op *moverOf(const Value *value) {
  const Op *op = value->definingOp();
  return op && op->def().is(OpTrait::DataMovement) && op->operand(0) ? op : nullptr;
}

// The constant behind conversions and movement; null if there is none.
const Tensor *storedConstant(const Value *value) {
  for (const Op *op = value ? value->definingOp() : nullptr; op;) {
    if (op->parameter)
      return &op->parameter->content;
    bool isConversion = op->kind() == OpKind::DequantizeLinear || op->kind() == OpKind::Cast ||
                        op->kind() == OpKind::QuantizeLinear || moverOf(op->result());
    op = isConversion && op->operand(0) ? op->operand(0)->definingOp() : nullptr;
  }
  return nullptr;
}

// The type in memory of what is computed with, which a DequantizeLinear may hide.
DType storedType(const Value *value) {
  while (const Op *mover = moverOf(value))
    value = mover->operand(0);
  const Op *op = value->definingOp();
  bool isHidden = op && op->kind() == OpKind::DequantizeLinear && op->operand(0);
  return isHidden ? op->operand(0)->type.dtype : value->type.dtype;
}

const Tensor *weightsOf(const Op &op) {
  for (unsigned i = 1; i < op.numOperands(); ++i)
    if (const Tensor *constant = storedConstant(op.operand(i)); constant && constant->rank() >= 2)
      return constant;
  return nullptr;
}

int64_t macsOf(const Op &op) {
  int64_t macs = costOf(op).macs;
  for (unsigned i = 0; i < op.numRegions(); ++i)
    walk(op.region(i), [&](const Op &inner) { macs = saturatingAdd(macs, costOf(inner).macs); });
  return macs;
}

} // namespace

const LayerFacts *ModelFacts::find(const std::string &layer) const {
  auto found = layers.find(layer);
  return found == layers.end() ? nullptr : &found->second;
}

ModelFacts factsOf(const Function &function) {
  ModelFacts facts;
  std::set<const Parameter *> counted;
  for (const auto &op : function.body.ops()) {
    if (op->parameter || op->def().is(OpTrait::Terminator) || op->numResults() == 0)
      continue;
    std::string name = nameOfLayer(*op);
    auto [at, isNew] = facts.layers.try_emplace(name);
    LayerFacts &layer = at->second;
    if (isNew)
      facts.order.push_back(name);
    layer.ops.push_back(op.get());
    int64_t macs = macsOf(*op);
    layer.macs = saturatingAdd(layer.macs, macs);
    facts.macs = saturatingAdd(facts.macs, macs);
    for (const Value *operand : op->operands()) {
      const Op *source = operand ? operand->definingOp() : nullptr;
      if (!source || !source->parameter || !counted.insert(source->parameter).second)
        continue;
      layer.parameterBytes += static_cast<int64_t>(source->parameter->content.bytes());
      facts.parameters += source->parameter->content.elements();
    }
    if (op->def().is(OpTrait::Contraction)) {
      layer.contraction = op.get();
      layer.weights = weightsOf(*op);
    }
    if (op->operand(0))
      if (&layer.op() == op.get())
        layer.activations = storedType(op->operand(0));
  }
  for (const auto &[name, layer] : facts.layers)
    facts.parameterBytes += layer.parameterBytes;
  return facts;
}

} // namespace edgecc::driver
