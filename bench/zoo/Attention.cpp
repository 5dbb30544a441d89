#include "bench/zoo/Attention.h"

#include <cmath>

namespace edgecc::zoo {

Value *selfAttention(Net &net, Value *x, int64_t heads, const std::vector<Value *> &biases) {
  const Dims dims = x->dims();
  int64_t batch = dims[0], tokens = dims[1], features = dims[2], each = features / heads;
  std::vector<Value *> parts = net.split(net.linear(x, 3 * features), 3, 2);
  for (Value *&part : parts)
    part = net.reshape(part, {batch, tokens, heads, each});
  Value *queries = net.transpose(parts[0], {0, 2, 1, 3});
  Value *keys = net.transpose(parts[1], {0, 2, 3, 1});
  Value *values = net.transpose(parts[2], {0, 2, 1, 3});
  Value *scores = net.scale(net.matmul(queries, keys), 1 / std::sqrt(static_cast<double>(each)));
  for (Value *bias : biases)
    scores = net.add(scores, bias);
  Value *mixed = net.matmul(net.softmax(scores, 3), values);
  return net.linear(net.reshape(net.transpose(mixed, {0, 2, 1, 3}), dims), features);
}

Value *mlp(Net &net, Value *x) {
  int64_t features = x->dims().back();
  return net.linear(net.linear(x, 4 * features, Act::Gelu), features);
}

static Value *pixelAttention(Net &net, Value *x) {
  int64_t c = channelsOf(x), h = heightOf(x), w = widthOf(x);
  int64_t heads = c / 64, value = c / heads, key = value / 2;
  Value *all = net.reshape(net.conv(x, c + 2 * key * heads), {1, heads, 2 * key + value, h * w});
  Value *queries = net.transpose(net.slice(all, 2, 0, key), {0, 1, 3, 2});
  Value *keys = net.slice(all, 2, key, key);
  Value *values = net.slice(all, 2, 2 * key, value);
  Value *scores = net.scale(net.matmul(queries, keys), 1 / std::sqrt(static_cast<double>(key)));
  Value *weights = net.transpose(net.softmax(scores, 3), {0, 1, 3, 2});
  Value *mixed = net.reshape(net.matmul(values, weights), {1, c, h, w});
  Value *position = net.depthwise(net.reshape(values, {1, c, h, w}), {.kernel = 3});
  return net.conv(net.add(mixed, position), c);
}

Value *pixelAttentionBlock(Net &net, Value *x) {
  x = net.add(x, pixelAttention(net, x));
  int64_t c = channelsOf(x);
  return net.add(x, net.conv(net.conv(x, 2 * c, {.act = Act::Silu}), c));
}

Value *partialAttention(Net &net, Value *x, int repeats) {
  int64_t c = channelsOf(x);
  std::vector<Value *> halves = net.split(net.conv(x, c, {.act = Act::Silu}), 2);
  for (int i = 0; i < repeats; ++i)
    halves[1] = pixelAttentionBlock(net, halves[1]);
  return net.conv(net.concat(halves), c, {.act = Act::Silu});
}

} // namespace edgecc::zoo
