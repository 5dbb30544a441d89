#include "ir/Op.h"

#include "ir/OpDef.h"

#include <algorithm>
#include <cassert>

namespace edgecc {

// --- Value ---

Block *Value::owningBlock() const { return op_ ? op_->block() : block_; }

void Value::replaceAllUsesWith(Value *other) {
  assert(other && "a use cannot become absent");
  if (other == this)
    return;
  for (const Use &use : uses_)
    use.user->operands_[use.operand] = other;
  other->uses_.insert(other->uses_.end(), uses_.begin(), uses_.end());
  uses_.clear();
}

// --- Op ---

Op::Op(OpKind kind, std::span<Value *const> operands) : kind_(kind) { setOperands(operands); }

Op::~Op() {
  setOperands({});
  regions_.clear(); // before results_, which an invalid region could still use
}

const OpDef &Op::def() const { return defOf(kind_); }

std::string_view Op::name() const { return def().name; }

void Op::dropUse(unsigned i) {
  Value *value = operands_[i];
  if (!value)
    return;
  // From the back: ops are usually destroyed in reverse order of creation.
  auto &uses = value->uses_;
  auto last = std::find_if(uses.rbegin(), uses.rend(),
                           [&](const Use &use) { return use.user == this && use.operand == i; });
  assert(last != uses.rend() && "operand without an entry in the use list");
  uses.erase(std::next(last).base());
}

void Op::setOperand(unsigned i, Value *value) {
  assert(i < operands_.size());
  dropUse(i);
  operands_[i] = value;
  if (value)
    value->uses_.push_back({this, i});
}

void Op::setOperands(std::span<Value *const> values) {
  std::vector<Value *> next(values.begin(), values.end()); // `values` may view operands_
  for (unsigned i = numOperands(); i-- > 0;)
    dropUse(i);
  operands_ = std::move(next);
  for (unsigned i = 0; i < operands_.size(); ++i)
    if (operands_[i])
      operands_[i]->uses_.push_back({this, i});
}

Value *Op::addResult(Type type) {
  auto &value = results_.emplace_back(std::make_unique<Value>());
  value->type = std::move(type);
  value->op_ = this;
  value->index_ = numResults() - 1;
  return value.get();
}

const Attribute &Op::attribute(std::string_view name) const {
  if (auto it = attributes_.find(name); it != attributes_.end())
    return it->second;
  const AttributeDef *declared = def().findAttribute(name);
  assert(declared && "the op's declaration has no such attribute");
  assert(declared->defaultValue && "a required attribute is not set");
  return *declared->defaultValue;
}

bool Op::flag(std::string_view name) const { return std::get<bool>(attribute(name)); }
int64_t Op::integer(std::string_view name) const { return std::get<int64_t>(attribute(name)); }
double Op::real(std::string_view name) const { return std::get<double>(attribute(name)); }

const std::string &Op::text(std::string_view name) const {
  return std::get<std::string>(attribute(name));
}

const std::vector<int64_t> &Op::ints(std::string_view name) const {
  return std::get<std::vector<int64_t>>(attribute(name));
}

const std::vector<double> &Op::reals(std::string_view name) const {
  return std::get<std::vector<double>>(attribute(name));
}

const std::vector<std::string> &Op::texts(std::string_view name) const {
  return std::get<std::vector<std::string>>(attribute(name));
}

DType Op::dtype(std::string_view name) const { return std::get<DType>(attribute(name)); }

Block &Op::addRegion() { return *regions_.emplace_back(std::make_unique<Block>(this)); }

void Op::erase() {
  assert(block_ && "the op is in no block");
  assert(std::ranges::all_of(results_, [](const auto &r) { return r->uses().empty(); }) &&
         "a result still has uses");
  block_->ops_.erase(position_);
}

void Op::moveBefore(Op *other) {
  assert(block_ && other->block_ && "both ops must be in a block");
  if (other == this)
    return;
  other->block_->ops_.splice(other->position_, block_->ops_, position_);
  block_ = other->block_;
}

// --- Block ---

Block::~Block() {
  // Uses go first, so that no order among the ops matters: an invalid block may use a value before
  // its definition, or one of a nested region. Reverse order keeps dropping a use cheap.
  for (auto it = ops_.rbegin(); it != ops_.rend(); ++it)
    dropOperands(**it);
}

void Block::dropOperands(Op &op) {
  op.setOperands({});
  for (const auto &region : op.regions_)
    for (auto it = region->ops_.rbegin(); it != region->ops_.rend(); ++it)
      dropOperands(**it);
}

Value *Block::addArgument(Type type) {
  auto &value = arguments_.emplace_back(std::make_unique<Value>());
  value->type = std::move(type);
  value->block_ = this;
  value->index_ = numArguments() - 1;
  return value.get();
}

void Block::eraseArgument(unsigned i) {
  assert(arguments_[i]->uses().empty() && "the argument still has uses");
  arguments_.erase(arguments_.begin() + i);
  for (; i < arguments_.size(); ++i)
    arguments_[i]->index_ = i;
}

Op *Block::terminator() const {
  assert(!ops_.empty() && ops_.back()->def().is(OpTrait::Terminator));
  return ops_.back().get();
}

std::vector<Op *> Block::snapshot() const {
  std::vector<Op *> ops;
  ops.reserve(ops_.size());
  for (const auto &op : ops_)
    ops.push_back(op.get());
  return ops;
}

} // namespace edgecc
