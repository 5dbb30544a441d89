// What Conv and ConvTranspose share: both become direct contractions over spatial windows.
#pragma once

#include "backends/native/contraction/Direct.h"
#include "backends/native/contraction/Operands.h"

namespace edgecc::native {

// Output positions first + i * step (+ phase, one of `phases` neighbours that differ in their
// weights only), i < count, along one spatial axis, and the taps that reach them.
struct SpatialAxis {
  int64_t first = 0, step = 1, count = 1, phases = 1;
  Window window;          // without the stride
  Dims firstKernelIndex;  // of tap 0, for each phase
  int64_t kernelStep = 1; // kernel indices between taps; may be negative
};

// How the weights are indexed: element strides of the tensor by role.
struct WeightAxes {
  int64_t group = 0, channel = 0, column = 0;
  Dims kernel; // for each spatial axis
};

struct ConvShape {
  std::string name;
  int64_t groups = 1, channels = 1, columns = 1; // of one group
  std::vector<SpatialAxis> axes;
  WeightAxes weights;
};

// One kernel for `shape`.
Expected<void> planConvolution(const Op &op, PlanContext &context, const ConvShape &shape);

Expected<void> planConv(const Op &op, PlanContext &context);
Expected<void> planConvTranspose(const Op &op, PlanContext &context);
Expected<void> planMatMul(const Op &op, PlanContext &context);

// Depthwise convolution: one input channel for each group, vectorised over channels.
bool isDepthwise(const Op &op);
Expected<void> planDepthwise(const Op &op, PlanContext &context);

} // namespace edgecc::native
