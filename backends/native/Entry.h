// The compiled entry function: a straight program of kernel calls, copies, branches and loops.
#pragma once

#include "backends/native/Kernel.h"

namespace edgecc::native {

struct Step {
  // Layer: the profile callback is told that layer `layer` begins.
  // Call: runs distinct kernel `kernel` on `args`.
  // Copy: args[0] <- args[1], `bytes` bytes; both advance by their tripStride every trip of the
  //       innermost loop around the step.
  // If: runs `body` if the bool at args[0] is true, else `otherwise`.
  // Loop: runs `body` up to `trips` times; if args[0] is present, only while the bool there is
  // true.
  //       If args[1] is present, the trip number (i64) is stored there first.
  enum class Kind : uint8_t { Layer, Call, Copy, If, Loop };

  Kind kind;
  unsigned layer = 0;
  unsigned kernel = 0;
  std::vector<std::optional<KernelArg>> args;
  int64_t bytes = 0;
  int64_t tripStride[2] = {0, 0};
  int64_t trips = 0;
  std::vector<Step> body, otherwise;
};

struct EntryPlan {
  std::string symbol; // prefix: the entry function is SYMBOL_run
  std::vector<Step> steps;
  std::vector<std::string> kernelSymbols; // by distinct kernel
  std::vector<uint32_t> kernelUnits;      // by distinct kernel
  int64_t arenaBytes = 0;                 // scratch begins there
  int64_t scratchStride = 0;
  unsigned layers = 0;
};

// Defines the entry function (an edgecc_entry_fn) in `module`.
void emitEntry(llvm::Module &module, const EntryPlan &plan);

} // namespace edgecc::native
