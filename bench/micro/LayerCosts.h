// What the cost model says about the layers of a model before it is lowered.
#pragma once

#include "driver/NativeTargetModel.h"
#include "ir/Module.h"

#include <map>
#include <string>

namespace edgecc::bench {

struct LayerCost {
  std::string what; // op, dims of its operands
  double predictedNs;
  bool isBytes;        // multiplies 8-bit integers
  bool isBF16;         // has bf16 weights
  bool isDepthwise;    // a convolution of one input channel for each group
  bool isVectorMatrix; // each weight is used once: its time is that of reading the weights
};

// Of every convolution and matrix product, by ONNX node; of several nodes that an op stands for,
// the first.
Expected<std::map<std::string, LayerCost>> layerCosts(const Module &module,
                                                      const driver::NativeTargetModel &target);

} // namespace edgecc::bench
