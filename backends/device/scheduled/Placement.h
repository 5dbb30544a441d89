// Addresses for buffers by their lifetimes.
#pragma once

#include "backends/device/scheduled/Emitter.h"

namespace edgecc::device::scheduled {

struct Placement {
  std::vector<uint64_t> address; // of each buffer
  std::vector<bool> isUsed;      // by an instruction, or an input or output
  std::vector<uint32_t> evicted; // buffers that must move to the main memory; then try again
  std::vector<size_t> cramped;   // tasks whose tiles find no room even so
  uint64_t localNeeded = 0;      // bytes that the largest of those asked for
};

// The local memory: greedy, in the order in which buffers come to life. Where one finds no room,
// the buffer whose next use is farthest away is evicted (Belady 1966). A buffer that lives while
// vector units run stays below the slices that they take. The main memory: constants, inputs and
// outputs for good, the rest by lifetimes.
Placement placeBuffers(const std::vector<Draft> &drafts, const std::vector<VirtualBuffer> &buffers,
                       const StreamMachine &machine);

} // namespace edgecc::device::scheduled
