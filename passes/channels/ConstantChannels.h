// Channels that have the same value at every position and for every input.
#pragma once

#include "ir/Module.h"
#include "passes/channels/Labels.h"

#include <map>

namespace edgecc {

// Of the values of one block, found from zero weights and zero scales onwards: through affine
// functions, piecewise-linear activations, pooling, movement, and layers that read constants only.
// Holds until the block changes.
class ConstantChannels {
public:
  explicit ConstantChannels(const Block &body);

  // The value of channel `c` along `axis`; none if it varies or is not known.
  std::optional<double> at(const Value &value, unsigned axis, int64_t c) const;

private:
  class Builder;
  std::map<const Value *, Labels> labels_; // 0: varies; otherwise 1 + index into constants_
  std::vector<double> constants_;
};

} // namespace edgecc
