#include "ir/OpDef.h"

#include "ir/ops/Registry.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace edgecc {

namespace {

using Table = std::array<OpDef, kNumOps>;

[[noreturn]] void fail(const char *what, const std::string &name) {
  std::fprintf(stderr, "internal error: op %s %s\n", name.c_str(), what);
  std::abort();
}

constexpr std::array<const char *, kNumOps> kNames = {{
#define EDGECC_OP(Name) #Name,
#include "ir/Ops.def"
}};

Table buildTable() {
  Table table;
  for (OpDef &def : allOpDefs()) {
    auto index = static_cast<size_t>(def.kind);
    if (!table[index].name.empty())
      fail("is declared twice", def.name);
    if (def.name != kNames[index])
      fail("is declared under another op's kind", def.name);
    table[index] = std::move(def);
  }
  for (size_t i = 0; i < kNumOps; ++i)
    if (table[i].name.empty())
      fail("is not declared", kNames[i]);
  return table;
}

const Table &table() {
  static const Table table = buildTable();
  return table;
}

} // namespace

const OpDef &defOf(OpKind kind) { return table()[static_cast<size_t>(kind)]; }

const OpDef *findOpDef(std::string_view name) {
  static const auto byName = [] {
    std::map<std::string_view, const OpDef *> map;
    for (const OpDef &def : table())
      map[def.name] = &def;
    return map;
  }();
  auto it = byName.find(name);
  return it == byName.end() ? nullptr : it->second;
}

AttributeKind kindOf(const Attribute &attribute) {
  static_assert(std::variant_size_v<Attribute> == 8);
  return static_cast<AttributeKind>(attribute.index());
}

std::string_view describe(AttributeKind kind) {
  switch (kind) {
  case AttributeKind::Flag:
    return "true or false";
  case AttributeKind::Int:
    return "an integer";
  case AttributeKind::Float:
    return "a number with a decimal point";
  case AttributeKind::String:
    return "a string";
  case AttributeKind::Ints:
    return "a list of integers";
  case AttributeKind::Floats:
    return "a list of numbers with decimal points";
  case AttributeKind::Strings:
    return "a list of strings";
  case AttributeKind::DType:
    return "an element type";
  }
  __builtin_unreachable();
}

// --- building declarations ---

OpDef &OpDef::describe(std::string text) {
  doc = std::move(text);
  return *this;
}

OpDef &OpDef::in(std::string name, std::string typeVariable, DTypeSet allowed, std::string doc) {
  operands.push_back(
      {std::move(name), std::move(typeVariable), allowed, false, false, std::move(doc)});
  return *this;
}

OpDef &OpDef::optionalIn(std::string name, std::string typeVariable, DTypeSet allowed,
                         std::string doc) {
  in(std::move(name), std::move(typeVariable), allowed, std::move(doc));
  operands.back().optional = true;
  return *this;
}

OpDef &OpDef::variadicIn(std::string name, std::string typeVariable, DTypeSet allowed,
                         std::string doc) {
  in(std::move(name), std::move(typeVariable), allowed, std::move(doc));
  operands.back().variadic = true;
  return *this;
}

OpDef &OpDef::attr(std::string name, AttributeKind kind, std::string doc) {
  attributes.push_back({std::move(name), kind, std::nullopt, std::move(doc)});
  return *this;
}

OpDef &OpDef::attr(std::string name, Attribute defaultValue, std::string doc) {
  AttributeKind kind = kindOf(defaultValue);
  attributes.push_back({std::move(name), kind, std::move(defaultValue), std::move(doc)});
  return *this;
}

OpDef &OpDef::outs(unsigned min, unsigned max) {
  minResults = min;
  maxResults = max;
  return *this;
}

OpDef &OpDef::trait(OpTrait trait) {
  traits |= static_cast<uint32_t>(trait);
  return *this;
}

OpDef &OpDef::withRegions(unsigned count) {
  regions = count;
  return *this;
}

OpDef &OpDef::require(std::string sentence, std::function<bool(const Op &)> holds) {
  constraints.push_back({std::move(sentence), std::move(holds)});
  return *this;
}

OpDef &OpDef::result(std::function<Expected<std::vector<Type>>(const Op &)> infer) {
  this->infer = std::move(infer);
  return *this;
}

OpDef &OpDef::maps(std::function<IterationSpace(const Op &)> space) {
  this->space = std::move(space);
  return *this;
}

OpDef &OpDef::countFlops(std::function<int64_t(const Op &)> flops) {
  this->flops = std::move(flops);
  return *this;
}

const AttributeDef *OpDef::findAttribute(std::string_view name) const {
  auto it = std::ranges::find(attributes, name, &AttributeDef::name);
  return it == attributes.end() ? nullptr : &*it;
}

unsigned operandIndex(OpKind kind, std::string_view name) {
  const auto &operands = defOf(kind).operands;
  auto it = std::ranges::find(operands, name, &OperandDef::name);
  assert(it != operands.end() && "the declaration has no such operand");
  return static_cast<unsigned>(it - operands.begin());
}

int64_t saturatingMul(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<int64_t>::max() : product;
}

int64_t saturatingAdd(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<int64_t>::max() : sum;
}

// Whether each result element costs one operation unless the declaration says otherwise.
static bool countsResultElements(const OpDef &def) {
  return def.regions == 0 && def.maxResults > 0 && !def.is(OpTrait::DataMovement) &&
         !def.is(OpTrait::Contraction) && !def.is(OpTrait::Terminator);
}

