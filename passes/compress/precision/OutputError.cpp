#include "passes/compress/precision/OutputError.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

void OutputError::add(std::span<const Tensor> reference, std::span<const Tensor> outputs) {
  assert(reference.size() == outputs.size());
  sums_.resize(reference.size());
  for (size_t o = 0; o < reference.size(); ++o) {
    if (reference[o].dtype() != DType::F32 || outputs[o].dtype() != DType::F32 ||
        reference[o].dims() != outputs[o].dims())
      continue;
    auto want = reference[o].data<float>(), have = outputs[o].data<float>();
    for (size_t i = 0; i < want.size(); ++i) {
      double difference = double{want[i]} - double{have[i]};
      sums_[o].error += difference * difference;
      sums_[o].energy += double{want[i]} * double{want[i]};
    }
  }
}

double OutputError::relative() const {
  double sum = 0;
  for (const Sums &sums : sums_)
    sum += sums.energy > 0 ? sums.error / sums.energy : sums.error > 0 ? 1 : 0;
  return sums_.empty() ? 0 : sum / static_cast<double>(sums_.size());
}

double OutputError::sqnr() const { return -10 * std::log10(std::max(relative(), 1e-20)); }

} // namespace edgecc
