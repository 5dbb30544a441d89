// Runs passes: each one timed, counted, verified and printed on request.
#pragma once

#include "passes/Registry.h"

namespace edgecc {

struct PassManagerOptions {
  Executor *executor = nullptr;
  const TargetModel *target = nullptr;
  Compression *compression = nullptr;
  // Verify the module after every pass; always on in builds with assertions.
  bool verifyEach = false;
  // Called after every pass (for --print-after, progress and the like); may be empty.
  std::function<void(const PassInfo &, const Module &)> after;
  // Called by long passes as they go; may be empty.
  std::function<void(const PassInfo &, size_t done, size_t total)> progress;
};

// What one run of a pass did.
struct PassReport {
  std::string pass;
  double milliseconds = 0;
  Statistics statistics;
};

// Runs the passes in order and stops at the first that fails; the module is then in an unspecified
// but destructible state.
Expected<std::vector<PassReport>> runPasses(Module &module, const PassList &passes,
                                            const PassManagerOptions &options);

} // namespace edgecc
