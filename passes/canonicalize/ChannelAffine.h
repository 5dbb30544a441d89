// Per-channel affine functions y = scale[c] * x + shift[c] as they appear in models.
#pragma once

#include "passes/Rewrite.h"

namespace edgecc {

struct ChannelAffine {
  Value *x = nullptr;        // the operand that is transformed
  std::vector<double> scale; // one entry for each channel, or one for all
  std::vector<double> shift;

  double scaleOf(size_t c) const { return scale.size() == 1 ? scale[0] : scale[c]; }
  double shiftOf(size_t c) const { return shift.size() == 1 ? shift[0] : shift[c]; }
  bool scales() const; // any scale is not 1
  bool shifts() const; // any shift is not 0
};

// What `op` does, if it is a BatchNormalization with constant statistics, or a Mul or Add of a
// floating-point value and a constant that varies along `axis` at most and does not enlarge it.
std::optional<ChannelAffine> channelAffine(const Op &op, unsigned axis);

// Makes a BatchNormalization with constant statistics x * scale + shift; false for others.
bool expandBatchNorm(Module &module, Op *op);

} // namespace edgecc
