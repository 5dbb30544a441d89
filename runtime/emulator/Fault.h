// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with a device program or its run. Faults are values, never exceptions: programs
// are hostile input.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace edgecc::emulator {

enum class FaultKind {
  BadProgram,     // malformed: a field out of its range, operands that do not fit a kernel
  BadDevice,      // a description that no machine can have
  OutOfRange,     // an access outside its buffer or memory
  OverfullMemory, // more bytes, controllers or sub-clusters than there are
  Overlap,        // a read finds what another buffer has written, or live buffers overlap
  Uninitialized,  // a read of bytes that nothing has written
  MissingBarrier, // conflicting accesses that nothing orders
  Deadlock,       // nothing can go on, and the run is not at its end
  BadInput,       // the caller's tensors
  HostFailure,    // a host part failed
};

struct Fault {
  FaultKind kind = FaultKind::BadProgram;
  std::string message; // a sentence with names and numbers
  int layer = -1;      // of the program's layers, if it belongs to one
};

template <class T> using Result = tl::expected<T, Fault>;

inline tl::unexpected<Fault> fault(FaultKind kind, std::string message, int layer = -1) {
  return tl::unexpected<Fault>(Fault{kind, std::move(message), layer});
}

} // namespace edgecc::emulator
