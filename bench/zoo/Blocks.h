// Parts that several families share.
#pragma once

#include "bench/zoo/Layers.h"

#include <functional>

namespace edgecc::zoo {

// --- ResNet.cpp ---
Value *resNetStem(Net &net, Value *x); // 7x7 convolution and 3x3 pooling, both of stride 2
Value *basicBlock(Net &net, Value *x, int64_t channels, int64_t stride);
// Stages of basic blocks with 64, 128, 256... channels; the end of each.
std::vector<Value *> basicStages(Net &net, Value *x, const std::vector<int> &depths);

// --- MobileNet.cpp ---
struct MobileNetV2Features {
  Value *end = nullptr;         // after the last inverted residual, before the 1280-channel layer
  Value *expansion13 = nullptr; // the expanded part of block 13, at 1/16 of the input's size
};
// The inverted residuals of MobileNetV2; once the image has shrunk by `outputStride`, further
// strides become dilations (Chen et al. 2017).
enum class Expansion1 : uint8_t {
  None,
  Layer
}; // does a block that expands by 1 have a layer for it?
MobileNetV2Features mobileNetV2Features(Net &net, Value *x, double width = 1,
                                        int64_t outputStride = 32,
                                        Expansion1 expansion1 = Expansion1::None);

// --- SearchedNets.cpp ---
// Squeeze and excitation (Hu et al. 2018): x times gate(two 1x1 layers of x's means).
struct Excitation {
  int64_t inner;
  Act act = Act::Relu; // between the layers
  Act gate = Act::HardSigmoid;
};
Value *squeezeAndExcite(Net &net, Value *x, const Excitation &e);

// --- YoloParts.cpp ---
// How a family of detectors scales: depths and channels for width and depth 1 in, actual ones out.
struct Scale {
  double depth = 1;
  double width = 1;
  int64_t maxChannels = 1 << 20; // before `width` is applied

  int64_t channels(int64_t c) const; // a multiple of 8, rounded up
  int repeats(int n) const;          // at least 1
};

// A chain of kernel 1 and kernel 3, the sum with x if the channels allow it and `shortcut`.
struct ResidualPair {
  int64_t inner, channels;
  int64_t firstKernel = 1;
  bool shortcut = true;
  Act act = Act::Silu;
};
Value *residualPair(Net &net, Value *x, const ResidualPair &pair);

// Cross-stage partial block with three convolutions (YOLOv5 from version 4, YOLOX).
struct Csp {
  int64_t channels;
  int repeats = 1;
  bool shortcut = true;
  Act act = Act::Silu;
};
Value *c3(Net &net, Value *x, const Csp &csp);
// The same with two convolutions, where every inner block's result goes to the end (YOLOv8).
Value *c2f(Net &net, Value *x, const Csp &csp);
// The general form: two parts of `inner` channels, then `repeats` of `block`, each on the last.
Value *c2fOf(Net &net, Value *x, int64_t channels, int64_t inner, int repeats,
             const std::function<Value *(Value *)> &block);

// Spatial pyramid pooling with windows 5, 9 and 13: side by side, or in sequence.
Value *spp(Net &net, Value *x, int64_t channels, Act act);
Value *sppf(Net &net, Value *x, int64_t channels, Act act = Act::Silu);

} // namespace edgecc::zoo
