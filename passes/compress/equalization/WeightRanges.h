// The ranges of the rows and columns of all layers under scale factors that have not been applied.
#pragma once

#include "passes/channels/ChannelClasses.h"

namespace edgecc {

// max |w| over what each class's producers and consumers hold of it. A row whose bias is far larger
// than its weights makes a channel that is nearly constant. Scaled by its weights alone it would
// become the largest of all activations, so a row counts for at least |bias| / (kBiasShare
// sqrt(n)), n weights.
inline constexpr double kBiasShare = 16;

struct ClassRanges {
  std::vector<double> produced; // rows
  std::vector<double> consumed; // columns
};

class WeightRanges {
public:
  // Of the linear layers of `body`, which `classes` describes.
  WeightRanges(const Block &body, const ChannelClasses &classes);

  // One entry for each class, if each value were divided by its class's scale.
  ClassRanges under(const std::vector<double> &scales) const;

private:
  struct Layer {
    LinearLayer shape;                   // with a kernel of one
    std::vector<float> largest;          // |w| over the kernel's taps
    std::vector<uint32_t> rows, columns; // classes
    std::vector<double> least;           // of each row, for its bias
  };
  std::vector<Layer> layers_;
  size_t classes_;
};

} // namespace edgecc
