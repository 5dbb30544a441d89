#include "bench/zoo/YoloHeads.h"

#include <algorithm>

namespace edgecc::zoo {

int64_t boxHeadChannels(const Value *finest) {
  return std::max({int64_t{16}, channelsOf(finest) / 4, kBoxValues});
}

Value *boxHead(Net &net, Value *x, int64_t inner, int64_t outputs) {
  for (int i = 0; i < 2; ++i)
    x = net.conv(x, inner, {.kernel = 3, .act = Act::Silu});
  return net.conv(x, outputs);
}

Value *separableHead(Net &net, Value *x, int64_t inner, int64_t outputs) {
  for (int i = 0; i < 2; ++i) {
    x = net.depthwise(x, {.kernel = 3, .act = Act::Silu});
    x = net.conv(x, inner, {.act = Act::Silu});
  }
  return net.conv(x, outputs);
}

void cameraOutput(Net &net, Value *boxes, Value *scores) {
  int64_t h = heightOf(boxes), w = widthOf(boxes);
  Value *bins = net.transpose(net.reshape(boxes, {1, 4, kBoxBins, h * w}), {0, 2, 1, 3});
  Value *distances = net.conv(net.softmax(bins, 1), 1, {.bias = false}); // the expectation
  scores = net.act(scores, Act::Sigmoid);
  net.output(net.concat({net.reshape(distances, {1, 4, h, w}), net.maxOver(scores, 1), scores}));
}

} // namespace edgecc::zoo
