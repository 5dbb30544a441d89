#include "passes/compress/quantization/Boundary.h"
#include "passes/Rewrite.h"
#include "passes/compress/quantization/Layer.h"

#include <fmt/format.h>

namespace edgecc {

namespace {

void noteIntegers(const std::string &port, const ValueScale &scale, std::vector<Note> &notes) {
  notes.push_back({"quantize", port,
                   fmt::format("{} now: real = (q - {}) * {}", name(scale.dtype), scale.zeroPoint,
                               scale.scale)});
}

void noteFloat(const std::string &port, std::vector<Note> &notes) {
  notes.push_back({"quantize", port, "stays f32: it is not read or made by quantised ops alone"});
}

bool makeInput(Value *argument) {
  Op *quantize = onlyUser(argument, OpKind::QuantizeLinear);
  if (!quantize || quantize->operand(0) != argument)
    return false;
  argument->type.dtype = quantize->result()->type.dtype;
  argument->provenance = {};
  quantize->result()->replaceAllUsesWith(argument);
  quantize->erase();
  return true;
}

// The integers of `value`: those before its DequantizeLinear, with the same movements behind.
Value *integersOf(Module &module, Op *yield, const Value *value) {
  const Op *op = value->definingOp();
  if (!op)
    return nullptr;
  switch (op->kind()) {
  case OpKind::DequantizeLinear:
    return scaleOfValue(value) ? op->operand(0) : nullptr;
  case OpKind::Identity:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth: {
    std::vector<Value *> operands = op->operands();
    operands[0] = integersOf(module, yield, op->operand(0));
    if (!operands[0])
      return nullptr;
    Builder builder(module);
    builder.setInsertionBefore(yield);
    builder.location = op->location;
    return builder.createOp(op->kind(), operands, op->attributes())->result();
  }
  default:
    return nullptr;
  }
}

} // namespace

void makeBoundaryInteger(Module &module, Function &function, std::vector<Note> &notes) {
  for (const auto &argument : function.body.arguments()) {
    const std::string &port = function.inputs[argument->index()].name;
    if (argument->type.dtype != DType::F32)
      continue;
    Op *quantize = onlyUser(argument.get(), OpKind::QuantizeLinear);
    auto scale = quantize && !quantize->result()->uses().empty()
                     ? scaleOfValue(quantize->result()->uses().front().user->result())
                     : std::nullopt;
    if (scale && makeInput(argument.get()))
      noteIntegers(port, *scale, notes);
    else
      noteFloat(port, notes);
  }
  Op *yield = function.body.terminator();
  for (unsigned i = 0; i < yield->numOperands(); ++i) {
    Value *output = yield->operand(i);
    const std::string &port = function.outputs[i].name;
    if (output->type.dtype != DType::F32)
      continue;
    Value *integers = integersOf(module, yield, output);
    if (!integers) {
      noteFloat(port, notes);
      continue;
    }
    noteIntegers(port, *scaleOfValue(output), notes);
    yield->setOperand(i, integers);
  }
}

} // namespace edgecc
