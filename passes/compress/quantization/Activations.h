// Puts QuantizeLinear and DequantizeLinear behind the values that quantised ops read.
#pragma once

#include "passes/compress/Compression.h"
#include "passes/compress/quantization/LayerPrecisions.h"
#include "passes/compress/quantization/Points.h"

namespace edgecc {

struct ActivationSettings {
  std::optional<RangeMethod> method; // none: that of the calibration
  bool symmetric = false;
  bool quantizedBoundary = false; // results of the function are quantised too
  bool integerPorts = false;      // and its inputs and outputs are then integers
};

// Fails if the calibration lacks a value. Returns how many values were quantised.
Expected<int64_t> quantizeActivations(Module &module, Function &function,
                                      const LayerPrecisions &precisions,
                                      const ActivationSettings &settings,
                                      const Calibration &calibration);

} // namespace edgecc
