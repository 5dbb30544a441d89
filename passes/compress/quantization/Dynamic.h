// Layers that find the range of their input at run time.
#pragma once

#include "passes/compress/quantization/Scales.h"

namespace edgecc {

// Why a contraction cannot be quantised dynamically: a sentence; empty if it can.
std::string whyNotDynamic(const Op &layer);

// Replaces contractions, for which whyNotDynamic() is empty, by integer products of their input as
// DynamicQuantizeLinear makes it, u8 with a scale s, and their i8 weights:
//   y = product(q, round(W / sw)) * (s * sw) + b
// Layers with the same input share its quantisation.
void quantizeDynamically(Module &module, const std::vector<Op *> &layers,
                         const WeightScales &weights);

} // namespace edgecc
