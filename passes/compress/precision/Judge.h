// The quality of a model quantised in a given way, on the calibration samples.
#pragma once

#include "passes/Pass.h"
#include "passes/compress/Compression.h"
#include "passes/compress/quantization/LayerPrecisions.h"

namespace edgecc {

struct Quality {
  double loss = 0; // in the metric's points; 0 without one
  double sqnr = 0; // of the outputs in dB
};

class Judge {
public:
  // Uses the first function of `module`, which must outlive the judge unchanged, and `samples`
  // samples spread over the data.
  static Expected<Judge> make(const Module &module, const Compression &compression,
                              Executor &executor, size_t samples);

  // Quantises a copy, rounding to nearest. Layers that the table does not name stay float.
  Expected<Quality> judge(const PrecisionTable &table);

  size_t samples() const { return samples_; }

private:
  Judge(const Module &module, const Compression &compression, Executor &executor)
      : module_(&module), compression_(&compression), executor_(&executor) {}
  Expected<std::vector<Tensor>> reference(size_t index, std::span<const Tensor> inputs);

  const Module *module_;
  const Compression *compression_;
  Executor *executor_;
  size_t samples_ = 0;
  std::unique_ptr<Executor::Session> session_; // of the float model
  std::map<size_t, std::vector<Tensor>> kept_; // its outputs, up to a limit of bytes
  size_t keptBytes_ = 0;
};

} // namespace edgecc
