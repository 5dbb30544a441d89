// edgecc-micro-bench: the rate of single contractions as a share of what the core can do, which is
// measured in the same process. One thread. Usage: edgecc-micro-bench
// [[TARGET:]CPU LEVEL [FILTER [--asm]]]; with --asm it prints the assembly instead, of any target.
#include "bench/micro/Peak.h"
#include "ir/Builder.h"
#include "tests/unit/NativeRunner.h"

#include <chrono>
#include <fmt/format.h>

namespace edgecc::bench {
namespace {

struct Shape {
  const char *name;
  int64_t channels, height, width, columns, kernel, stride, group;
};

// Layers of common networks, and square products.
constexpr Shape kConvs[] = {
    {"conv 1x1 64>64 56x56", 64, 56, 56, 64, 1, 1, 1},
    {"conv 1x1 96>24 56x56", 96, 56, 56, 24, 1, 1, 1},
    {"conv 1x1 24>144 56x56", 24, 56, 56, 144, 1, 1, 1},
    {"conv 1x1 384>64 14x14", 384, 14, 14, 64, 1, 1, 1},
    {"conv 1x1 160>960 7x7", 160, 7, 7, 960, 1, 1, 1},
    {"conv 1x1 320>1280 7x7", 320, 7, 7, 1280, 1, 1, 1},
    {"conv 1x1 1024>256 14x14", 1024, 14, 14, 256, 1, 1, 1},
    {"conv 1x1 256>512 s2 56x56", 256, 56, 56, 512, 1, 2, 1},
    {"conv 3x3 64>64 56x56", 64, 56, 56, 64, 3, 1, 1},
    {"conv 3x3 128>128 28x28", 128, 28, 28, 128, 3, 1, 1},
    {"conv 3x3 256>256 14x14", 256, 14, 14, 256, 3, 1, 1},
    {"conv 3x3 512>512 7x7", 512, 7, 7, 512, 3, 1, 1},
    {"conv 3x3 64>128 s2 40x40", 64, 40, 40, 128, 3, 2, 1},
    {"conv 3x3 64>64 20x20", 64, 20, 20, 64, 3, 1, 1},
    {"conv 3x3 16>16 96x96", 16, 96, 96, 16, 3, 1, 1},
    {"conv 7x7 3>64 s2 224x224", 3, 224, 224, 64, 7, 2, 1},
    {"conv 3x3 3>32 s2 224x224", 3, 224, 224, 32, 3, 2, 1},
    {"conv 3x3 64>3 128x128", 64, 128, 128, 3, 3, 1, 1},
    {"conv 3x3 64>1 128x128", 64, 128, 128, 1, 3, 1, 1},
    {"conv 3x3 1>64 128x128", 1, 128, 128, 64, 3, 1, 1},
    {"conv 3x3 g32 128>128 28x28", 128, 28, 28, 128, 3, 1, 32},
    {"conv 3x3 g8 192>192 28x28", 192, 28, 28, 192, 3, 1, 8},
    {"depthwise 3x3 144 56x56", 144, 56, 56, 144, 3, 1, 144},
    {"depthwise 3x3 384 14x14", 384, 14, 14, 384, 3, 1, 384},
    {"depthwise 3x3 s2 144 56x56", 144, 56, 56, 144, 3, 2, 144},
    {"depthwise 5x5 240 28x28", 240, 28, 28, 240, 5, 1, 240},
    {"depthwise 3x3 960 7x7", 960, 7, 7, 960, 3, 1, 960},
};

struct Product {
  const char *name;
  int64_t m, n, k;
  bool constant, transposed;
};
constexpr Product kProducts[] = {
    {"gemm 512x512x512", 512, 512, 512, true, false},
    {"gemm 128x768x768", 128, 768, 768, true, false},
    {"gemm 1x1000x1280", 1, 1000, 1280, true, false},
    {"gemm 1x4096x4096", 1, 4096, 4096, true, false},
    {"matmul 128x128x64 a*b", 128, 128, 64, false, false},
    {"matmul 128x128x64 a*bT", 128, 128, 64, false, true},
    {"matmul 512x512x512 a*b", 512, 512, 512, false, false},
};

bool printAssembly = false; // instead of measuring

class Case {
public:
  Case() : function_(module_.addFunction("f")) {}

  Value *argument(const Dims &dims, const Dims &strides, DType dtype) {
    Value *value = function_.body.addArgument({dtype, dims, 0, {}});
    function_.inputs.push_back({"x", {}});
    value->storage =
        Storage{Storage::Space::Input, static_cast<uint32_t>(inputs_.size()), 0, strides};
    inputs_.emplace_back(static_cast<size_t>(numBytes(dtype, dims)));
    return value;
  }

  Value *constant(const Dims &dims, DType dtype) {
    Builder builder(module_, function_.body);
    Tensor tensor(dtype, dims);
    for (int64_t i = 0; i < tensor.elements(); ++i)
      tensor.setDouble(i, static_cast<double>(i % 7) - 3);
    return builder.constant(std::move(tensor));
  }

