// The whole way from a model file to an artifact.
#pragma once

#include "driver/Options.h"

namespace edgecc::driver {

// What the command prints at the end.
struct CompileSummary {
  std::string target;              // with the CPU features that the code uses
  std::vector<std::string> passes; // what they did, one line each
  std::string timings;             // table, for --time-passes
  size_t layers = 0, kernels = 0;
  int64_t macs = 0;
  int64_t codeAndWeightsBytes = 0; // size of the file
  int64_t weightsBytes = 0;
  int64_t arenaBytes = 0, scratchBytes = 0;
  double seconds = 0;
};

Expected<CompileSummary> compileModel(const CompileOptions &options);

} // namespace edgecc::driver
