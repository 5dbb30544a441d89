// Convolution to few output channels: vectors run over the pixels of a line and weights are
// broadcast, where vectors over output channels would be mostly padding. Input lines are staged
// channel by channel, [outer taps][lines][channels][pixels], with zeros around them.
#pragma once

#include "backends/native/contraction/Direct.h"

namespace edgecc::native {

// The epilogue's iteration space is [outer..., line, output channel, pixel].
struct Planar {
  std::string name;
  Product product;                             // Plain
  Dims outer;                                  // as for a Contraction
  int64_t lines = 1, pixels = 1, channels = 1; // of the result
  LeftOperand left;                            // the last window steps by 1
  unsigned weights = 0; // argument: matrices [reduction element][output channel]
  Dims weightsOuter;    // in matrices, for each outer axis
  Epilogue epilogue;
};

struct PlanarSchedule {
  unsigned lanes = 1;
  int64_t vectors = 1; // of a tile of pixels
  int64_t blockLines = 1;
  int64_t pitch = 0; // staged elements between channels
  int64_t stagedBytes = 0, tileBytes = 0;
  int64_t units(const Planar &planar) const;
};

// Whether `contraction`, a convolution, is faster as a Planar one.
bool prefersPlanar(const Contraction &contraction, const NativeTarget &target);

PlanarSchedule scheduleOf(const Planar &planar, const NativeTarget &target);

// For packColumns: the order of the weights.
Schedule planarPacking(const Contraction &contraction);

Kernel planarKernel(Planar planar, PlanarSchedule schedule, std::vector<KernelArg> args);

} // namespace edgecc::native
