// In which order the channels of a group go, and by which measure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgecc::pruning {

enum class Criterion : uint8_t {
  L1,         // sum of |w| of the weights that compute the channel
  L2,         // square root of the sum of w^2
  BnScale,    // |scale| of its batch norm
  Activation, // energy of the channel where the next layers read it
  Taylor,     // error of the next layers' results that no refit could undo
};

// The channels of a group in the order of removal, with what removing each loses on top of the
// ones before. Losses of different groups compare with one another.
struct Curve {
  std::vector<size_t> order;
  std::vector<double> loss;
};

} // namespace edgecc::pruning
