// Computes f16 and bf16 values in f32 between a model's inputs and outputs.
//
// The IR's meaning of a half-precision op is: compute in f32, round the result. A CPU without
// half-precision arithmetic converts before and after each op; keeping f32 in between saves those
// conversions and the roundings. The result is closer to the exact one, and differs from the
// op-by-op meaning by at most the roundings that were left out. A Cast to half precision that the
// model itself asks for still rounds. Constant weights of contractions stay as narrow as they are:
// kernels convert them in registers, or multiply bf16 by activations that they round.
#include "ir/OpDef.h"
#include "passes/Passes.h"
#include "passes/Rewrite.h"

#include <algorithm>

namespace edgecc {

namespace {

bool isHalf(DType dtype) { return dtype == DType::F16 || dtype == DType::BF16; }

bool touchesHalf(const Op &op) {
  for (const Value *operand : op.operands())
    if (operand && isHalf(operand->type.dtype))
      return true;
  for (unsigned i = 0; i < op.numResults(); ++i)
    if (isHalf(op.result(i)->type.dtype))
      return true;
  return false;
}

// Conv, MatMul and the like multiply f32 by narrower weights.
bool isKeptWeight(const Op &op, unsigned operand) {
  switch (op.kind()) {
  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::MatMul:
  case OpKind::Gemm:
    return operand == 1 && constantOf(op.operand(operand)) && isHalf(op.operand(0)->type.dtype);
  default:
    return false;
  }
}

class Widener {
public:
  Widener(Module &module, Function &function, bool keepsWeights)
      : module_(module), function_(function), keepsWeights_(keepsWeights) {}

  // Ops with regions keep their types, and so would everything that meets them: such functions are
  // left alone.
  bool applies() const {
    bool half = false, regions = false;
    walk(function_.body, [&](const Op &op) {
      half |= touchesHalf(op);
      regions |= op.numRegions() > 0;
    });
    return half && !regions;
  }

  Expected<int64_t> run() {
    for (Op *op : function_.body.snapshot()) {
      if (op->kind() == OpKind::Yield || op->kind() == OpKind::Param || !touchesHalf(*op))
        continue;
      if (op->kind() == OpKind::Bitcast)
        continue; // reads the bits themselves
      EDGECC_CHECK(rewrite(op));
    }
    return rewritten_;
  }

private:
  Value *cast(Value *value, DType to, Op *before) {
    Builder builder(module_);
    builder.setInsertionBefore(before);
    builder.location = before->location;
    Value *result = builder.create(OpKind::Cast, {value}, {{"to", to}});
    result->provenance = value->provenance;
    return result;
  }

  // The f32 form of a half value, made once for each value.
  Value *widened(Value *value, Op *user) {
    Value *&wide = wide_[value];
    if (!wide) {
      // Right after the definition, so that it serves all users.
      Op *before = user;
      if (Op *definition = value->definingOp()) {
        auto &ops = function_.body.ops();
        auto it = std::find_if(ops.begin(), ops.end(),
                               [&](const auto &op) { return op.get() == definition; });
        before = std::next(it)->get();
      } else {
        before = function_.body.ops().front().get();
      }
      wide = cast(value, DType::F32, before);
    }
    return wide;
  }

  Expected<void> rewrite(Op *op) {
    // A cast that the model asks for: its result stays half, its operand is read widened.
    bool rounds = op->kind() == OpKind::Cast || op->kind() == OpKind::QuantizeLinear;
    std::vector<Value *> operands;
    for (unsigned i = 0; i < op->numOperands(); ++i) {
      Value *operand = op->operand(i);
      bool widens =
          operand && isHalf(operand->type.dtype) && !(keepsWeights_ && isKeptWeight(*op, i));
      operands.push_back(widens ? widened(operand, op) : operand);
    }
    Attributes attributes = op->attributes();
    if (auto to = attributes.find("to"); to != attributes.end() && !rounds)
      if (isHalf(std::get<DType>(to->second)))
        to->second = DType::F32;
    Builder builder(module_);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    EDGECC_TRY(wideOp, builder.tryCreate(op->kind(), operands, std::move(attributes)));
    for (unsigned i = 0; i < op->numResults(); ++i) {
      Value *old = op->result(i), *fresh = wideOp->result(i);
      fresh->provenance = old->provenance;
      if (fresh->type.dtype == old->type.dtype) {
        old->replaceAllUsesWith(fresh);
        continue;
      }
      // Users that have not been rewritten (the Yield, Bitcast) read the rounded value; those that
      // will be find the wide one.
      Value *rounded = cast(fresh, old->type.dtype, op);
      old->replaceAllUsesWith(rounded);
      wide_[rounded] = fresh;
    }
    op->erase();
    ++rewritten_;
    return {};
  }

  Module &module_;
  Function &function_;
  bool keepsWeights_;
  std::map<Value *, Value *> wide_;
  int64_t rewritten_ = 0;
};

} // namespace

Expected<void> widenHalf(Module &module, PassContext &context) {
  for (const auto &function : module.functions()) {
    Widener widener(module, *function, context.options.flag("keep-weights"));
    if (!widener.applies())
      continue;
    EDGECC_TRY(count, widener.run());
    context.statistics.add("half-precision ops computed in f32", count);
  }
  return {};
}

} // namespace edgecc
