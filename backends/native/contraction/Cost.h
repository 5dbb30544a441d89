// Estimated time of a convolution or matrix product before it is lowered: the schedule that its
// kernel would have, with cycles for each of its parts. Nothing is measured at compile time, so
// that the same model gives the same estimates everywhere.
#pragma once

#include "backends/native/Algorithm.h"
#include "backends/native/Target.h"
#include "ir/Module.h"

namespace edgecc::native {

// Cycles of one core. The constants behind them are those of a Zen 4 core at 3.66 GHz, fitted to
// `edgecc-layer-bench` over the shared models; other CPUs of a level keep the proportions.
struct LayerCost {
  double arithmetic = 0; // multiply-accumulates, with the waste of partly filled tiles
  double epilogue = 0;   // bias, requantisation, conversion, stores
  double staging = 0;    // copies of the input, padded or woven
  double memory = 0;     // what does not stay in the second-level cache
  double overhead = 0;   // starting the kernel and its units

  double cycles() const { return arithmetic + epilogue + staging + memory + overhead; }
  double nanoseconds() const { return cycles() / kCyclesPerNs; }

  static constexpr double kCyclesPerNs = 3.66;
};

// The cost of the contraction `op` on f32, f16 or bf16 (summed in f32), 8-bit or 16-bit
// activations and weights of the given types; 8-bit results for 8-bit activations.
// Convolutions take `algorithm`; bf16 weights are multiplied as bf16 where the target can and
// `bf16Products` says so.
LayerCost layerCost(const Op &op, DType activations, DType weights, const NativeTarget &target,
                    ConvAlgorithm algorithm = ConvAlgorithm::Auto, bool bf16Products = true);

// Output channels in multiples of this fill the vectors of a layer's sums.
int64_t columnMultiple(DType activations, const NativeTarget &target);

} // namespace edgecc::native
