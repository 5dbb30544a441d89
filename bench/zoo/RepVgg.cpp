// RepVGG (Ding et al. 2021), its branches merged into one 3x3 convolution for each block.
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

static std::unique_ptr<Module> repVgg(const char *name, const std::vector<int64_t> &channels) {
  constexpr int kDepths[] = {2, 4, 14, 1};
  Net net(name);
  Value *x =
      net.conv(net.input({1, 3, 224, 224}), 64, {.kernel = 3, .stride = 2, .act = Act::Relu});
  for (size_t stage = 0; stage < channels.size(); ++stage)
    for (int i = 0; i < kDepths[stage]; ++i)
      x = net.conv(x, channels[stage], {.kernel = 3, .stride = i == 0 ? 2 : 1, .act = Act::Relu});
  net.output(net.classifier(x));
  return net.finish();
}

std::vector<Topology> repVggs() {
  return {
      {"repvgg_a1",
       "RepVGG",
       {{"Hailo-8", "repvgg_a1"}},
       [] { return repVgg("repvgg_a1", {64, 128, 256, 1280}); }},
      {"repvgg_a2",
       "RepVGG",
       {{"Hailo-8", "repvgg_a2"}},
       [] { return repVgg("repvgg_a2", {96, 192, 384, 1408}); }},
  };
}

} // namespace edgecc::zoo
