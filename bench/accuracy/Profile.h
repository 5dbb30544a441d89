// Time by layer of two compiled forms of one network.
#pragma once

#include "bench/accuracy/Workbench.h"

#include <set>

namespace edgecc::bench {

struct LayerTime {
  std::string op;              // what it computes
  std::set<std::string> nodes; // names of the ONNX nodes that it computes
  uint64_t macs = 0;
  double nanoseconds = 0; // least over the runs
};

// Layers in order, of all models in turns.
Expected<std::vector<std::vector<LayerTime>>>
profile(std::span<Compiled *const> models, const std::vector<Tensor> &inputs, size_t rounds);

// Layers of both forms that compute the same ONNX nodes. Fusion groups differ between the forms:
// layers that share a node, directly or through others, belong together.
struct LayerPair {
  std::vector<const LayerTime *> first, second;
  double firstNanoseconds() const;
  double secondNanoseconds() const;
};

// In the order of the second form's layers.
std::vector<LayerPair> pairLayers(const std::vector<LayerTime> &first,
                                  const std::vector<LayerTime> &second);

} // namespace edgecc::bench
