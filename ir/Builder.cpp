#include "ir/Builder.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdio>
#include <cstdlib>

namespace edgecc {

namespace {

bool sameBits(double a, double b) {
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

// Equality that tells 0.0 from -0.0 and finds NaN equal to itself.
bool isIdentical(const Attribute &a, const Attribute &b) {
  if (const auto *x = std::get_if<double>(&a))
    if (const auto *y = std::get_if<double>(&b))
      return sameBits(*x, *y);
  if (const auto *x = std::get_if<std::vector<double>>(&a))
    if (const auto *y = std::get_if<std::vector<double>>(&b))
      return std::ranges::equal(*x, *y, sameBits);
  return a == b;
}

// An op stores only what differs from the declaration's default, so that equal ops are stored and
// printed alike.
void eraseDefaults(Attributes &attributes, const OpDef &def) {
  std::erase_if(attributes, [&](const auto &entry) {
    const AttributeDef *declared = def.findAttribute(entry.first);
    return declared && declared->defaultValue && isIdentical(entry.second, *declared->defaultValue);
  });
}

template <class T> T orAbort(Expected<T> result) {
  if (result)
    return *std::move(result);
  std::fprintf(stderr, "internal error: %s\n", str(result.error()).c_str());
  std::abort();
}

} // namespace

void Builder::setInsertionEnd(Block &block) {
  block_ = &block;
  position_ = block.ops_.end();
  if (!block.ops_.empty() && block.ops_.back()->def().is(OpTrait::Terminator))
    --position_;
}

void Builder::setInsertionBefore(Op *op) {
  assert(op->block_ && "the op is in no block");
  block_ = op->block_;
  position_ = op->position_;
}

std::unique_ptr<Op> Builder::detached(OpKind kind, std::span<Value *const> operands) {
  return std::unique_ptr<Op>(new Op(kind, operands));
}

Op *Builder::insert(std::unique_ptr<Op> op) {
  assert(block_ && "the builder has no insertion point");
  op->block_ = block_;
  auto inserted = block_->ops_.insert(position_, std::move(op));
  (*inserted)->position_ = inserted;
  if (position_ == block_->ops_.end() && (*inserted)->def().is(OpTrait::Terminator))
    position_ = inserted;
  return inserted->get();
}

Expected<Op *> Builder::tryCreate(OpKind kind, std::span<Value *const> operands,
                                  Attributes attributes, const RegionFiller &fill) {
  const OpDef &def = defOf(kind);
  std::unique_ptr<Op> op = detached(kind, operands);
  op->location = location;
  eraseDefaults(attributes, def);
  op->attributes_ = std::move(attributes);
  for (unsigned i = 0; i < def.regions; ++i)
    op->addRegion();
  if (fill)
    EDGECC_CHECK(fill(*op));
  EDGECC_TRY(types, inferTypes(*op));
  for (Type &type : types)
    op->addResult(std::move(type));
  return insert(std::move(op));
}

Expected<Op *> Builder::tryCreate(OpKind kind, std::initializer_list<Value *> operands,
                                  Attributes attributes, const RegionFiller &fill) {
  return tryCreate(kind, std::span<Value *const>(operands.begin(), operands.size()),
                   std::move(attributes), fill);
}

Value *Builder::create(OpKind kind, std::initializer_list<Value *> operands,
                       Attributes attributes) {
  return orAbort(tryCreate(kind, operands, std::move(attributes)))->result();
}

Op *Builder::createOp(OpKind kind, std::span<Value *const> operands, Attributes attributes,
                      const RegionFiller &fill) {
  return orAbort(tryCreate(kind, operands, std::move(attributes), fill));
}

Value *Builder::constant(Tensor content, std::string_view name) {
  return parameter(module_.addParameter(std::string(name), std::move(content)));
}

Value *Builder::scalar(DType dtype, double value) {
  Tensor content(dtype, {});
  content.setDouble(0, value);
  return constant(std::move(content));
}

Value *Builder::parameter(Parameter &parameter) {
  RegionFiller setParameter = [&](Op &op) -> Expected<void> {
    op.parameter = &parameter;
    return {};
  };
  return createOp(OpKind::Param, {}, {}, setParameter)->result();
}

Op *Builder::yield(std::span<Value *const> values) { return createOp(OpKind::Yield, values); }

Op *cloneOp(Builder &builder, const Op &op, ValueMapping &mapping) {
  std::vector<Value *> operands = op.operands();
  for (Value *&operand : operands)
    if (auto it = mapping.find(operand); it != mapping.end())
      operand = it->second;
  std::unique_ptr<Op> copy = Builder::detached(op.kind(), operands);
  copy->location = op.location;
  for (const auto &[name, value] : op.attributes())
    copy->set(name, value);
  copy->parameter = op.parameter;
  for (unsigned i = 0; i < op.numResults(); ++i) {
    Value *result = copy->addResult(op.result(i)->type);
    result->provenance = op.result(i)->provenance;
    result->storage = op.result(i)->storage;
    mapping[op.result(i)] = result;
  }
  for (unsigned i = 0; i < op.numRegions(); ++i)
    cloneBlock(builder.module(), op.region(i), copy->addRegion(), mapping);
  return builder.insert(std::move(copy));
}

void cloneBlock(Module &module, const Block &from, Block &to, ValueMapping &mapping) {
  assert(to.empty() && to.numArguments() == 0);
  for (const auto &argument : from.arguments()) {
    Value *copy = to.addArgument(argument->type);
    copy->provenance = argument->provenance;
    copy->storage = argument->storage;
    mapping[argument.get()] = copy;
  }
  Builder builder(module, to);
  for (const auto &op : from.ops())
    cloneOp(builder, *op, mapping);
}

} // namespace edgecc
