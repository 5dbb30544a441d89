// YOLOv5 of Ultralytics: release 2 (Focus, bottleneck CSP, leaky ReLU) and 6.1 (C3, SiLU), with
// three or four output sizes and with masks. Ends in the raw convolutions of every size.
#include "bench/zoo/Blocks.h"
#include "bench/zoo/Families.h"

namespace edgecc::zoo {

namespace {

constexpr int64_t kAnchors = 3;
constexpr int64_t kBoxClasses = 4 + 1 + 80;
constexpr int64_t kMasks = 32;

// The cross-stage partial block of the early releases; the normalisation after the concatenation
// is folded into the two convolutions before it.
Value *bottleneckCsp(Net &net, Value *x, const Csp &csp) {
  int64_t inner = csp.channels / 2;
  Value *left = net.conv(x, inner, {.act = csp.act});
  for (int i = 0; i < csp.repeats; ++i)
    left = residualPair(net, left, {inner, inner, 1, csp.shortcut, csp.act});
  Value *both = net.concat({net.conv(left, inner), net.conv(x, inner)});
  return net.conv(net.act(both, csp.act), csp.channels, {.act = csp.act});
}

struct Release {
  Act act;
  Value *(*csp)(Net &, Value *, const Csp &);
  bool early;
};
constexpr Release kRelease2{Act::Leaky, bottleneckCsp, true};
constexpr Release kRelease6{Act::Silu, c3, false};

struct Variant {
  const char *name;
  Release release;
  Scale scale;
  int64_t extent = 640;
  bool fourSizes = false;
  bool masks = false;
};

class Yolo5 {
public:
  explicit Yolo5(const Variant &variant) : v_(variant), net_(variant.name) {}

  std::unique_ptr<Module> build() {
    Value *x = stem(net_.input({1, 3, v_.extent, v_.extent}));
    x = stage(x, 128, 3);
    std::vector<Value *> levels{stage(x, 256, v_.release.early ? 9 : 6)};
    levels.push_back(stage(levels.back(), 512, 9));
    if (v_.fourSizes)
      levels.push_back(stage(levels.back(), 768, 3));
    levels.push_back(lastStage(levels.back()));
    heads(pathAggregation(levels));
    return net_.finish();
  }

private:
  Value *conv(Value *x, int64_t c, int64_t kernel, int64_t stride) {
    return net_.conv(x, v_.scale.channels(c),
                     {.kernel = kernel, .stride = stride, .act = v_.release.act});
  }

  Value *csp(Value *x, int64_t c, int repeats, bool shortcut) {
    return v_.release.csp(
        net_, x, {v_.scale.channels(c), v_.scale.repeats(repeats), shortcut, v_.release.act});
  }

  Value *stem(Value *x) {
    return v_.release.early ? conv(net_.spaceToDepth(x, 2), 64, 3, 1) : conv(x, 64, 6, 2);
  }

  Value *stage(Value *x, int64_t c, int repeats) { return csp(conv(x, c, 3, 2), c, repeats, true); }

  Value *lastStage(Value *x) {
    int64_t c = v_.scale.channels(1024);
    if (!v_.release.early)
      return sppf(net_, stage(x, 1024, 3), c, v_.release.act);
    return csp(spp(net_, conv(x, 1024, 3, 2), c, v_.release.act), 1024, 3, false);
  }

  // From the coarsest level to the finest and back (Liu et al. 2018).
  std::vector<Value *> pathAggregation(const std::vector<Value *> &levels) {
    const std::vector<int64_t> channels = v_.fourSizes ? std::vector<int64_t>{256, 512, 768, 1024}
                                                       : std::vector<int64_t>{256, 512, 1024};
    size_t count = levels.size();
    std::vector<Value *> lateral(count), out(count);
    Value *x = levels.back();
    for (size_t i = count - 1; i > 0; --i) {
      lateral[i] = conv(x, channels[i - 1], 1, 1);
      x = csp(net_.concat({net_.upsample(lateral[i]), levels[i - 1]}), channels[i - 1], 3, false);
    }
    out[0] = x;
    for (size_t i = 1; i < count; ++i) {
      x = net_.concat({conv(x, channels[i - 1], 3, 2), lateral[i]});
      out[i] = x = csp(x, channels[i], 3, false);
    }
    return out;
  }

  void heads(const std::vector<Value *> &levels) {
    int64_t perAnchor = kBoxClasses + (v_.masks ? kMasks : 0);
    for (Value *level : levels)
      net_.output(net_.conv(level, kAnchors * perAnchor));
    if (!v_.masks)
      return;
    Value *x = net_.upsample(conv(levels[0], 256, 3, 1));
    x = net_.conv(conv(x, 256, 3, 1), kMasks, {.act = v_.release.act});
    net_.output(x);
  }

  Variant v_;
  Net net_;
};

Topology topology(const char *row, const Variant &variant, std::string note = {}) {
  return {variant.name,
          "YOLOv5",
          {{"Hailo-8", row}},
          [variant] { return Yolo5(variant).build(); },
          std::move(note)};
}

} // namespace

std::vector<Topology> yolo5s() {
  constexpr Scale kMedium{0.67, 0.75}, kNano{0.33, 0.25};
  return {
      topology("yolov5m", {"yolov5m", kRelease2, kMedium}, "release 2"),
      topology("yolov5m_6.1", {"yolov5m_6.1", kRelease6, kMedium}),
      topology("yolov5m6_6.1", {"yolov5m6_6.1", kRelease6, kMedium, 1280, true}),
      topology("yolov5n_seg", {"yolov5n_seg", kRelease6, kNano, 640, false, true}),
      topology("yolov5m_seg", {"yolov5m_seg", kRelease6, kMedium, 640, false, true},
               "the row's parameters do not belong to its operations; Ultralytics prints 22.0 M"),
  };
}

} // namespace edgecc::zoo