Cost costOf(const Op &op) {
  const OpDef &def = op.def();
  Cost cost;
  for (unsigned i = 0; i < op.numRegions(); ++i)
    for (const auto &inner : op.region(i).ops()) {
      Cost part = costOf(*inner);
      cost.macs = saturatingAdd(cost.macs, part.macs);
      cost.flops = saturatingAdd(cost.flops, part.flops);
    }
  if (def.is(OpTrait::Contraction) && def.space)
    cost.macs = saturatingAdd(cost.macs, def.space(op).points());
  if (def.flops)
    cost.flops = saturatingAdd(cost.flops, def.flops(op));
  else if (countsResultElements(def) && !op.parameter)
    cost.flops = saturatingAdd(cost.flops, op.result()->type.elements());
  if (def.is(OpTrait::Terminator) || op.parameter)
    return cost;
  for (const Value *operand : op.operands())
    cost.bytes = saturatingAdd(cost.bytes, operand ? operand->type.bytes() : 0);
  for (unsigned i = 0; i < op.numResults(); ++i)
    cost.bytes = saturatingAdd(cost.bytes, op.result(i)->type.bytes());
  return cost;
}

// --- checking an op against its declaration ---

namespace {

std::string describe(DTypeSet set) {
  std::string text;
  for (unsigned i = 0; i < kNumDTypes; ++i)
    if (set >> i & 1)
      text += (text.empty() ? "" : ", ") + std::string(name(static_cast<DType>(i)));
  return text;
}

// The declaration of operand `i`; none beyond the end.
const OperandDef *declarationOf(const OpDef &def, size_t i) {
  if (i < def.operands.size())
    return &def.operands[i];
  return !def.operands.empty() && def.operands.back().variadic ? &def.operands.back() : nullptr;
}

Expected<void> checkOperands(const Op &op) {
  const OpDef &def = op.def();
  auto fail = [&](const std::string &what) { return error(def.name + ": " + what, op.location); };
  for (size_t i = op.numOperands(); i < def.operands.size(); ++i)
    if (!def.operands[i].optional)
      return fail("operand " + def.operands[i].name + " is missing");
  std::map<std::string_view, std::pair<DType, const OperandDef *>> bound;
  for (unsigned i = 0; i < op.numOperands(); ++i) {
    const OperandDef *declared = declarationOf(def, i);
    if (!declared)
      return fail("has " + std::to_string(op.numOperands()) + " operands, but takes at most " +
                  std::to_string(def.operands.size()));
    const Value *operand = op.operand(i);
    if (!operand) {
      if (declared->optional)
        continue;
      return fail("operand " + declared->name + " is missing");
    }
    DType dtype = operand->type.dtype;
    if (!(declared->allowed & setOf(dtype)))
      return fail("operand " + declared->name + " is " + std::string(name(dtype)) +
                  ", allowed are: " + describe(declared->allowed));
    if (declared->typeVariable.empty())
      continue;
    auto [it, isNew] = bound.try_emplace(declared->typeVariable, dtype, declared);
    if (!isNew && it->second.first != dtype)
      return fail("operand " + declared->name + " is " + std::string(name(dtype)) +
                  ", but operand " + it->second.second->name + " of the same element type is " +
                  std::string(name(it->second.first)));
  }
  return {};
}

bool isWithinLimit(const Attribute &attribute) {
  auto isWithin = [](int64_t value) { return value >= -kMaxAttribute && value <= kMaxAttribute; };
  if (const auto *value = std::get_if<int64_t>(&attribute))
    return isWithin(*value);
  if (const auto *values = std::get_if<std::vector<int64_t>>(&attribute))
    return std::ranges::all_of(*values, isWithin);
  return true;
}

Expected<void> checkAttributes(const Op &op) {
  const OpDef &def = op.def();
  auto fail = [&](const std::string &what) { return error(def.name + ": " + what, op.location); };
  for (const auto &[name, value] : op.attributes()) {
    const AttributeDef *declared = def.findAttribute(name);
    if (!declared)
      return fail("there is no attribute " + name);
    if (kindOf(value) != declared->kind)
      return fail("attribute " + name + " must be " + std::string(describe(declared->kind)) +
                  ", is " + std::string(describe(kindOf(value))));
    if (!isWithinLimit(value))
      return fail("attribute " + name + " is beyond 2147483648 in magnitude");
  }
  for (const AttributeDef &declared : def.attributes)
    if (!declared.defaultValue && !op.has(declared.name))
      return fail("attribute " + declared.name + " is required");
  return {};
}

std::string operandTypes(const Op &op) {
  std::string text = "operands (";
  for (unsigned i = 0; i < op.numOperands(); ++i)
    text += (i ? ", " : "") + (op.operand(i) ? op.operand(i)->type.str() : "_");
  return text + ")";
}

Expected<void> checkResults(const Op &op, const std::vector<Type> &types) {
  const OpDef &def = op.def();
  assert(types.size() >= def.minResults && types.size() <= def.maxResults);
  for (const Type &type : types)
    if (!isValidShape(type.dims))
      return error(def.name + ": the result's shape " + type.str() +
                       " has a negative extent or too many axes or elements",
                   op.location);
  return {};
}

} // namespace

Expected<std::vector<Type>> inferTypes(const Op &op) {
  const OpDef &def = op.def();
  if (op.numRegions() != def.regions)
    return error(def.name + ": has " + std::to_string(op.numRegions()) + " regions, needs " +
                     std::to_string(def.regions),
                 op.location);
  EDGECC_CHECK(checkOperands(op));
  EDGECC_CHECK(checkAttributes(op));
  for (const Constraint &constraint : def.constraints)
    if (!constraint.holds(op))
      return error(def.name + ": " + constraint.sentence + ", but this does not hold for " +
                       operandTypes(op),
                   op.location);
  EDGECC_TRY(types, def.infer(op));
  EDGECC_CHECK(checkResults(op, types));
  return std::move(types);
}

} // namespace edgecc
