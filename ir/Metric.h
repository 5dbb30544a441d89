// What a compressed model is judged by. The driver provides the implementation.
#pragma once

#include "ir/Tensor.h"

#include <span>
#include <string>

namespace edgecc {

// Points of 0..100 (a share of right answers) or in a unit of its own (dB); more is better. A
// model's score is the mean over the samples; its loss is the float model's score minus its own.
// Thread-safe.
class Metric {
public:
  virtual ~Metric() = default;

  virtual std::string name() const = 0; // "top-1 agreement"

  // Of one sample. `reference` holds the float model's outputs, `outputs` those of the model that
  // is judged.
  virtual double score(size_t sample, std::span<const Tensor> reference,
                       std::span<const Tensor> outputs) const = 0;
};

} // namespace edgecc
