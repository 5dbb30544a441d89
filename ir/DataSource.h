// Samples that passes run a model on (calibration, reconstruction, sensitivity). The driver
// provides the implementation.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

namespace edgecc {

// A sequence of inputs for the module's main function, read when they are asked for: memory does
// not grow with the number of samples. Not for use by several threads at once.
class DataSource {
public:
  virtual ~DataSource() = default;

  virtual size_t size() const = 0;

  // The inputs of sample `index` < size(), one tensor for each argument, of exactly its type. The
  // same tensors each time.
  virtual Expected<std::vector<Tensor>> sample(size_t index) = 0;
};

} // namespace edgecc
