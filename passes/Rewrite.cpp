#include "passes/Rewrite.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

Op *definedBy(const Value *value, OpKind kind) {
  Op *op = value ? value->definingOp() : nullptr;
  return op && op->kind() == kind && value->index() == 0 ? op : nullptr;
}

std::optional<double> splatOf(const Value *value) {
  const Tensor *content = constantOf(value);
  if (!content || content->elements() == 0)
    return std::nullopt;
  double first = content->asDouble(0);
  for (int64_t i = 1; i < content->elements(); ++i)
    if (content->asDouble(i) != first)
      return std::nullopt;
  if (std::isnan(first))
    return std::nullopt;
  return first;
}

bool hasOneUser(const Value *value) {
  return !value->uses().empty() && std::ranges::all_of(value->uses(), [&](const Use &use) {
    return use.user == value->uses().front().user;
  });
}

bool onlyFirstResultUsed(const Op &op) {
  for (unsigned i = 1; i < op.numResults(); ++i)
    if (!op.result(i)->uses().empty())
      return false;
  return op.numResults() > 0;
}

Op *onlyUser(const Value *value, OpKind kind) {
  if (!hasOneUser(value) || value->uses().front().user->kind() != kind)
    return nullptr;
  return value->uses().front().user;
}

void replaceOp(Op *op, Value *replacement) {
  Value *result = op->result();
  if (replacement->provenance.tensor.empty() && !constantOf(replacement))
    replacement->provenance = result->provenance;
  result->replaceAllUsesWith(replacement);
  op->erase();
}

// Beyond this many characters nobody reads on, and joining again and again would take long.
static constexpr size_t kMaxLocation = 2000;

std::string joinLocations(std::string_view a, std::string_view b) {
  std::string joined(a);
  if (joined.size() + b.size() > kMaxLocation)
    return joined.empty() ? std::string(b)
                          : joined + (joined.ends_with("...") || b.empty() ? "" : ",...");
  while (!b.empty()) {
    size_t end = std::min(b.find(','), b.size());
    std::string_view name = b.substr(0, end);
    b.remove_prefix(std::min(end + 1, b.size()));
    bool known = false;
    for (std::string_view rest = joined; !rest.empty();) {
      size_t stop = std::min(rest.find(','), rest.size());
      known = known || rest.substr(0, stop) == name;
      rest.remove_prefix(std::min(stop + 1, rest.size()));
    }
    if (!known)
      joined += (joined.empty() ? "" : ",") + std::string(name);
  }
  return joined;
}

std::string eraseWithDeadOperands(Op *op) {
  std::string locations;
  std::vector<Op *> dead{op};
  while (!dead.empty()) {
    Op *next = dead.back();
    dead.pop_back();
    std::vector<Value *> operands = next->operands();
    if (!next->parameter)
      locations = joinLocations(next->location, locations);
    next->erase();
    std::ranges::sort(operands);
    operands.erase(std::unique(operands.begin(), operands.end()), operands.end());
    for (Value *operand : operands) {
      Op *producer = operand ? operand->definingOp() : nullptr;
      if (!producer || producer->numRegions())
        continue;
      bool unused = true;
      for (unsigned i = 0; i < producer->numResults(); ++i)
        unused = unused && producer->result(i)->uses().empty();
      if (unused && std::ranges::find(dead, producer) == dead.end())
        dead.push_back(producer);
    }
  }
  return locations;
}

Value *constantBefore(Module &module, Op *op, Tensor content, std::string_view name) {
  Builder builder(module);
  builder.setInsertionBefore(op);
  builder.location = op->location;
  return builder.constant(std::move(content), name);
}

} // namespace edgecc