  // The op; on integers with the requantisation that follows it in a model.
  Op *create(OpKind kind, const std::vector<Value *> &operands, Attributes attributes) {
    Builder builder(module_, function_.body);
    if (operands[0]->type.dtype != DType::U8 || kind != OpKind::Conv)
      return builder.createOp(kind, operands, std::move(attributes));
    std::vector<Value *> all = operands;
    int64_t columns = operands[1]->dims()[0];
    all.push_back(constant({columns}, DType::I32));
    Tensor multiplier(DType::F32, {columns});
    for (int64_t i = 0; i < columns; ++i)
      multiplier.setDouble(i, 1.0 / static_cast<double>(64 + i));
    all.push_back(builder.constant(std::move(multiplier)));
    return builder.createOp(OpKind::Fused, all, {}, [&](Op &fused) -> Expected<void> {
      std::vector<Value *> arguments;
      for (Value *value : all)
        arguments.push_back(fused.region(0).addArgument(value->type));
      Builder inside(module_, fused.region(0));
      Value *sum = inside.create(kind, {arguments[0], arguments[1], arguments[2]}, attributes);
      inside.yield(std::vector<Value *>{inside.create(OpKind::Requantize, {sum, arguments[3]},
                                                      {{"zero_point", int64_t{0}},
                                                       {"low", int64_t{0}},
                                                       {"high", int64_t{255}},
                                                       {"axis", int64_t{1}},
                                                       {"to", DType::U8}})});
      return {};
    });
  }

  // Best seconds of a run, and the multiply-accumulates in it.
  void measure(const char *name, OpKind kind, std::vector<Value *> operands, Attributes attributes,
               bool channelsLast, const native::NativeTarget &target, double peak) {
    Builder builder(module_, function_.body);
    Op *op = create(kind, operands, std::move(attributes));
    Value *y = op->result();
    Dims strides = rowMajorStrides(y->dims());
    if (channelsLast)
      strides = nhwc(y->dims());
    y->storage = Storage{Storage::Space::Output, 0, 0, strides};
    builder.yield(std::vector<Value *>{y});
    function_.outputs.push_back({"y", {}});
    test::Buffer out(static_cast<size_t>(y->type.bytes()));
    if (printAssembly) {
      auto assembly = native::emitAssembly(function_, target, {});
      fmt::print("{}\n", assembly ? *assembly : edgecc::str(assembly.error()));
      return;
    }
    test::NativeRunner runner(function_, target);
    std::vector<const void *> in;
    for (const auto &input : inputs_)
      in.push_back(input.data());
    double macs = static_cast<double>(costOf(*op).macs);
    using Clock = std::chrono::steady_clock;
    double best = 1e9;
    auto deadline = Clock::now() + std::chrono::milliseconds(200);
    for (int i = 0; i < 5 || (Clock::now() < deadline && i < 2000); ++i) {
      auto begin = Clock::now();
      runner.run(in, {out.data()});
      best = std::min(best, std::chrono::duration<double>(Clock::now() - begin).count());
    }
    fmt::print("{:<30} {:>9.1f} us {:>8.1f} GOP/s {:>6.1f} % of peak\n", name, best * 1e6,
               2 * macs / best * 1e-9, 200 * macs / best / peak);
    std::fflush(stdout);
  }

  static Dims nhwc(const Dims &dims) {
    return {dims[1] * dims[2] * dims[3], 1, dims[3] * dims[1], dims[1]};
  }

private:
  Module module_;
  Function &function_;
  std::vector<test::Buffer> inputs_;
};

void runConv(const Shape &s, DType dtype, const native::NativeTarget &target, double peak) {
  Case c;
  Dims x{1, s.channels, s.height, s.width};
  int64_t pad = s.kernel / 2;
  Value *in = c.argument(x, Case::nhwc(x), dtype);
  Value *w = c.constant({s.columns, s.channels / s.group, s.kernel, s.kernel},
                        dtype == DType::F32 ? dtype : DType::I8);
  c.measure(s.name, OpKind::Conv, {in, w},
            {{"strides", Dims{s.stride, s.stride}},
             {"dilations", Dims{1, 1}},
             {"pads", Dims{pad, pad, pad, pad}},
             {"group", s.group}},
            true, target, peak);
}

void runProduct(const Product &p, DType dtype, const native::NativeTarget &target, double peak) {
  Case c;
  Value *a = c.argument({p.m, p.k}, {p.k, 1}, dtype);
  Dims strides = p.transposed ? Dims{1, p.k} : Dims{p.n, 1};
  DType other = dtype == DType::F32 ? dtype : DType::I8;
  Value *b = p.constant ? c.constant({p.k, p.n}, other) : c.argument({p.k, p.n}, strides, other);
  c.measure(p.name, OpKind::MatMul, {a, b}, {}, false, target, peak);
}

int run(int argc, char **argv) {
  std::string level = argc > 1 ? argv[1] : "host", name = "native";
  if (size_t colon = level.find(':'); colon != std::string::npos) {
    name = level.substr(0, colon);
    level = level.substr(colon + 1);
  }
  auto target = native::resolveTarget(name, level);
  if (!target) {
    fmt::print(stderr, "{}\n", str(target.error()));
    return 2;
  }
  std::string filter = argc > 2 ? argv[2] : "";
  printAssembly = argc > 3 && std::string(argv[3]) == "--asm";
  auto wanted = [&](const char *name) {
    return std::string(name).find(filter) != std::string::npos;
  };
  for (DType dtype : {DType::F32, DType::U8}) {
    double peak = 1;
    if (!printAssembly) {
      peak = dtype == DType::F32 ? peakFlops(*target) : peakDot8(*target);
      if (peak == 0)
        continue;
      fmt::print("{} {}: peak of one core {:.1f} GOP/s\n", target->str(), edgecc::name(dtype),
                 peak * 1e-9);
    }
    for (const Product &product : kProducts)
      if (wanted(product.name))
        runProduct(product, dtype, *target, peak);
    for (const Shape &shape : kConvs)
      if (wanted(shape.name))
        runConv(shape, dtype, *target, peak);
  }
  return 0;
}

} // namespace
} // namespace edgecc::bench

int main(int argc, char **argv) { return edgecc::bench::run(argc, argv); }
