// The whole way from a model file to an artifact.
#pragma once

#include "driver/Options.h"
#include "driver/compress/Score.h"
#include "driver/device/DeviceFacts.h"
#include "passes/compress/Compression.h"

#include <optional>

namespace edgecc::driver {

// What the command prints at the end.
struct CompileSummary {
  std::string target;                // with the CPU features that the code uses
  std::vector<std::string> passes;   // what they did, one line each
  std::string timings;               // table, for --time-passes
  std::optional<Score> score;        // of a compressed model
  std::vector<Note> notes;           // what the compression passes have to say about layers
  std::vector<std::string> warnings; // sentences
  std::optional<emulator::RunReport> deviceRun; // what the emulator measured
  std::string device;                           // what a device program costs, in a sentence
  std::shared_ptr<const emulator::ProgramT> deviceProgram; // null: the target is a CPU
  std::vector<HostOp> hostOps;                             // which that program leaves to the host
  std::vector<Verdict> budget;
  size_t layers = 0, kernels = 0, cachedKernels = 0;
  std::string tuning; // what --tune measured, in a sentence
  int64_t macs = 0;
  int64_t codeAndWeightsBytes = 0; // size of the file
  int64_t parameterBytes = 0;      // of constants as the model has them
  int64_t weightsBytes = 0;        // of constants as kernels read them: packed or transformed
  int64_t arenaBytes = 0, scratchBytes = 0;
  double seconds = 0;
};

Expected<CompileSummary> compileModel(const CompileOptions &options);

} // namespace edgecc::driver
