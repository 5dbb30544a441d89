// Depthwise convolution: every channel has its own filter. Vectors run over channels; nothing is
// shared between them, so rows are read where they are and taps outside the image are skipped.
#pragma once

#include "backends/native/contraction/Direct.h"

namespace edgecc::native {

struct Depthwise {
  std::string name;
  Product product; // Plain in floats; integers multiply in i32 lanes
  Dims outer;      // batch, outer spatial axes
  int64_t rowsY = 1, rowsX = 1, channels = 1;
  LeftOperand left;     // channelStride is 1; `channels` is unused
  unsigned weights = 0; // argument, packed as packFilters does
  Epilogue epilogue;
};

struct DepthwiseSchedule {
  unsigned lanes = 1; // of a whole vector of channels
  int64_t tileX = 1;  // pixels that are summed at once
  int64_t blockY = 1; // lines of a work unit
  // Whether a tile's pixels are finished for all channels before the next pixels, so that lines of
  // the input are read from end to end. Else channels are outermost, for the sake of the filters.
  bool channelsInside = false;
  int64_t tileBytes = 0; // scratch

  int64_t unitsY(const Depthwise &d) const { return (d.rowsY + blockY - 1) / blockY; }
};

DepthwiseSchedule scheduleOf(const Depthwise &depthwise, const NativeTarget &target);

// [channel vector][tap][lane], the last vector padded with zeros. `read(channel, tap)` yields the
// filter's element; taps count through the windows, the last axis fastest.
std::vector<std::byte> packFilters(const Depthwise &depthwise, const DepthwiseSchedule &schedule,
                                   const std::function<double(int64_t, int64_t)> &read);

Kernel depthwiseKernel(Depthwise depthwise, DepthwiseSchedule schedule,
                       std::vector<KernelArg> args);

} // namespace edgecc::native
