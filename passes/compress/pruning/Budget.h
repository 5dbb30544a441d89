// What a function costs, before and while slices of its values are thought away.
#pragma once

#include "ir/TargetModel.h"
#include "passes/compress/pruning/DependencyGroups.h"

namespace edgecc::pruning {

enum class Resource : uint8_t { Macs, Params, Time, Memory };

class Budget {
public:
  // `target` is needed for Resource::Time only.
  Budget(const Function &function, Resource resource, const TargetModel *target);

  // The cost with what has been taken away so far. Macs of contractions, elements of parameters,
  // nanoseconds, bytes of activations alive at once. Extrapolated from the function as it is in
  // proportion to the extents; exact for Macs, Params and Memory.
  double cost() const;

  // Of one op and the constants it reads; not for Memory.
  static double costOfOp(const Op &op, Resource resource, const TargetModel *target);

  // What to lower to lower the cost: the cost itself, but for Memory a smooth stand-in to which all
  // moments contribute, since one step rarely lowers several equal peaks.
  double pressure() const;

  void take(const DependencyGroup &group, size_t channel) { change(group, channel, 1); }
  void giveBack(const DependencyGroup &group, size_t channel) { change(group, channel, -1); }
  // Elements that would be left along the axis.
  int64_t left(const SlicedAxis &axis) const;
  // Whether every axis keeps at least one element without these channels.
  bool canTake(const DependencyGroup &group, std::span<const size_t> channels) const;

private:
  void change(const DependencyGroup &group, size_t channel, int sign);
  double ratio(const Value &value) const;
  double ratio(const Op &op) const;
  std::vector<double> memory() const; // bytes alive at each op

  const Function &function_;
  Resource resource_;
  std::map<const Op *, double> base_; // of ops with a cost
  std::map<std::pair<const void *, unsigned>, int64_t> taken_;
  std::map<const Op *, std::vector<unsigned>> reduced_; // axes of operand 1 that are summed over
};

} // namespace edgecc::pruning
