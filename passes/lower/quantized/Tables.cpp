// Functions of one 8-bit value become tables.
#include "ir/OpDef.h"
#include "passes/lower/quantized/Quantized.h"

#include <algorithm>
#include <set>

namespace edgecc::quantized {

namespace {

bool isByte(DType dtype) { return dtype == DType::I8 || dtype == DType::U8; }

bool isScalarConstant(const Value *value) {
  return constantOf(value) && value->type.elements() == 1;
}

// The element-wise ops between one 8-bit value and a Quantize to 8 bits.
class Expression {
public:
  // Grows from `last` towards its operands up to 8-bit values; while there are several of these,
  // further through the ops that compute them.
  static std::optional<Expression> endingIn(const Op &last,
                                            const std::map<const Op *, size_t> &position) {
    constexpr size_t kMostOps = 64;
    Expression out(last, position);
    if (!out.add(last))
      return std::nullopt;
    while (out.leaves_.size() > 1 && out.ops_.size() < kMostOps) {
      // The one that is computed last cannot be what another is computed from.
      auto next = std::ranges::max_element(out.leaves_, {},
                                           [&](const Value *leaf) { return out.positionOf(leaf); });
      const Op *op = (*next)->definingOp();
      if (!op || op->kind() == OpKind::DequantizeLinear)
        return std::nullopt;
      out.leaves_.erase(next);
      if (!out.add(*op))
        return std::nullopt;
    }
    if (out.leaves_.size() != 1)
      return std::nullopt;
    return out;
  }

  Value *source() const { return *leaves_.begin(); }

  // Its results for all 256 bit patterns of the source.
  Expected<Tensor> tabulate(Executor &executor) const {
    Module scratch;
    Function &function = scratch.addFunction("table");
    DType in = source()->type.dtype;
    function.inputs = {{"x", {}}};
    function.outputs = {{"y", {}}};
    Value *x = function.body.addArgument(Type{in, {256}, 0, {}});
    Builder builder(scratch, function.body);
    ValueMapping mapping{{source(), x}};
    for (const auto &[at, op] : ops_) {
      std::vector<Value *> operands;
      for (unsigned i = 0; i < op->numOperands(); ++i) {
        const Value *operand = op->operand(i);
        const Tensor *content = constantOf(operand);
        operands.push_back(
            !operand  ? nullptr
            : content ? builder.constant(isTable(*op, i) ? *content : content->reshaped({}))
                      : mapping.at(operand));
      }
      EDGECC_TRY(made, builder.tryCreate(op->kind(), operands, op->attributes()));
      mapping[op->result()] = made->result();
    }
    Value *results[] = {mapping.at(last_.result())};
    builder.yield(results);
    Tensor all(in, {256});
    for (int i = 0; i < 256; ++i)
      all.mutableRaw()[i] = static_cast<std::byte>(isSigned(in) ? i - 128 : i);
    EDGECC_TRY(outputs, executor.run(function, std::span(&all, 1)));
    return std::move(outputs[0]);
  }

private:
  Expression(const Op &last, const std::map<const Op *, size_t> &position)
      : last_(last), position_(position) {}

  static bool isTable(const Op &op, unsigned operand) {
    return op.kind() == OpKind::TableLookup && operand == 1;
  }

  size_t positionOf(const Value *value) const {
    auto it = position_.find(value->definingOp());
    return it == position_.end() ? 0 : it->second + 1;
  }

  bool add(const Op &op) {
    auto at = position_.find(&op);
    if (at == position_.end())
      return false;
    if (!ops_.emplace(at->second, &op).second)
      return true;
    if (!op.def().is(OpTrait::Elementwise) || op.numResults() != 1 ||
        op.result()->dims() != last_.result()->dims())
      return false;
    for (unsigned i = 0; i < op.numOperands(); ++i) {
      Value *operand = op.operand(i);
      if (!operand || isTable(op, i) || isScalarConstant(operand))
        continue;
      if (constantOf(operand) || operand->dims() != last_.result()->dims())
        return false;
      if (isByte(operand->type.dtype))
        leaves_.insert(operand);
      else if (!operand->definingOp() || !add(*operand->definingOp()))
        return false;
    }
    return true;
  }

  const Op &last_;
  const std::map<const Op *, size_t> &position_;
  std::map<size_t, const Op *> ops_; // in order of execution
  std::set<Value *> leaves_;
};

bool isIdentity(const Tensor &table, DType in) {
  if (table.dtype() != in)
    return false;
  for (int i = 0; i < 256; ++i)
    if (table.raw()[i] != static_cast<std::byte>(isSigned(in) ? i - 128 : i))
      return false;
  return true;
}

} // namespace

Expected<int64_t> makeTables(Module &module, Block &block, Executor &executor) {
  int64_t made = 0;
  std::map<const Op *, size_t> position;
  for (Op *op : block.snapshot())
    position.emplace(op, position.size());
  for (Op *op : block.snapshot()) {
    if (op->kind() != OpKind::QuantizeLinear || !isByte(op->result()->type.dtype) ||
        op->integer("block_size") != 0 || !position.contains(op))
      continue;
    auto expression = Expression::endingIn(*op, position);
    if (!expression)
      continue;
    auto table = expression->tabulate(executor);
    if (!table)
      continue; // a function that the executor does not know stays what it is
    Value *x = expression->source();
    Builder builder(module);
    builder.setInsertionBefore(op);
    builder.location = op->location;
    Value *result = isIdentity(*table, x->type.dtype)
                        ? x
                        : builder.create(OpKind::TableLookup,
                                         {x, builder.constant(std::move(*table), "table")});
    if (result != x) {
      result->provenance = op->result()->provenance;
      // Not emplace: an op that is gone may have had the same address.
      position.insert_or_assign(result->definingOp(), position.at(op));
    }
    op->result()->replaceAllUsesWith(result);
    std::string locations = eraseWithDeadOperands(op);
    if (result != x)
      result->definingOp()->location = std::move(locations);
    ++made;
  }
  return made;
}

} // namespace edgecc::quantized
