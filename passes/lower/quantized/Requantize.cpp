// How integer arithmetic ends: Requantize, or a table.
#include "ir/OpDef.h"
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>
#include <cmath>

namespace edgecc::quantized {

namespace {

// Bounds between Dequantize and Quantize. Quantisation is increasing, so that
//   q(min(max(x, low), high)) = min(max(q(x), q(low)), q(high)).
struct Bounded {
  Value *x;
  double low = -INFINITY, high = INFINITY;
};

// Takes one Relu or Clip with constant bounds off the value.
bool takeBound(Bounded &value) {
  const Op *op = value.x->definingOp();
  if (!op || !hasOneUser(value.x))
    return false;
  double low = -INFINITY, high = INFINITY;
  if (op->kind() == OpKind::Relu) {
    low = 0;
  } else if (op->kind() == OpKind::Clip) {
    const Tensor *a = constantOf(op->operand(1)), *b = constantOf(op->operand(2));
    if ((op->operand(1) && !a) || (op->operand(2) && !b))
      return false;
    low = a ? a->asDouble(0) : low;
    high = b ? b->asDouble(0) : high;
  } else {
    return false;
  }
  // The outer bounds, which came first, act last.
  value.low = std::min(std::max(low, value.low), value.high);
  value.high = std::min(std::max(high, value.low), value.high);
  value.x = op->operand(0);
  return true;
}

int64_t quantized(double real, const Quantization &to) {
  auto range = to.range();
  if (std::isinf(real))
    return real < 0 ? range.low : range.high;
  return numerics::quantizeLinear(static_cast<float>(real), to.scale(0), to.zeroPoint(0), range);
}

bool requantize(Module &module, Op *op) {
  if (op->kind() != OpKind::QuantizeLinear)
    return false;
  auto to = quantizationOf(*op);
  if (!to || !to->perTensor())
    return false;
  Bounded value{op->operand(0)};
  while (takeBound(value)) {
  }
  Op *dequantize = definedBy(value.x, OpKind::DequantizeLinear);
  auto from = dequantize && hasOneUser(value.x) ? quantizationOf(*dequantize) : std::nullopt;
  if (!from || from->dtype != DType::I32 ||
      std::ranges::any_of(from->zeroPoints, [](int32_t z) { return z != 0; }))
    return false;
  Tensor multiplier(DType::F32, {static_cast<int64_t>(from->scales.size())});
  for (size_t c = 0; c < from->scales.size(); ++c)
    multiplier.setDouble(static_cast<int64_t>(c), double{from->scale(c)} / double{to->scale(0)});
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  Value *m =
      builder.constant(from->perTensor() ? multiplier.reshaped({}) : multiplier, "multiplier");
  int64_t low = quantized(value.low, *to), high = quantized(value.high, *to);
  Value *result = builder.create(OpKind::Requantize, {dequantize->operand(0), m},
                                 {{"zero_point", int64_t{to->zeroPoint(0)}},
                                  {"axis", from->perTensor() ? int64_t{1} : from->axis},
                                  {"low", low},
                                  {"high", high},
                                  {"to", to->dtype}});
  result->provenance = op->result()->provenance;
  op->result()->replaceAllUsesWith(result);
  std::string locations = eraseWithDeadOperands(op);
  result->definingOp()->location = std::move(locations);
  return true;
}

// An element-wise op that reads one value that is not constant, and constants of one element.
Value *unaryOperand(const Op &op) {
  if (!op.def().is(OpTrait::Elementwise) || op.numResults() != 1)
    return nullptr;
  Value *x = nullptr;
  for (Value *operand : op.operands()) {
    if (!operand || (constantOf(operand) && operand->type.elements() == 1))
      continue;
    if (x && x != operand)
      return nullptr;
    x = operand;
  }
  return x && x->dims() == op.result()->dims() ? x : nullptr;
}

// The ops from a Dequantize of an 8-bit value to `last`, a Quantize to 8 bits; empty if it is not
// such a chain.
std::vector<const Op *> chainTo(const Op &last) {
  auto to = last.kind() == OpKind::QuantizeLinear ? quantizationOf(last) : std::nullopt;
  if (!to || !to->perTensor() || bitWidth(to->dtype) != 8)
    return {};
  std::vector<const Op *> chain{&last};
  for (const Value *x = last.operand(0);;) {
    const Op *op = x->definingOp();
    if (!op)
      return {};
    chain.push_back(op);
    if (op->kind() == OpKind::DequantizeLinear) {
      auto from = quantizationOf(*op);
      if (!from || !from->perTensor() || bitWidth(from->dtype) != 8)
        return {};
      std::ranges::reverse(chain);
      return chain;
    }
    x = unaryOperand(*op);
    if (!x || !hasOneUser(op->result()))
      return {};
  }
}

// The chain's results for all 256 bit patterns.
Expected<Tensor> tabulate(const std::vector<const Op *> &chain, Executor &executor) {
  Module scratch;
  Function &function = scratch.addFunction("table");
  DType in = chain.front()->operand(0)->type.dtype;
  function.inputs = {{"x", {}}};
  function.outputs = {{"y", {}}};
  Value *x = function.body.addArgument(Type{in, {256}, 0, {}});
  Builder builder(scratch, function.body);
  ValueMapping mapping{{chain.front()->operand(0), x}};
  for (const Op *op : chain) {
    std::vector<Value *> operands;
    for (Value *operand : op->operands()) {
      const Tensor *content = constantOf(operand);
      operands.push_back(!operand  ? nullptr
                         : content ? builder.constant(content->reshaped({}))
                                   : mapping.at(operand));
    }
    EDGECC_TRY(made, builder.tryCreate(op->kind(), operands, op->attributes()));
    mapping[op->result()] = made->result();
  }
  Value *results[] = {mapping.at(chain.back()->result())};
  builder.yield(results);
  Tensor all(in, {256});
  for (int i = 0; i < 256; ++i)
    all.mutableRaw()[i] = static_cast<std::byte>(isSigned(in) ? i - 128 : i);
  EDGECC_TRY(outputs, executor.run(function, std::span(&all, 1)));
  return std::move(outputs[0]);
}

bool isIdentity(const Tensor &table, DType in) {
  if (table.dtype() != in)
    return false;
  for (int i = 0; i < 256; ++i)
    if (table.raw()[i] != static_cast<std::byte>(isSigned(in) ? i - 128 : i))
      return false;
  return true;
}

} // namespace

int64_t mergeRequantize(Module &module, Block &block) {
  int64_t merged = 0;
  for (Op *op : block.snapshot())
    merged += requantize(module, op) ? 1 : 0;
  return merged;
}

Expected<int64_t> makeTables(Module &module, Block &block, Executor &executor) {
  int64_t made = 0;
  for (Op *op : block.snapshot()) {
    std::vector<const Op *> chain = chainTo(*op);
    if (chain.empty())
      continue;
    auto table = tabulate(chain, executor);
    if (!table)
      continue; // a function that the executor does not know stays what it is
    Value *x = chain.front()->operand(0);
    Builder builder(module);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    Value *result = isIdentity(*table, x->type.dtype)
                        ? x
                        : builder.create(OpKind::TableLookup,
                                         {x, builder.constant(std::move(*table), "table")});
    if (result != x)
      result->provenance = op->result()->provenance;
    op->result()->replaceAllUsesWith(result);
    std::string locations = eraseWithDeadOperands(op);
    if (result != x)
      result->definingOp()->location = std::move(locations);
    ++made;
  }
  return made;
}

} // namespace edgecc::quantized
