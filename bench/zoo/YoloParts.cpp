// Parts of the YOLO families from version 4 on.
#include "bench/zoo/Blocks.h"

#include <algorithm>
#include <cmath>

namespace edgecc::zoo {

int64_t Scale::channels(int64_t c) const {
  double scaled = static_cast<double>(std::min(c, maxChannels)) * width;
  return static_cast<int64_t>(std::ceil(scaled / 8)) * 8;
}

int Scale::repeats(int n) const { return std::max(1, static_cast<int>(std::nearbyint(n * depth))); }

Value *residualPair(Net &net, Value *x, const ResidualPair &pair) {
  Value *y = net.conv(x, pair.inner, {.kernel = pair.firstKernel, .act = pair.act});
  y = net.conv(y, pair.channels, {.kernel = 3, .act = pair.act});
  return pair.shortcut && channelsOf(x) == pair.channels ? net.add(x, y) : y;
}

Value *c3(Net &net, Value *x, const Csp &csp) {
  int64_t inner = csp.channels / 2;
  Value *left = net.conv(x, inner, {.act = csp.act});
  Value *right = net.conv(x, inner, {.act = csp.act});
  for (int i = 0; i < csp.repeats; ++i)
    left = residualPair(net, left, {inner, inner, 1, csp.shortcut, csp.act});
  return net.conv(net.concat({left, right}), csp.channels, {.act = csp.act});
}

Value *c2fOf(Net &net, Value *x, int64_t channels, int64_t inner, int repeats,
             const std::function<Value *(Value *)> &block) {
  std::vector<Value *> parts = net.split(net.conv(x, 2 * inner, {.act = Act::Silu}), 2);
  for (int i = 0; i < repeats; ++i)
    parts.push_back(block(parts.back()));
  return net.conv(net.concat(parts), channels, {.act = Act::Silu});
}

Value *c2f(Net &net, Value *x, const Csp &csp) {
  int64_t inner = csp.channels / 2;
  return c2fOf(net, x, csp.channels, inner, csp.repeats, [&](Value *part) {
    return residualPair(net, part, {inner, inner, 3, csp.shortcut, csp.act});
  });
}

Value *spp(Net &net, Value *x, int64_t channels, Act act) {
  x = net.conv(x, channelsOf(x) / 2, {.act = act});
  Value *pools = net.concat({x, net.maxPool(x, 5, 1), net.maxPool(x, 9, 1), net.maxPool(x, 13, 1)});
  return net.conv(pools, channels, {.act = act});
}

Value *sppf(Net &net, Value *x, int64_t channels, Act act) {
  std::vector<Value *> parts{net.conv(x, channelsOf(x) / 2, {.act = act})};
  for (int i = 0; i < 3; ++i)
    parts.push_back(net.maxPool(parts.back(), 5, 1));
  return net.conv(net.concat(parts), channels, {.act = act});
}

} // namespace edgecc::zoo
