// How far a model's outputs are from those of another.
#pragma once

#include "ir/Tensor.h"

#include <span>
#include <vector>

namespace edgecc {

// Sums over samples; only outputs in f32 count.
class OutputError {
public:
  void add(std::span<const Tensor> reference, std::span<const Tensor> outputs);

  // The mean over the outputs of: squared error / squared reference. 0 if nothing was added.
  double relative() const;
  // -10 log10(relative()), at most 200.
  double sqnr() const;

private:
  struct Sums {
    double error = 0, energy = 0;
  };
  std::vector<Sums> sums_;
};

} // namespace edgecc
