// Depthwise convolution of bytes on machines with a four-way dot product: the four elements of a
// group are neighbouring lines of one channel, which are woven together in registers. A woven group
// of lines serves several lines of results, by filters that are shifted against each other.
#pragma once

#include "backends/native/contraction/Direct.h"

namespace edgecc::native {

struct DotDepthwiseSchedule {
  unsigned lanes = 4;    // sums of a vector; a whole block has four vectors of channels
  int64_t groups = 1;    // of four lines that a filter covers
  int64_t shifts = 1;    // lines of results that share them
  int64_t sums = 4;      // vectors of them that stay in registers
  int64_t blockY = 1;    // lines of a work unit
  int64_t blockC = 1;    // blocks of channels of a work unit
  bool unpacked = false; // see ColumnTile
  int64_t paddingBytes = 0, tileBytes = 0; // parts of the scratch

  int64_t channelBlocks(const Contraction &c) const {
    return (c.columns + 4 * lanes - 1) / (4 * lanes);
  }
  int64_t unitsY(const Contraction &c) const { return (c.rowsY + blockY - 1) / blockY; }
  int64_t unitsC(const Contraction &c) const { return (channelBlocks(c) + blockC - 1) / blockC; }
  int64_t units(const Contraction &c) const;
};

// Whether `c`, whose columns are its channels (right.arg: the packed filters), can be computed so:
// an 8-bit dot product and a filter of at least three lines.
bool canUseDot(const Contraction &c, const NativeTarget &target);

// `arranged`: whether all that the epilogue reads for each channel is arranged by arrangeChannels.
DotDepthwiseSchedule dotScheduleOf(const Contraction &c, const NativeTarget &target, bool arranged);

// Elements of `bytes` bytes for each of `columns` channels, in the order of unpacked sums of
// `lanes` where a block has them.
std::vector<std::byte> arrangeChannels(std::span<const std::byte> elements, size_t bytes,
                                       int64_t columns, unsigned lanes);

// [channel block][tap along x][shift][group][channel of the block][line of the group].
// `read(channel, y, x)` yields the filter's element.
std::vector<std::byte>
packDotFilters(const Contraction &c, const DotDepthwiseSchedule &s,
               const std::function<int64_t(int64_t, int64_t, int64_t)> &read);

Kernel dotDepthwiseKernel(Contraction c, DotDepthwiseSchedule schedule,
                          std::vector<KernelArg> args);

} // namespace edgecc::native
