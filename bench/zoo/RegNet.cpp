// RegNetX and RegNetY, which adds squeeze and excitation (Radosavovic et al. 2020).
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

namespace {

struct Stage {
  int depth;
  int64_t channels;
};

enum class Kind { X, Y };

std::unique_ptr<Module> regNet(Kind kind, const char *name, const std::vector<Stage> &stages,
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
      if (kind == Kind::Y) // a quarter of the channels that came into the block
        y = squeezeAndExcite(net, y, {.inner = channelsOf(x) / 4, .gate = Act::Sigmoid});
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
       [] {
         return regNet(Kind::X, "regnetx_800mf", {{1, 64}, {3, 128}, {7, 288}, {5, 672}}, 16);
       }},
      {"regnetx_1.6gf",
       "RegNet",
       {{"Hailo-8", "regnetx_1.6gf"}},
       [] {
         return regNet(Kind::X, "regnetx_1.6gf", {{2, 72}, {4, 168}, {10, 408}, {2, 912}}, 24);
       }},
      {"regnety_400mf",
       "RegNet",
       {},
       [] { return regNet(Kind::Y, "regnety_400mf", {{1, 48}, {3, 104}, {6, 208}, {6, 440}}, 8); }},
  };
}

} // namespace edgecc::zoo
