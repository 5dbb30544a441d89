// What a version of a model says of each of its layers by itself: types, sizes, arithmetic.
#pragma once

#include "ir/Module.h"

#include <map>

namespace edgecc::driver {

// The ops of one ONNX node.
struct LayerFacts {
  std::vector<const Op *> ops;     // in order, without constants
  const Op *contraction = nullptr; // the last convolution or matrix product among them
  const Tensor *weights = nullptr; // that it reads, as they are stored
  int64_t macs = 0;
  int64_t parameterBytes = 0;     // of constants that no earlier layer reads
  DType activations = DType::F32; // in which the layer's data lie in memory

  // What stands for the layer as a whole.
  const Op &op() const { return contraction ? *contraction : *ops.back(); }
};

struct ModelFacts {
  std::vector<std::string> order; // names of the layers as they are first computed
  std::map<std::string, LayerFacts> layers;
  int64_t macs = 0, parameters = 0, parameterBytes = 0;

  const LayerFacts *find(const std::string &layer) const;
};

// By nameOfLayer(). Pointers are valid until the function changes.
ModelFacts factsOf(const Function &function);

} // namespace edgecc::driver
