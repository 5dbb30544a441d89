// Vision transformers: ViT (Dosovitskiy et al. 2021) and DeiT (Touvron et al. 2021), which has the
// same layers.
#include "bench/zoo/Attention.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

static std::unique_ptr<Module> vit(const char *name, int64_t heads, int depth = 12,
                                   int64_t extent = 224, int64_t patch = 16) {
  int64_t features = 64 * heads;
  Net net(name);
  Value *x = net.conv(net.input({1, 3, extent, extent}), features,
                      {.kernel = patch, .stride = patch, .pad = 0});
  int64_t patches = heightOf(x) * widthOf(x);
  x = net.transpose(net.reshape(x, {1, features, patches}), {0, 2, 1});
  x = net.concat({net.weight({1, 1, features}, "class_token"), x});
  x = net.add(x, net.weight({1, patches + 1, features}, "positions"));
  for (int i = 0; i < depth; ++i) {
    x = net.add(x, selfAttention(net, net.layerNorm(x), heads));
    x = net.add(x, mlp(net, net.layerNorm(x)));
  }
  x = net.reshape(net.slice(net.layerNorm(x), 1, 0, 1), {1, features});
  net.output(net.linear(x, 1000));
  return net.finish();
}

std::vector<Topology> vits() {
  constexpr auto kDeitNote =
      "the row prints fewer parameters than the network has: 5.7, 22.1 and 86.6 M in the paper";
  constexpr auto kVitNote =
      "the row prints less: it seems to leave out the products of two activations";
  auto topology = [](const char *name, int64_t heads, const char *note) {
    return Topology{name, "ViT", {{"Hailo-8", name}}, [=] { return vit(name, heads); }, note};
  };
  return {
      topology("deit_tiny", 3, kDeitNote),
      topology("deit_small", 6, kDeitNote),
      topology("deit_base", 12, kDeitNote),
      topology("vit_tiny", 3, kVitNote),
      topology("vit_small", 6, kVitNote),
      topology("vit_base", 12, ""),
      {"vit_32", "ViT", {}, [] { return vit("vit_32", 2, 2, 32, 4); }, "two layers, 32x32 pixels"},
  };
}

} // namespace edgecc::zoo
