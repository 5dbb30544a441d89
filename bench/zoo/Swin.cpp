// Swin transformers (Liu et al. 2021): attention inside windows of 7x7 tokens, every second time
// shifted by three. Tokens are [1, H, W, C].
#include "bench/zoo/Attention.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

namespace {

constexpr int64_t kWindow = 7, kShift = 3;

// Moves the first `shift` rows and columns behind the last ones.
Value *roll(Net &net, Value *x, int64_t shift) {
  for (int64_t axis : {1, 2}) {
    int64_t extent = x->dims()[static_cast<size_t>(axis)];
    x = net.concat({net.slice(x, axis, shift, extent - shift), net.slice(x, axis, 0, shift)}, axis);
  }
  return x;
}

Value *windowAttention(Net &net, Value *x, int64_t heads, bool shifted) {
  const Dims dims = x->dims();
  int64_t rows = dims[1] / kWindow, columns = dims[2] / kWindow, features = dims[3];
  constexpr int64_t kTokens = kWindow * kWindow;
  if (shifted)
    x = roll(net, x, kShift);
  x = net.reshape(x, {1, rows, kWindow, columns, kWindow, features});
  x = net.reshape(net.transpose(x, {0, 1, 3, 2, 4, 5}), {rows * columns, kTokens, features});
  // Per pair of positions; the trained table of differences has been looked up.
  std::vector<Value *> biases{net.table({1, heads, kTokens, kTokens}, "position_bias")};
  if (shifted) // what was not adjacent before the shift
    biases.push_back(net.table({rows * columns, 1, kTokens, kTokens}, "mask"));
  x = selfAttention(net, x, heads, biases);
  x = net.reshape(x, {1, rows, columns, kWindow, kWindow, features});
  x = net.reshape(net.transpose(x, {0, 1, 3, 2, 4, 5}), dims);
  return shifted ? roll(net, x, dims[1] - kShift) : x;
}

// Two by two neighbours become one token with twice the features.
Value *mergePatches(Net &net, Value *x) {
  std::vector<Value *> parts;
  for (int64_t column : {0, 1})
    for (int64_t row : {0, 1}) {
      Value *part = net.slice(x, 1, row, x->dims()[1] / 2, 2);
      parts.push_back(net.slice(part, 2, column, x->dims()[2] / 2, 2));
    }
  int64_t features = 2 * x->dims()[3];
  return net.linear(net.layerNorm(net.concat(parts, 3)), features, Act::None, /*bias=*/false);
}

std::unique_ptr<Module> swin(const char *name, const std::vector<int> &depths) {
  Net net(name);
  Value *x = net.conv(net.input({1, 3, 224, 224}), 96, {.kernel = 4, .stride = 4, .pad = 0});
  x = net.layerNorm(net.transpose(x, {0, 2, 3, 1}));
  int64_t heads = 3;
  for (size_t stage = 0; stage < depths.size(); ++stage, heads *= 2) {
    if (stage > 0)
      x = mergePatches(net, x);
    for (int i = 0; i < depths[stage]; ++i) {
      bool shifted = i % 2 == 1 && x->dims()[1] > kWindow;
      x = net.add(x, windowAttention(net, net.layerNorm(x), heads, shifted));
      x = net.add(x, mlp(net, net.layerNorm(x)));
    }
  }
  x = net.transpose(net.layerNorm(x), {0, 3, 1, 2});
  net.output(net.classifier(x));
  return net.finish();
}

} // namespace

std::vector<Topology> swins() {
  constexpr auto kNote = "the row rounds: 28.3 and 49.6 M parameters in the paper";
  return {
      {"swin_tiny",
       "Swin",
       {{"Hailo-8", "swin_tiny"}},
       [] { return swin("swin_tiny", {2, 2, 6, 2}); },
       kNote},
      {"swin_small",
       "Swin",
       {{"Hailo-8", "swin_small"}},
       [] { return swin("swin_small", {2, 2, 18, 2}); },
       kNote},
  };
}

} // namespace edgecc::zoo
