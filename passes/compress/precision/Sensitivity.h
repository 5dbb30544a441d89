// What quantising one layer alone does to a model's outputs.
#pragma once

#include "passes/Pass.h"
#include "passes/compress/Compression.h"

namespace edgecc {

// For each of `layers`, contractions of the module's first function: the squared error of the
// outputs with only this layer's operands quantised, as a share of their energy, averaged over the
// outputs and over `samples` samples spread over the data. 0 for a precision in f32.
//
// All layers are measured by one compiled function, in which a switch s of each layer, an input
// that is 0 or 1, turns its quantisation on:
//   x' = x + s (dequantized(quantized(x)) - x)
//   y' = product(x', W) + b + s product(x', dequantized(quantized(W)) - W)
// `tick` is called after every run of the model.
Expected<std::vector<double>>
measureSensitivity(const Module &module, const std::vector<const Op *> &layers,
                   const Precision &precision, const Calibration &calibration, DataSource &data,
                   size_t samples, Executor &executor, const std::function<void()> &tick);

} // namespace edgecc
