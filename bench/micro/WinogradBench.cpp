// edgecc-winograd-bench: one convolution computed directly and with Winograd's method in tiles of
// every size: microseconds of one thread, what the cost model expects, the rate of direct
// multiply-accumulates as a share of the core's peak, and the error against f64.
// Usage: edgecc-winograd-bench [CPU LEVEL [FILTER [SIZE [--asm]]]]
#include "backends/native/contraction/Cost.h"
#include "bench/micro/Peak.h"
#include "ir/Builder.h"
#include "tests/unit/NativeRunner.h"

#include <cmath>
#include <fmt/format.h>
#include <random>
#include <time.h>

namespace edgecc::bench {
namespace {

using native::ConvAlgorithm;

struct Shape {
  const char *name;
  int64_t channels, height, width, columns, kernelY = 3, kernelX = 3;
};

constexpr Shape kShapes[] = {
    {"vgg conv1_2", 64, 224, 224, 64},
    {"vgg conv2_1", 64, 112, 112, 128},
    {"vgg conv2_2", 128, 112, 112, 128},
    {"vgg conv3_1", 128, 56, 56, 256},
    {"vgg conv3_2", 256, 56, 56, 256},
    {"vgg conv4_1", 256, 28, 28, 512},
    {"vgg conv4_2", 512, 28, 28, 512},
    {"vgg conv5", 512, 14, 14, 512},
    {"resnet 64", 64, 56, 56, 64},
    {"resnet 128", 128, 28, 28, 128},
    {"resnet 256", 256, 14, 14, 256},
    {"resnet 512", 512, 7, 7, 512},
    {"dncnn 64", 64, 256, 256, 64},
    {"squeezenet 16>64", 16, 55, 55, 64},
    {"squeezenet 64>256", 64, 13, 13, 256},
    {"googlenet 96>128", 96, 28, 28, 128},
    {"googlenet 160>320", 160, 7, 7, 320},
    {"googlenet 5x5 16>32", 16, 28, 28, 32, 5, 5},
    {"googlenet 5x5 32>128", 32, 14, 14, 128, 5, 5},
    {"densenet 128>32", 128, 28, 28, 32},
    {"densenet 128>32 7x7", 128, 7, 7, 32},
    {"unet 32", 32, 128, 128, 32},
    {"narrow 16", 16, 96, 96, 16},
    {"inception 1x3 384", 384, 8, 8, 384, 1, 3},
};

// Processor time of this thread, so that other programs disturb less.
double threadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Layer {
public:
  explicit Layer(const Shape &shape) : shape_(shape), function_(module_.addFunction("f")) {
    const Shape &s = shape_;
    std::mt19937 random(1);
    // Nearly normal, of variance 1.
    auto normal = [](std::mt19937 &from) {
      double sum = 0;
      for (int i = 0; i < 3; ++i)
        sum += 2.0 * from() / std::mt19937::max() - 1;
      return static_cast<float>(sum);
    };
    Dims x{1, s.channels, s.height, s.width}, y{1, s.columns, s.height, s.width};
    in_ = std::make_unique<test::Buffer>(static_cast<size_t>(numElements(x)) * 4);
    out_ = std::make_unique<test::Buffer>(static_cast<size_t>(numElements(y)) * 4);
    for (int64_t i = 0; i < numElements(x); ++i)
      in_->as<float>()[i] = normal(random);
    Tensor weights(DType::F32, {s.columns, s.channels, s.kernelY, s.kernelX});
    float scale = 1 / std::sqrt(static_cast<float>(s.channels * s.kernelY * s.kernelX));
    for (float &value : weights.mutableData<float>())
      value = normal(random) * scale;
    weights_ = weights;
    Value *input = function_.body.addArgument({DType::F32, x, 0, {}});
    function_.inputs.push_back({"x", {}});
    input->storage = Storage{Storage::Space::Input, 0, 0, channelsLast(x)};
    Builder builder(module_, function_.body);
    Value *w = builder.constant(std::move(weights));
    conv_ = builder.createOp(
        OpKind::Conv, std::vector<Value *>{input, w},
        {{"strides", Dims{1, 1}},
         {"dilations", Dims{1, 1}},
         {"pads", Dims{s.kernelY / 2, s.kernelX / 2, s.kernelY / 2, s.kernelX / 2}},
         {"group", int64_t{1}}});
    Value *result = conv_->result();
    result->storage = Storage{Storage::Space::Output, 0, 0, channelsLast(y)};
    builder.yield(std::vector<Value *>{result});
    function_.outputs.push_back({"y", {}});
  }

  double macs() const { return static_cast<double>(costOf(*conv_).macs); }

  double predictedUs(ConvAlgorithm algorithm, const native::NativeTarget &target) const {
    return native::layerCost(*conv_, DType::F32, DType::F32, target, algorithm).nanoseconds() / 1e3;
  }

  // As reports name it.
  std::string algorithm(ConvAlgorithm algorithm, const native::NativeTarget &target) const {
    native::CodegenOptions options;
    options.algorithms.conv = algorithm;
    auto code = native::generateCode(function_, target, options);
    return code ? code->layers[0].op : edgecc::str(code.error());
  }

  // Best microseconds of a run.
  double measureUs(ConvAlgorithm algorithm, const native::NativeTarget &target, double seconds) {
    native::CodegenOptions options;
    options.algorithms.conv = algorithm;
    test::NativeRunner runner(function_, target, options);
    double best = 1e9, total = 0;
    for (int i = 0; i < 8 || (total < seconds && i < 20000); ++i) {
      double begin = threadSeconds();
      runner.run({in_->data()}, {out_->data()});
      double taken = threadSeconds() - begin;
      best = std::min(best, taken);
      total += taken;
    }
    return best * 1e6;
  }

  // Of the last results, over the root mean square of the exact ones, at some positions.
  std::pair<double, double> meanAndMaxError() const {
    const Shape &s = shape_;
    auto weights = weights_.data<float>();
    std::mt19937 random(2);
    double sum = 0, most = 0, squares = 0;
    constexpr int kSamples = 4000;
    for (int i = 0; i < kSamples; ++i) {
      auto below = [&](int64_t end) {
        return std::uniform_int_distribution<int64_t>(0, end - 1)(random);
      };
      int64_t y = below(s.height), x = below(s.width), column = below(s.columns);
      double exact = 0;
      for (int64_t ky = 0; ky < s.kernelY; ++ky)
        for (int64_t kx = 0; kx < s.kernelX; ++kx) {
          int64_t fromY = y + ky - s.kernelY / 2, fromX = x + kx - s.kernelX / 2;
          if (fromY < 0 || fromY >= s.height || fromX < 0 || fromX >= s.width)
            continue;
          for (int64_t c = 0; c < s.channels; ++c)
            exact +=
                static_cast<double>(in_->as<float>()[(fromY * s.width + fromX) * s.channels + c]) *
                static_cast<double>(weights[static_cast<size_t>(
                    ((column * s.channels + c) * s.kernelY + ky) * s.kernelX + kx)]);
        }
      double got = out_->as<float>()[(y * s.width + x) * s.columns + column];
      sum += std::abs(got - exact);
      most = std::max(most, std::abs(got - exact));
      squares += exact * exact;
    }
    double size = std::sqrt(squares / kSamples);
    return {sum / kSamples / size, most / size};
  }

  void printAssembly(ConvAlgorithm algorithm, const native::NativeTarget &target) const {
    native::CodegenOptions options;
    options.algorithms.conv = algorithm;
    auto text = native::emitAssembly(function_, target, options);
    fmt::print("{}\n", text ? *text : edgecc::str(text.error()));
  }

private:
  static Dims channelsLast(const Dims &dims) {
    return {dims[1] * dims[2] * dims[3], 1, dims[3] * dims[1], dims[1]};
  }

  Shape shape_;
  Module module_;
  Function &function_;
  Tensor weights_;
  Op *conv_;
  std::unique_ptr<test::Buffer> in_, out_;
};

constexpr std::pair<const char *, ConvAlgorithm> kAlgorithms[] = {
    {"direct", ConvAlgorithm::Direct},
    {"F(2)", ConvAlgorithm::Winograd2},
    {"F(4)", ConvAlgorithm::Winograd4},
    {"F(6)", ConvAlgorithm::Winograd6},
    {"chosen", ConvAlgorithm::Auto}};

int run(int argc, char **argv) {
  auto target = native::resolveTarget("native", argc > 1 ? argv[1] : "host");
  if (!target) {
    fmt::print(stderr, "{}\n", str(target.error()));
    return 2;
  }
  std::string filter = argc > 2 ? argv[2] : "";
  std::string size = argc > 3 ? argv[3] : "";
  if (argc > 4) {
    for (const Shape &shape : kShapes)
      for (auto [name, algorithm] : kAlgorithms)
        if (filter == shape.name && size == name)
          Layer(shape).printAssembly(algorithm, *target);
    return 0;
  }
  double peak = peakFlops(*target) / 2;
  fmt::print("{}: {:.1f} G multiply-adds/s\n{:<22} {:<7} {:>9} {:>9} {:>7}  {:>8} {:>8}\n",
             target->str(), peak * 1e-9, "layer", "", "us", "predicted", "of peak", "mean err",
             "max err");
  for (const Shape &shape : kShapes) {
    if (std::string(shape.name).find(filter) == std::string::npos)
      continue;
    Layer layer(shape);
    for (auto [name, algorithm] : kAlgorithms) {
      if (!size.empty() && size != name)
        continue;
      double us = layer.measureUs(algorithm, *target, size.empty() ? 0.15 : 2.0);
      auto [mean, most] = layer.meanAndMaxError();
      std::string what = layer.algorithm(algorithm, *target);
      fmt::print("{:<22} {:<7} {:>9.1f} {:>9.1f} {:>5.0f} % {:>8.1e} {:>8.1e}  {}\n", shape.name,
                 name, us, layer.predictedUs(algorithm, *target),
                 100 * layer.macs() / (us * 1e-6) / peak, mean, most, what);
      std::fflush(stdout);
    }
  }
  return 0;
}

} // namespace
} // namespace edgecc::bench

int main(int argc, char **argv) { return edgecc::bench::run(argc, argv); }
