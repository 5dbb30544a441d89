// Short forms of the layers that image networks are made of, as a trained network has them for
// inference: batch normalisations are folded, so every convolution has a bias.
#pragma once

#include "ir/Builder.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace edgecc::zoo {

enum class Act : uint8_t { None, Relu, Relu6, Leaky, Silu, HardSwish, HardSigmoid, Sigmoid, Gelu };

// How a window moves over an image; square, the same along both axes.
struct Window {
  int64_t kernel = 1;
  int64_t stride = 1;
  Act act = Act::None;
  int64_t groups = 1;
  int64_t dilation = 1;
  int64_t pad = -1; // on each side; -1: half of the (dilated) kernel
  bool bias = true;
};

// Builds one function of a new module. Values are f32 and, where they are images, [1, C, H, W].
// Weights are zero and lie in memory that the system hands out only when somebody writes to it, so
// that a network of any size costs next to nothing. Layers that cannot be built (shapes that do not
// fit) are bugs of the topology and end the program.
class Net {
public:
  explicit Net(std::string name);

  Value *input(Dims dims, std::string name = "input");
  void output(Value *value, std::string name = {});
  // Ends the function. The Net must not be used afterwards.
  std::unique_ptr<Module> finish();

  // --- convolutions ---
  Value *conv(Value *x, int64_t channels, const Window &window = {});
  // The general form, over any number of spatial axes; `pads` on both sides alike.
  Value *convNd(Value *x, int64_t channels, const Dims &kernel, const Dims &strides,
                const Dims &pads, Act act, int64_t groups = 1, int64_t dilation = 1,
                bool bias = true);
  Value *depthwise(Value *x, const Window &window); // `groups` is ignored
  // Kernel `kernel`, padded so that the result is `stride` times as large.
  Value *deconv(Value *x, int64_t channels, int64_t kernel, int64_t stride, Act act = Act::None);
  Value *linear(Value *x, int64_t features, Act act = Act::None, bool bias = true); // last axis

  // --- element by element ---
  Value *act(Value *x, Act act);
  Value *add(Value *a, Value *b, Act act = Act::None);
  Value *sub(Value *a, Value *b);
  Value *mul(Value *a, Value *b);
  Value *scale(Value *x, double factor);

  // --- pooling and resampling ---
  Value *maxPool(Value *x, int64_t kernel, int64_t stride, int64_t pad = -1, bool ceil = false);
  Value *maxPool(Value *x, int64_t kernel, int64_t stride, const Dims &pads); // low, then high
  Value *averagePool(Value *x, int64_t kernel, int64_t stride, int64_t pad = 0, bool ceil = false);
  Value *globalAverage(Value *x);                // over all spatial axes, kept with extent 1
  Value *upsample(Value *x, int64_t factor = 2); // nearest neighbour
  Value *resize(Value *x, int64_t height, int64_t width); // bilinear, corners aligned

  // --- normalisation ---
  Value *layerNorm(Value *x, double epsilon = 1e-6); // over the last axis
  // Where it cannot be folded into the convolution before it.
  Value *batchNorm(Value *x);
  Value *softmax(Value *x, int64_t axis);
  // Over 5 neighbouring channels, as in AlexNet (Krizhevsky et al. 2012).
  Value *localResponseNorm(Value *x);

  // --- matrices ---
  Value *matmul(Value *a, Value *b);
  // A constant tensor that training does not change, such as a mask.
  Value *table(Dims dims, std::string_view name);
  // A constant tensor of weights.
  Value *weight(Dims dims, std::string_view name);

  // --- shapes ---
  Value *concat(const std::vector<Value *> &values, int64_t axis = 1);
  std::vector<Value *> split(Value *x, int64_t parts, int64_t axis = 1); // equal parts
  Value *slice(Value *x, int64_t axis, int64_t start, int64_t size, int64_t step = 1);
  Value *reshape(Value *x, Dims dims);
  Value *transpose(Value *x, Dims perm);
  Value *flatten(Value *x); // [N, rest]
  Value *spaceToDepth(Value *x, int64_t block);
  Value *shuffleChannels(Value *x, int64_t groups);
  Value *maxOver(Value *x, int64_t axis); // kept with extent 1

  // --- common ends ---
  // Global average, fully connected layer: the scores of a classifier.
  Value *classifier(Value *x, int64_t classes = 1000);

private:
  Value *create(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes = {});
  Value *create(OpKind kind, std::span<Value *const> operands, Attributes attributes = {});
  Value *constantOf(double value);

  std::unique_ptr<Module> module_;
  Function &function_;
  Builder builder_;
  std::vector<Value *> outputs_;
  std::map<OpKind, int> numbers_; // for the names of ops
  std::map<double, Value *> constants_;
};

// Extents of an image.
inline int64_t channelsOf(const Value *x) { return x->dims()[1]; }
inline int64_t heightOf(const Value *x) { return x->dims()[2]; }
inline int64_t widthOf(const Value *x) { return x->dims()[3]; }

// The multiple of `divisor` nearest to `value`, but not less than nine tenths of it nor than
// `divisor`: the channels of a network made wider or narrower (Howard et al. 2017).
int64_t roundChannels(double value, int64_t divisor = 8);

} // namespace edgecc::zoo
