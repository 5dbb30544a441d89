// Which passes run, in which order.
#pragma once

#include "passes/Registry.h"

namespace edgecc {

// What a pipeline ends in: native code, or a program for a device that computes in f16 or integers.
enum class Machine : uint8_t { Cpu, HalfDevice, IntegerDevice };

// What the compression passes are asked to do; nothing by default.
struct CompressionRecipe {
  // "int8", "int16", "int4", "w8", "w4", "dynamic", "fp16", "bf16", "auto"; empty: nothing.
  std::string quantize;
  std::string prune;         // "macs:0.5": fraction to remove; empty: nothing
  bool refit = true;         // least squares on samples after pruning
  double sparsify = 0;       // fraction of the weights to become zero
  std::string rounding;      // "nearest", "adaround", "power-of-two"; empty: what suits the width
  std::string ranges;        // method of `calibrate`; empty: its default
  bool assumeRanges = false; // plan without samples: all activations lie in [-1, 1]
  bool hasSamples = false;   // some passes do better with samples, and do without
  bool watchHalf = false;    // look which values leave f16, where it is what the machine has
  bool equalize = true;      // with integer activations
  bool correctBias = true;
  bool perTensorWeights = false;
  bool onlyIfFaster = true;          // layers stay float where the cost model expects no gain
  double maxSize = 1;                // for "auto": weight bytes, as a fraction of the float layers'
  double maxTime = 1;                // for "auto": estimated time, likewise
  double maxLoss = -1;               // in the points of the metric; negative: no limit
  std::string saveCalibration;       // file for what `calibrate` observed
  std::string loadCalibration;       // file to use in place of running samples
  std::vector<std::string> rewrites; // passes that suit some hardware, by name
  bool splitDilation = false;        // its convolution engines have no dilated windows
  Machine machine = Machine::Cpu;    // whose forms to rewrite to, and to lower to

  bool compresses() const {
    return !quantize.empty() || !prune.empty() || sparsify > 0 || !rewrites.empty();
  }
  // Whether any pass runs the model on calibration samples.
  bool needsData() const;
};

// The same function first, then a smaller one, then the machine's.
struct Pipeline {
  PassList portable; // canonicalize/ and compress/: the module can still be exported to ONNX
  PassList lowering; // lower/

  PassList all() const; // one after the other
};

// The compiler's pipeline, to be read from top to bottom.
Pipeline buildPipeline(const Registry &registry, const CompressionRecipe &recipe = {});

} // namespace edgecc
