// DenseNet-121 (Huang et al. 2017). A normalisation that reads a concatenation stays, since the
// values also go to other layers.
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

static std::unique_ptr<Module> denseNet121() {
  constexpr int64_t kGrowth = 32;
  constexpr int kDepths[] = {6, 12, 24, 16};
  Net net("densenet121");
  Value *x =
      net.conv(net.input({1, 3, 224, 224}), 64, {.kernel = 7, .stride = 2, .act = Act::Relu});
  x = net.maxPool(x, 3, 2);
  auto normalised = [&](Value *value) { return net.act(net.batchNorm(value), Act::Relu); };
  for (int depth : kDepths) {
    if (depth != kDepths[0]) // between two stages
      x = net.averagePool(net.conv(normalised(x), channelsOf(x) / 2, {.bias = false}), 2, 2);
    for (int i = 0; i < depth; ++i) {
      Value *y = net.conv(normalised(x), 4 * kGrowth, {.act = Act::Relu});
      x = net.concat({x, net.conv(y, kGrowth, {.kernel = 3, .bias = false})});
    }
  }
  net.output(net.classifier(normalised(x)));
  return net.finish();
}

std::vector<Topology> denseNets() {
  return {{"densenet121", "DenseNet", {{"Myriad X", "densenet"}}, denseNet121}};
}

} // namespace edgecc::zoo
