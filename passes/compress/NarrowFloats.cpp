// Stores weights and activations as f16 or bf16.
//
// Every op that can takes its f32 operands in the narrow type and gives such results; an op on f16
// or bf16 computes in f32 and rounds once. The model's inputs and outputs stay f32. What cannot be
// narrowed runs in f32 between casts: ops with regions and those that are defined for f32 alone,
// quantisation, and ops with a constant that the type does not hold.
#include "ir/OpDef.h"
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

namespace {

constexpr double kLargestF16 = 65504;

class Narrower {
public:
  Narrower(Module &module, Block &block, DType to) : module_(module), block_(block), to_(to) {}

  // Ops that now compute on narrow values.
  int64_t run() {
    int64_t narrowed = 0;
    for (Op *op : block_.snapshot())
      if (!op->parameter && !op->def().is(OpTrait::Terminator) && narrow(op))
        ++narrowed;
    return narrowed;
  }

private:
  // The narrow form of an f32 value in front of `user`: made once for each value.
  Value *narrowed(Value *value, Op *user) {
    auto [it, isNew] = narrow_.try_emplace(value, nullptr);
    if (!isNew)
      return it->second;
    Builder builder(module_);
    builder.setInsertionBefore(afterDefinition(value, user));
    if (const Tensor *content = constantOf(value)) {
      Tensor tensor(to_, content->dims());
      for (int64_t i = 0; i < tensor.elements(); ++i)
        tensor.setDouble(i, content->asDouble(i));
      it->second = builder.constant(std::move(tensor), value->definingOp()->parameter->name);
    } else {
      it->second = cast(builder, value, to_);
    }
    return it->second;
  }

  // Right after the value exists, so that the result serves all its users.
  Op *afterDefinition(const Value *value, Op *user) {
    const Op *definition = value->definingOp();
    if (!definition)
      return block_.ops().front().get();
    if (definition->block() != &block_)
      return user;
    auto &ops = block_.ops();
    auto it = std::ranges::find_if(ops, [&](const auto &op) { return op.get() == definition; });
    return std::next(it)->get();
  }

  static Value *cast(Builder &builder, Value *value, DType to) {
    Value *result = builder.create(OpKind::Cast, {value}, {{"to", to}});
    result->provenance = value->provenance;
    return result;
  }

  bool holds(const Tensor &content) const {
    if (to_ != DType::F16)
      return true;
    for (int64_t i = 0; i < content.elements(); ++i)
      if (double value = content.asDouble(i); std::isfinite(value) && std::abs(value) > kLargestF16)
        return false;
    return true;
  }

  bool mayNarrow(const Op &op) const {
    if (op.numRegions() > 0)
      return false;
    switch (op.kind()) {
    case OpKind::QuantizeLinear:
    case OpKind::DequantizeLinear:
    case OpKind::DynamicQuantizeLinear:
    case OpKind::Bitcast:
      return false;
    case OpKind::Cast: // what the model casts to f32, not what it casts from
      if (op.dtype("to") != DType::F32)
        return false;
      break;
    default:
      break;
    }
    return std::ranges::all_of(op.operands(), [&](const Value *operand) {
      const Tensor *content = constantOf(operand);
      return !content || content->dtype() != DType::F32 || holds(*content);
    });
  }

  bool narrow(Op *op) {
    bool real = false;
    for (unsigned i = 0; i < op->numResults(); ++i)
      real = real || op->result(i)->type.dtype == DType::F32;
    for (const Value *operand : op->operands())
      real = real || (operand && operand->type.dtype == DType::F32);
    if (!real || !mayNarrow(*op))
      return false;
    Attributes attributes = op->attributes();
    if (auto to = attributes.find("to"); to != attributes.end())
      if (auto *type = std::get_if<DType>(&to->second); type && *type == DType::F32)
        *type = to_;
    std::vector<Value *> operands;
    for (Value *operand : op->operands())
      operands.push_back(operand && operand->type.dtype == DType::F32 ? narrowed(operand, op)
                                                                      : operand);
    Builder builder(module_);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    auto made = builder.tryCreate(op->kind(), operands, std::move(attributes));
    if (!made)
      return false; // defined for f32 alone
    for (unsigned i = 0; i < op->numResults(); ++i) {
      Value *old = op->result(i), *fresh = (*made)->result(i);
      fresh->provenance = old->provenance;
      if (fresh->type.dtype == old->type.dtype) {
        old->replaceAllUsesWith(fresh);
        continue;
      }
      // Users that stay in f32 read it widened.
      Value *wide = cast(builder, fresh, DType::F32);
      old->replaceAllUsesWith(wide);
      narrow_[wide] = fresh;
    }
    op->erase();
    return true;
  }

  Module &module_;
  Block &block_;
  DType to_;
  std::map<Value *, Value *> narrow_;
};

} // namespace

Expected<void> narrowFloats(Module &module, PassContext &context) {
  const std::string &name = context.options.text("to");
  auto to = dtypeFromName(name);
  if (to != DType::F16 && to != DType::BF16)
    return error("narrow-floats: to = " + name + " is not f16 or bf16");
  for (const auto &function : module.functions())
    context.statistics.add("ops narrowed", Narrower(module, function->body, *to).run());
  return {};
}

} // namespace edgecc
