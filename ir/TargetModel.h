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
  // A layer whose data comes from a DequantizeLinear of 8-bit values is estimated as the integer
  // kernel that it becomes, and the DequantizeLinear itself as free.
  virtual double cost(const Op &op) const = 0;

  // The same for the layer `op` (convolution or matrix product) computed on activations and weights
  // of these types, whatever its operands are now; an 8-bit layer includes its requantisation.
  // Answers "is int8 faster here?" before a model is quantised.
  virtual double costAs(const Op &op, DType activations, DType weights) const {
    (void)activations, (void)weights;
    return cost(op);
  }

  // Converting `elements` values from one type to another where a layer's neighbour computes in
  // another type: a QuantizeLinear or DequantizeLinear of its own.
  virtual double conversionCost(int64_t elements, DType from, DType to) const {
    (void)elements, (void)from, (void)to;
    return 0;
  }

  // Channel counts that are multiples of this waste no lanes.
  virtual int64_t channelMultiple(DType dtype) const = 0;

  // Whether a convolution is fastest with channels innermost in memory.
  virtual bool prefersChannelsLast() const = 0;
};

} // namespace edgecc
