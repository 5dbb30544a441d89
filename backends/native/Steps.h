// From a lowered function to the entry function's program: plans every op's kernels and turns
// control flow into steps.
#pragma once

#include "backends/native/Entry.h"
#include "backends/native/Native.h"

namespace edgecc::native {

struct Program {
  EntryPlan entry;
  std::vector<Kernel> kernels; // distinct ones
  WeightSection weights;
  std::vector<LayerInfo> layers;
  size_t kernelUses = 0;
};

// Collects the reasons of all ops that cannot be planned.
Expected<Program> planProgram(const Function &function, const NativeTarget &target,
                              const std::string &symbol, const Algorithms &algorithms);

} // namespace edgecc::native
