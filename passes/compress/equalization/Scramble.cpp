#include "passes/compress/equalization/Scramble.h"

#include "passes/channels/Rescale.h"

#include <cmath>
#include <random>

namespace edgecc {

size_t scaleChannelsRandomly(Module &module, uint64_t seed, double magnitude) {
  Block &body = module.main().body;
  const ChannelClasses classes(body, {});
  std::mt19937_64 random(seed);
  std::vector<double> scales(classes.classes().size(), 1.0);
  size_t changed = 0;
  for (uint32_t id = 0; id < scales.size(); ++id) {
    if (!classes.isFree(id))
      continue;
    double unit = static_cast<double>(random() >> 11) * 0x1p-53; // uniform in [0, 1)
    scales[id] = std::exp2(magnitude * (2 * unit - 1));
    ++changed;
  }
  applyScales(module, body, classes, scales);
  return changed;
}

} // namespace edgecc
