// Quantisation without division: f(c x) = c f(x) for c > 0, so that the scale of a Quantize can
// move into the scales and constants that its operand is computed from:
//   quantize(f(dequantize(x, sx)...), sy) = quantize(f(dequantize(x, sx / sy)...), 1)
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace edgecc::quantized {

namespace {

// Functions of operand 0 alone with f(c x) = c f(x).
bool isHomogeneous(const Op &op) {
  switch (op.kind()) {
  case OpKind::Relu:
  case OpKind::LeakyRelu:
  case OpKind::PRelu:
  case OpKind::Abs:
  case OpKind::Neg:
  case OpKind::Identity:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Expand:
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
  case OpKind::Div:
    return true;
  default:
    return false;
  }
}

class Scaler {
public:
  Scaler(Module &module, Op *quantize, double scale)
      : module_(module), quantize_(quantize), factor_(1 / scale) {}

  bool run() {
    if (!reaches(quantize_->operand(0)) || !reads_ || !isClosed())
      return false;
    Builder builder(module_);
    Value *real = scaled(quantize_->operand(0));
    builder.setInsertionBefore(quantize_);
    builder.location = quantize_->location;
    std::vector<Value *> operands = quantize_->operands();
    operands[0] = real;
    operands[1] = builder.scalar(DType::F32, 1);
    Value *result =
        builder.createOp(OpKind::QuantizeLinear, operands, quantize_->attributes())->result();
    result->provenance = quantize_->result()->provenance;
    quantize_->result()->replaceAllUsesWith(result);
    eraseWithDeadOperands(quantize_);
    return true;
  }

private:
  static constexpr size_t kMostOps = 64;

  // Which operand of a product takes the factor.
  int factorOf(const Op &op) {
    for (unsigned i = 0; i < 2; ++i) {
      auto region = region_;
      bool reads = reads_;
      if (reaches(op.operand(i)))
        return static_cast<int>(i);
      region_ = std::move(region);
      reads_ = reads;
    }
    return -1;
  }

  // Whether `value` can be computed in other units. Collects the ops that have to change.
  bool reaches(Value *value) {
    if (const Tensor *content = constantOf(value))
      return content->dtype() == DType::F32;
    Op *op = value->definingOp();
    if (!op || hopeless_.contains(op))
      return false;
    bool possible = reachesOp(value, op);
    if (!possible)
      hopeless_.insert(op); // or products of products would be tried again and again
    return possible;
  }

  bool reachesOp(const Value *value, Op *op) {
    if (op->block() != quantize_->block() || value->type.dtype != DType::F32 ||
        op->numResults() != 1 || region_.size() > kMostOps)
      return false;
    if (op->kind() == OpKind::DequantizeLinear) {
      auto q = quantizationOf(*op);
      reads_ = true;
      return q && std::ranges::all_of(q->scales, [&](float scale) {
               return std::isnormal(static_cast<float>(scale * factor_));
             });
    }
    if (region_.contains(op))
      return true;
    region_.insert(op);
    switch (op->kind()) {
    case OpKind::Add:
    case OpKind::Sub:
    case OpKind::Max:
    case OpKind::Min:
      return reaches(op->operand(0)) && reaches(op->operand(1));
    case OpKind::Clip:
      return reaches(op->operand(0)) && (!op->operand(1) || constantOf(op->operand(1))) &&
             (!op->operand(2) || constantOf(op->operand(2)));
    case OpKind::Mul: {
      int which = factorOf(*op);
      products_[op] = which;
      reads_ = reads_ || which >= 0;
      return which >= 0;
    }
    default:
      return isHomogeneous(*op) && reaches(op->operand(0));
    }
  }

  // Nobody else reads what changes.
  bool isClosed() const {
    return std::ranges::all_of(region_, [&](const Op *op) {
      return std::ranges::all_of(op->result()->uses(), [&](const Use &use) {
        return use.user == quantize_ || region_.contains(use.user);
      });
    });
  }

  bool takesFactor(const Op &op, unsigned operand) const {
    switch (op.kind()) {
    case OpKind::Add:
    case OpKind::Sub:
    case OpKind::Max:
    case OpKind::Min:
    case OpKind::Clip:
      return op.operand(operand) != nullptr;
    case OpKind::Mul:
      return static_cast<int>(operand) == products_.at(&op);
    default:
      return operand == 0;
    }
  }

  Value *scaled(Value *value) {
    Value *&made = made_[value];
    if (made)
      return made;
    Op *op = value->definingOp();
    Builder builder(module_);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    if (const Tensor *content = constantOf(value)) {
      Tensor tensor(DType::F32, content->dims());
      for (int64_t i = 0; i < tensor.elements(); ++i)
        tensor.setDouble(i, content->asDouble(i) * factor_);
      return made = builder.constant(std::move(tensor), op->parameter->name);
    }
    std::vector<Value *> operands = op->operands();
    if (op->kind() == OpKind::DequantizeLinear)
      operands[1] = scaled(operands[1]);
    else
      for (unsigned i = 0; i < operands.size(); ++i)
        if (takesFactor(*op, i))
          operands[i] = scaled(operands[i]);
    made = builder.createOp(op->kind(), operands, op->attributes())->result();
    made->provenance = provenanceOf(*value);
    return made;
  }

  // original = value / factor.
  Provenance provenanceOf(const Value &value) const {
    Provenance p = value.provenance;
    if (p.tensor.empty() || p.axis < 0 || static_cast<unsigned>(p.axis) >= value.type.rank())
      return {};
    if (p.scale.empty())
      p.scale.assign(static_cast<size_t>(value.dims()[static_cast<size_t>(p.axis)]), 1);
    for (double &scale : p.scale)
      scale /= factor_;
    return p;
  }

  Module &module_;
  Op *quantize_;
  double factor_;
  bool reads_ = false; // something that is not constant takes the factor
  std::set<const Op *> region_, hopeless_;
  std::map<const Op *, int> products_;
  std::map<Value *, Value *> made_;
};

} // namespace

int64_t foldOutputScale(Module &module, Block &block) {
  int64_t folded = 0;
  for (Op *op : block.snapshot()) {
    auto to = op->kind() == OpKind::QuantizeLinear ? quantizationOf(*op) : std::nullopt;
    if (to && to->perTensor() && to->scale(0) != 1 && !constantOf(op->operand(0)))
      folded += Scaler(module, op, double{to->scale(0)}).run() ? 1 : 0;
  }
  return folded;
}

} // namespace edgecc::quantized
