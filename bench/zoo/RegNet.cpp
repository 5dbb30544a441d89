// RegNetX (Radosavovic et al. 2020).
#include "bench/zoo/Families.h"
#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

namespace {

struct Stage {
  int depth;
  int64_t channels;
};

std::unique_ptr<Module> regNetX(const char *name, const std::vector<Stage> &stages,
                                int64_t groupWidth) {
  Net net(name);
  Value *x =
      net.conv(net.input({1, 3, 224, 224}), 32, {.kernel = 3, .stride = 2, .act = Act::Relu});
  for (const Stage &stage : stages)
    for (int i = 0; i < stage.depth; ++i) {
      int64_t c = stage.channels, stride = i == 0 ? 2 : 1;
      Value *y = net.conv(x, c, {.act = Act::Relu});
      y = net.conv(y, c,
                   {.kernel = 3, .stride = stride, .act = Act::Relu, .groups = c / groupWidth});
      y = net.conv(y, c);
      if (i == 0)
        x = net.conv(x, c, {.stride = stride});
      x = net.add(y, x, Act::Relu);
    }
  net.output(net.classifier(x));
  return net.finish();
}

} // namespace

std::vector<Topology> regNets() {
  return {
      {"regnetx_800mf",
       "RegNet",
       {{"Hailo-8", "regnetx_800mf"}},
       [] { return regNetX("regnetx_800mf", {{1, 64}, {3, 128}, {7, 288}, {5, 672}}, 16); }},
      {"regnetx_1.6gf",
       "RegNet",
       {{"Hailo-8", "regnetx_1.6gf"}},
       [] { return regNetX("regnetx_1.6gf", {{2, 72}, {4, 168}, {10, 408}, {2, 912}}, 24); }},
  };
}

} // namespace edgecc::zoo
