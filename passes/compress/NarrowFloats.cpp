// Stores weights and activations as f16 or bf16.
//
// Every op that can takes its f32 operands in the narrow type and gives such results; an op on f16
// or bf16 computes in f32 and rounds once. The model's inputs and outputs stay f32. What cannot be
// narrowed runs in f32 between casts: ops with regions and those that are defined for f32 alone,
// quantisation, and ops with a constant that the type does not hold. With `watch`, so does what
// leaves f16 on calibration samples.
#include "ir/OpDef.h"
#include "passes/Rewrite.h"
#include "passes/compress/Compression.h"
#include "passes/compress/HalfRanges.h"
#include "passes/compress/Passes.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

namespace edgecc {

namespace {

class Narrower {
public:
  // `wide`: values that are to stay in f32.
  Narrower(Module &module, Block &block, DType to, std::set<const Value *> wide)
      : module_(module), block_(block), to_(to), wide_(std::move(wide)) {}

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
    // Weights may vanish; the small number that keeps a divisor from 0 may not.
    bool isScalar = content.elements() == 1;
    for (int64_t i = 0; i < content.elements(); ++i)
      if (double value = content.asDouble(i);
          losesInHalf(value) && (isScalar || std::abs(value) > kLargestF16))
        return false;
    return true;
  }

  bool mayNarrow(const Op &op) const {
    if (op.numRegions() > 0 || staysWide(op))
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

  bool staysWide(const Op &op) const {
    for (unsigned i = 0; i < op.numResults(); ++i)
      if (wide_.contains(op.result(i)))
        return true;
    return std::ranges::any_of(op.operands(),
                               [&](const Value *operand) { return wide_.contains(operand); });
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
  std::set<const Value *> wide_;
  std::map<Value *, Value *> narrow_;
};

// Where a constant that f16 would round to 0 is added to what must not be 0, the sum stays wide,
// and what reads it computes in f32.
void keepFromVanishing(const Block &block, std::set<const Value *> &wide) {
  for (const auto &op : block.ops()) {
    bool isGuarded = std::ranges::any_of(op->operands(), [](const Value *operand) {
      const Tensor *content = operand ? constantOf(operand) : nullptr;
      return content && content->dtype() == DType::F32 && content->elements() == 1 &&
             std::abs(content->asDouble(0)) < kLargestF16 && losesInHalf(content->asDouble(0));
    });
    for (unsigned i = 0; isGuarded && i < op->numResults(); ++i)
      wide.insert(op->result(i));
  }
}

void note(const Value &value, const OutOfHalf &seen, bool fromSamples, PassContext &context) {
  const Op *op = value.definingOp();
  std::string what =
      seen.most > kLargestF16
          ? fmt::format("reaches {:.3g}, and f16 ends at {:g}", seen.most, kLargestF16)
          : fmt::format("goes down to {:.3g}, which f16 rounds to 0, and is a divisor or the "
                        "argument of a logarithm",
                        seen.least);
  what += fromSamples ? " (on the samples): it stays in f32"
                      : " (for random inputs in [-1, 1]): --calibrate DIR keeps what typical "
                        "inputs need in f32";
  context.statistics.add(fromSamples ? "values kept in f32" : "values that may leave f16");
  if (context.compression)
    context.compression->notes.push_back(
        {"narrow-floats", op ? nameOfLayer(*op) : "", std::move(what)});
}

} // namespace

Expected<void> narrowFloats(Module &module, PassContext &context) {
  const std::string &name = context.options.text("to");
  auto to = dtypeFromName(name);
  if (to != DType::F16 && to != DType::BF16)
    return error("narrow-floats: to = " + name + " is not f16 or bf16");
  std::set<const Value *> wide;
  if (to == DType::F16)
    for (const auto &function : module.functions())
      keepFromVanishing(function->body, wide);
  if (to == DType::F16 && context.options.flag("watch")) {
    bool fromSamples = false;
    EDGECC_TRY(out, valuesOutOfHalf(module.main(), context, fromSamples));
    for (const auto &op : module.main().body.ops()) // in the order of the network
      for (unsigned i = 0; i < op->numResults(); ++i)
        if (auto seen = out.find(op->result(i)); seen != out.end() && !wide.contains(seen->first)) {
          note(*op->result(i), seen->second, fromSamples, context);
          if (fromSamples)
            wide.insert(op->result(i));
        }
  }
  for (const auto &function : module.functions())
    context.statistics.add("ops narrowed", Narrower(module, function->body, *to, wide).run());
  return {};
}

} // namespace edgecc
