// What passes may know of the native backend.
#pragma once

#include "backends/native/Target.h"
#include "ir/TargetModel.h"

namespace edgecc::driver {

class NativeTargetModel : public TargetModel {
public:
  // `exact`: all convolutions are computed directly.
  explicit NativeTargetModel(native::NativeTarget target, bool exact = false)
      : target_(std::move(target)), exact_(exact) {}

  std::string name() const override { return target_.str(); }
  std::string whyIllegal(const Op &op) const override;
  bool canFuse(const Op &op) const override;
  double cost(const Op &op) const override;
  double costAs(const Op &op, DType activations, DType weights) const override;
  double conversionCost(int64_t elements, DType from, DType to) const override;
  int64_t channelMultiple(DType dtype) const override;
  bool prefersChannelsLast() const override { return true; }

private:
  native::NativeTarget target_;
  bool exact_;
};

} // namespace edgecc::driver
