#include "passes/compress/pruning/Budget.h"

#include "ir/OpDef.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace edgecc::pruning {

namespace {

const void *keyOf(const Value &value) {
  const Op *op = value.definingOp();
  return op && op->parameter ? static_cast<const void *>(op->parameter) : &value;
}

double ownCost(const Op &op, Resource resource, const TargetModel *target) {
  if (resource == Resource::Macs && op.def().is(OpTrait::Contraction))
    return static_cast<double>(costOf(op).macs);
  if (resource == Resource::Params && op.parameter)
    return static_cast<double>(op.parameter->content.elements());
  if (resource == Resource::Time && !op.parameter && op.numRegions() == 0)
    return target->cost(op);
  return 0;
}

} // namespace

double Budget::costOfOp(const Op &op, Resource resource, const TargetModel *target) {
  double cost = ownCost(op, resource, target);
  for (const Value *operand : op.operands())
    if (constantOf(operand))
      cost += ownCost(*operand->definingOp(), resource, target);
  return cost;
}

Budget::Budget(const Function &function, Resource resource, const TargetModel *target)
    : function_(function), resource_(resource) {
  for (const auto &op : function.body.ops()) {
    if (op->def().is(OpTrait::Terminator))
      continue;
    bool isContraction = op->def().is(OpTrait::Contraction);
    double cost = ownCost(*op, resource, target);
    if (cost > 0)
      base_[op.get()] = cost;
    if (!isContraction || cost <= 0)
      continue;
    // The axes of the weights that only reduction loops run over shrink the work, too.
    IterationSpace space = *iterationSpace(*op);
    for (unsigned i = 0; i < op->operand(1)->type.rank(); ++i) {
      const AxisMap &map = space.operands[1][i];
      bool isReduced = !map.terms.empty() && op->operand(1)->dims()[i] > 1;
      for (const AxisMap::Term &term : map.terms)
        isReduced &= space.loops[term.loop].kind == LoopAxis::Kind::Reduction ||
                     space.loops[term.loop].extent == 1;
      if (isReduced)
        reduced_[op.get()].push_back(i);
    }
  }
}

int64_t Budget::left(const SlicedAxis &axis) const {
  auto entry = taken_.find({keyOf(*axis.value), axis.axis});
  return axis.value->dims()[axis.axis] - (entry == taken_.end() ? 0 : entry->second);
}

bool Budget::canTake(const DependencyGroup &group, std::span<const size_t> channels) const {
  for (size_t a = 0; a < group.axes.size(); ++a) {
    int64_t wanted = 0;
    for (size_t channel : channels)
      wanted += static_cast<int64_t>(group.channels[channel][a].size());
    if (left(group.axes[a]) <= wanted)
      return false;
  }
  return true;
}

void Budget::change(const DependencyGroup &group, size_t channel, int sign) {
  for (size_t a = 0; a < group.axes.size(); ++a)
    taken_[{keyOf(*group.axes[a].value), group.axes[a].axis}] +=
        sign * static_cast<int64_t>(group.channels[channel][a].size());
}

double Budget::ratio(const Value &value) const {
  double ratio = 1;
  for (unsigned i = 0; i < value.type.rank(); ++i)
    if (auto entry = taken_.find({keyOf(value), i}); entry != taken_.end() && value.dims()[i] > 0)
      ratio *= 1 - static_cast<double>(entry->second) / static_cast<double>(value.dims()[i]);
  return ratio;
}

double Budget::ratio(const Op &op) const {
  if (op.parameter)
    return ratio(*op.result());
  if (op.kind() == OpKind::ConvTranspose) // every weight meets every place of the input; an axis of
    return ratio(*op.operand(1));         // the weights counts groups and channels of a group
  if (op.def().is(OpTrait::Contraction)) {
    double product = ratio(*op.result());
    if (auto axes = reduced_.find(&op); axes != reduced_.end())
      for (unsigned axis : axes->second) {
        SlicedAxis sliced{op.operand(1), axis};
        product *=
            static_cast<double>(left(sliced)) / static_cast<double>(op.operand(1)->dims()[axis]);
      }
    return product;
  }
  double most = ratio(*op.result());
  for (const Value *operand : op.operands())
    if (operand && !constantOf(operand))
      most = std::max(most, ratio(*operand));
  return most;
}

// Values live from the op that makes them to the last that reads them.
std::vector<double> Budget::memory() const {
  std::map<const Value *, size_t> last;
  size_t at = 0;
  for (const auto &op : function_.body.ops()) {
    for (const Value *operand : op->operands())
      if (operand)
        last[operand] = at;
    ++at;
  }
  std::vector<double> change(at + 1, 0);
  auto live = [&](const Value &value, size_t begin) {
    if (constantOf(&value))
      return;
    double bytes = static_cast<double>(value.type.bytes()) * ratio(value);
    auto entry = last.find(&value);
    change[begin] += bytes;
    change[(entry == last.end() ? begin : entry->second) + 1] -= bytes;
  };
  for (const auto &argument : function_.body.arguments())
    live(*argument, 0);
  at = 0;
  for (const auto &op : function_.body.ops()) {
    for (unsigned i = 0; i < op->numResults(); ++i)
      live(*op->result(i), at);
    ++at;
  }
  std::partial_sum(change.begin(), change.end(), change.begin());
  return change;
}

double Budget::cost() const {
  if (resource_ == Resource::Memory)
    return std::ranges::max(memory());
  double sum = 0;
  for (const auto &op : function_.body.ops())
    if (auto base = base_.find(op.get()); base != base_.end())
      sum += base->second * ratio(*op);
  return sum;
}

double Budget::pressure() const {
  if (resource_ != Resource::Memory)
    return cost();
  constexpr double kPower = 16;
  auto bytes = memory();
  double peak = std::ranges::max(bytes), sum = 0;
  for (double now : bytes)
    sum += std::pow(now / peak, kPower);
  return peak * std::pow(sum, 1 / kPower);
}

} // namespace edgecc::pruning
