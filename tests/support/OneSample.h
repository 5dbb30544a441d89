// The inputs of one run as a set of samples.
#pragma once

#include "ir/DataSource.h"

namespace edgecc::test {

class OneSample : public DataSource {
public:
  explicit OneSample(std::vector<Tensor> inputs) : inputs_(std::move(inputs)) {}
  size_t size() const override { return 1; }
  Expected<std::vector<Tensor>> sample(size_t) override { return inputs_; }

private:
  std::vector<Tensor> inputs_;
};

} // namespace edgecc::test
