// What passes may ask about the machine that the code is for. The driver provides it.
#pragma once

#include "ir/Op.h"

namespace edgecc {

class TargetModel {
public:
  virtual ~TargetModel() = default;

  virtual std::string name() const = 0;

  // Why `op` cannot run on this target: a sentence; empty if it can.
  virtual std::string whyIllegal(const Op &op) const = 0;

  // Whether the element-wise `op` can be part of a Fused group.
  virtual bool canFuse(const Op &) const { return true; }

  // Estimated time of one execution, in nanoseconds on one thread.
  virtual double cost(const Op &op) const = 0;

  // Channel counts that are multiples of this waste no lanes.
  virtual int64_t channelMultiple(DType dtype) const = 0;

  // Whether a convolution is fastest with channels innermost in memory.
  virtual bool prefersChannelsLast() const = 0;
};

} // namespace edgecc
