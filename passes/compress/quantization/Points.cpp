#include "passes/compress/quantization/Points.h"
#include "passes/Rewrite.h"

#include <algorithm>

namespace edgecc {

namespace {

bool isReal(const Value *value) { return value && value->type.dtype == DType::F32; }

// Zeros are among the values of every quantised tensor.
bool padsWithOperand(const Op &op) {
  return !op.operand(1) || splatOf(op.operand(1)) == std::optional<double>(0.0);
}

QuantizationRole roleOfContraction(const Op &op) {
  for (unsigned i = 0; i < 2; ++i)
    if (isDequantized(quantizationSource(op.operand(i))))
      return QuantizationRole::None;
  bool constantWeights = constantOf(op.operand(1)) != nullptr;
  bool legal = false;
  switch (op.kind()) {
  case OpKind::MatMul: // of attention, both operands are activations
    legal = !op.operand(2) && !op.operand(3) && (constantWeights || isReal(op.operand(1)));
    break;
  case OpKind::Gemm:
    legal = constantWeights && !op.flag("transA") && op.real("alpha") == 1 && op.real("beta") == 1;
    break;
  default:
    legal = constantWeights;
  }
  return legal ? QuantizationRole::Contraction : QuantizationRole::None;
}

// Of functions that grow without bound or jump, eight bits keep too little.
bool isSmoothUnary(OpKind kind) {
  switch (kind) {
  case OpKind::Abs:
  case OpKind::Neg:
  case OpKind::Erf:
  case OpKind::Celu:
  case OpKind::Clip:
  case OpKind::Elu:
  case OpKind::Gelu:
  case OpKind::HardSigmoid:
  case OpKind::HardSwish:
  case OpKind::LeakyRelu:
  case OpKind::Mish:
  case OpKind::PRelu:
  case OpKind::Relu:
  case OpKind::Selu:
  case OpKind::Sigmoid:
  case OpKind::Softplus:
  case OpKind::Softsign:
  case OpKind::Swish:
  case OpKind::Tanh:
  case OpKind::ThresholdedRelu:
    return true;
  default:
    return false;
  }
}

} // namespace

QuantizationRole quantizationRole(const Op &op) {
  if (op.numOperands() == 0 || op.numResults() == 0 || op.numRegions() != 0 ||
      !isReal(op.operand(0)) || !isReal(op.result()) || constantOf(op.operand(0)))
    return QuantizationRole::None;
  auto movement = [](bool legal) {
    return legal ? QuantizationRole::Movement : QuantizationRole::None;
  };
  auto glue = [](bool legal) { return legal ? QuantizationRole::Glue : QuantizationRole::None; };
  switch (op.kind()) {
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::MatMul:
  case OpKind::Gemm:
    return roleOfContraction(op);
  case OpKind::Identity:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
  case OpKind::Gather:
    return QuantizationRole::Movement;
  case OpKind::Pad:
    return movement(padsWithOperand(op));
  case OpKind::MaxPool:
    return movement(onlyFirstResultUsed(op));
  case OpKind::Resize:
    if (op.text("coordinate_mode") == "tf_crop_and_resize")
      return QuantizationRole::None;
    return op.text("mode") == "nearest" ? QuantizationRole::Movement : QuantizationRole::Glue;
  case OpKind::Add:
  case OpKind::Sub:
  case OpKind::Mul:
  case OpKind::Max:
  case OpKind::Min:
  case OpKind::Concat:
  case OpKind::AveragePool:
  case OpKind::ReduceMean:
    return QuantizationRole::Glue;
  case OpKind::Div:
    return glue(constantOf(op.operand(1)) != nullptr);
  default:
    return glue(isSmoothUnary(op.kind()));
  }
}

bool isQuantizable(const Op &op) {
  QuantizationRole role = quantizationRole(op);
  return role == QuantizationRole::Contraction || role == QuantizationRole::Glue;
}

bool isDequantized(const Value *value) { return definedBy(value, OpKind::DequantizeLinear); }

Value *quantizationSource(Value *value) {
  for (Op *op = value->definingOp(); op && quantizationRole(*op) == QuantizationRole::Movement;
       op = value->definingOp())
    value = op->operand(0);
  return value;
}

std::vector<Value *> quantizedOperands(const Op &op) {
  std::vector<Value *> operands;
  QuantizationRole role = quantizationRole(op);
  unsigned count = role == QuantizationRole::Contraction ? 2
                   : role == QuantizationRole::Glue      ? op.numOperands()
                                                         : 0;
  for (unsigned i = 0; i < count; ++i)
    if (isReal(op.operand(i)) && !constantOf(op.operand(i)))
      operands.push_back(op.operand(i));
  return operands;
}

std::map<const Op *, size_t> opOrder(const Block &body) {
  std::map<const Op *, size_t> order;
  for (const auto &op : body.ops())
    order.emplace(op.get(), order.size());
  return order;
}

bool isFusedAway(const Value *value, const std::map<const Op *, size_t> &order) {
  const Op *op = value->definingOp();
  auto fuses = [](const Op &candidate) {
    return candidate.def().is(OpTrait::Elementwise) && isQuantizable(candidate);
  };
  if (!op || !hasOneUser(value) ||
      (quantizationRole(*op) != QuantizationRole::Contraction && !fuses(*op)))
    return false;
  const Op &user = *value->uses().front().user;
  if (!fuses(user) || user.block() != op->block() || user.result()->dims() != value->dims())
    return false;
  // A loop nest has one anchor: of two candidates the later one.
  for (const Value *other : quantizedOperands(user)) {
    const Op *rival = other->definingOp();
    if (other != value && rival && rival->block() == op->block() && hasOneUser(other) &&
        other->dims() == value->dims() && order.at(rival) > order.at(op) &&
        (quantizationRole(*rival) == QuantizationRole::Contraction || fuses(*rival)))
      return false;
  }
  return true;
}

QuantizedPart quantizedPart(const Function &function,
                            const std::function<bool(const Op &)> &quantizesContraction,
                            bool outputs) {
  const Block &body = function.body;
  std::map<const Op *, size_t> order = opOrder(body);
  // Glue computes on integers if integers reach it from a contraction and it hands them on to one.
  std::set<const Op *> contractions, reached, reaching;
  auto passes = [&](const Op &op, const std::set<const Op *> &marked) {
    return contractions.contains(&op) || marked.contains(&op);
  };
  for (const auto &op : body.ops()) {
    if (quantizationRole(*op) == QuantizationRole::Contraction && quantizesContraction(*op)) {
      contractions.insert(op.get());
      continue;
    }
    if (quantizationRole(*op) != QuantizationRole::Glue)
      continue;
    for (Value *operand : quantizedOperands(*op)) {
      const Op *from = quantizationSource(operand)->definingOp();
      if (from && passes(*from, reached))
        reached.insert(op.get());
    }
  }
  std::set<const Value *> read; // sources of what quantised ops read
  for (Value *output : body.yields()) {
    Value *source = quantizationSource(output);
    if (outputs && source->definingOp() && passes(*source->definingOp(), reached))
      read.insert(source);
  }
  for (auto it = body.ops().rbegin(); it != body.ops().rend(); ++it) {
    const Op &op = **it;
    if (reached.contains(&op) && read.contains(op.result()))
      reaching.insert(&op);
    if (passes(op, reaching))
      for (Value *operand : quantizedOperands(op))
        read.insert(quantizationSource(operand));
  }
  QuantizedPart part;
  part.ops = contractions;
  part.ops.insert(reaching.begin(), reaching.end());
  auto consider = [&](Value *value) {
    if (read.contains(value) && isReal(value) && !isDequantized(value) &&
        !isFusedAway(value, order))
      part.points.push_back(value);
  };
  for (const auto &argument : body.arguments())
    consider(argument.get());
  for (const auto &op : body.ops())
    for (unsigned i = 0; i < op->numResults(); ++i)
      consider(op->result(i));
  return part;
}

std::vector<Value *> quantizationPoints(const Function &function) {
  return quantizedPart(function, [](const Op &) { return true; }, true).points;
}

} // namespace edgecc
