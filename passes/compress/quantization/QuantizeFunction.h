// The pass `quantize` as a function of its settings, which `choose-precision` calls on copies.
#pragma once

#include "passes/Pass.h"
#include "passes/compress/quantization/Activations.h"
#include "passes/compress/quantization/Scales.h"

namespace edgecc {

struct QuantizeSettings {
  Precision precision{DType::I8, DType::U8}; // of layers that the table does not name
  ActivationSettings activations;
  bool dynamic = false;                   // activations are quantised with ranges found at run time
  bool perTensorWeights = false;          // one scale for each layer's weights
  std::optional<WeightRange> weightRange; // none: Mse for 4 bits, Max for more
  // Elements along the input channels that share a scale, for 4-bit weights of layers that compute
  // in floating point; 0: one scale for each channel.
  int64_t block = 32;
  bool onlyIfFaster = true; // asks the target's cost model
};

// Quantises the module's first function. `table` has the precisions of layers by name. `target` may
// be null. Adds to `notes`.
Expected<void> quantizeFunction(Module &module, const QuantizeSettings &settings,
                                const Calibration &calibration, const PrecisionTable &table,
                                const TargetModel *target, Statistics &statistics,
                                std::vector<Note> &notes);

} // namespace edgecc
