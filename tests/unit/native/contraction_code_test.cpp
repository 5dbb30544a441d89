// What the machine code of contractions looks like, on all targets.
#include "tests/unit/native/ConvCases.h"

namespace edgecc::test {
namespace {

// --- hot loops ---

// Basic blocks of an assembly text.
std::vector<std::string> blocksOf(const std::string &assembly) {
  std::vector<std::string> blocks(1);
  std::istringstream lines(assembly);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(".LBB"))
      blocks.emplace_back();
    blocks.back() += line + "\n";
    // A branch ends a block: jcc, b.cond, cbz, bne...
    for (const char *branch : {"\tj", "\tb", "\tcb"})
      if (line.starts_with(branch)) {
        blocks.emplace_back();
        break;
      }
  }
  return blocks;
}

size_t count(const std::string &text, const std::string &word) {
  size_t n = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++n;
  return n;
}

struct HotLoop {
  const char *target, *cpu;
  DType dtype;
  const char *instruction;  // of the multiply-accumulate
  const char *stackAddress; // how a spill looks
};

class ContractionCode : public testing::TestWithParam<HotLoop> {};

INSTANTIATE_TEST_SUITE_P(
    Targets, ContractionCode,
    testing::Values(HotLoop{"x86-64", "avx2", DType::F32, "vfmadd", "%rsp)"},
                    HotLoop{"x86-64", "avx512", DType::F32, "vfmadd", "%rsp)"},
                    HotLoop{"x86-64", "avxvnni", DType::U8, "vpdpbusd", "%rsp)"},
                    HotLoop{"x86-64", "avx512vnni", DType::U8, "vpdpbusd", "%rsp)"},
                    HotLoop{"x86-64", "avx512vnni+avx512bf16", DType::BF16, "vdpbf16ps", "%rsp)"},
                    HotLoop{"aarch64", "neon", DType::F32, "fmla", "[sp"},
                    HotLoop{"aarch64", "dotprod", DType::I8, "sdot", "[sp"},
                    HotLoop{"riscv64", "rv64gcv", DType::F32, "vfma", "(sp)"}));

// No element type may need a library call, which the image could not make.
TEST(ContractionTargets, CodeLinksForEveryTargetAndElementType) {
  struct Level {
    const char *target, *cpu;
  };
  for (Level level :
       {Level{"x86-64", "baseline"}, Level{"aarch64", "neon"}, Level{"aarch64", "dotprod"},
        Level{"riscv64", "rv64gc"}, Level{"riscv64", "rv64gcv"}}) {
    auto target = native::resolveTarget(level.target, level.cpu);
    ASSERT_TRUE(target) << edgecc::str(target.error());
    Harness h(15);
    for (DType dtype : {DType::F32, DType::F16, DType::BF16, DType::F64, DType::U8, DType::I8})
      for (int i = 0; i < 3; ++i) {
        ConvCase c = randomConv(h, 2, i == 2 && isFloat(dtype));
        if (isInteger(dtype))
          makeNarrow(h, c);
        c.dtype = dtype;
        if (i % 3 == 1) {
          c.channelsLast = true;
          makeDepthwise(h, c);
        }
        addConv(h, c);
      }
    auto code = native::generateCode(h.finish(), *target, {});
    ASSERT_TRUE(code) << level.cpu << ": " << edgecc::str(code.error());
    auto image = native::linkImage(*code);
    EXPECT_TRUE(image) << level.cpu << ": " << edgecc::str(image.error());
  }
}

// Code for filters and their results at the border is unrolled, but not as far as a model says.
TEST(ContractionTargets, CodeOfLargeDepthwiseFiltersIsBounded) {
  auto target = native::resolveTarget("x86-64", "avx512vnni");
  ASSERT_TRUE(target) << edgecc::str(target.error());
  struct Filter {
    DType dtype;
    Dims kernel, image, dilations;
  };
  for (const Filter &f :
       {Filter{DType::U8, {200, 1}, {220, 8}, {1, 1}}, Filter{DType::U8, {3, 8}, {4, 900}, {1, 60}},
        Filter{DType::F32, {3, 16}, {4, 2500}, {1, 150}}}) {
    Harness h(16);
    ConvCase c;
    c.x = {1, 8, f.image[0], f.image[1]};
    c.w = {8, 1, f.kernel[0], f.kernel[1]};
    c.strides = {1, 1};
    c.dilations = f.dilations;
    int64_t pad = (f.kernel[1] - 1) * f.dilations[1] / 2;
    c.pads = {1, pad, 1, pad};
    c.group = 8;
    c.dtype = f.dtype;
    c.weightType = f.dtype == DType::U8 ? DType::I8 : DType::F32;
    addConv(h, c);
    auto code = native::generateCode(h.finish(), *target, {});
    ASSERT_TRUE(code) << edgecc::str(code.error());
    size_t bytes = 0;
    for (const auto &object : code->objects)
      bytes += object.size();
    EXPECT_LT(bytes, 128u << 10) << "kernel " << f.kernel[0] << "x" << f.kernel[1];
  }
}

TEST_P(ContractionCode, HotLoopsHoldVectorMultipliesAndNoSpills) {
  const HotLoop &p = GetParam();
  auto target = native::resolveTarget(p.target, p.cpu);
  ASSERT_TRUE(target) << edgecc::str(target.error());
  // Columns that fill tiles and columns that leave a tail; 1x1 and 3x3.
  for (int64_t columns : {24, 64, 100})
    for (int64_t kernel : {1, 3}) {
      Harness h(12);
      Dims x{1, 64, 14, 14}, w{columns, 64, kernel, kernel};
      auto in = h.argument(p.dtype, x, channelsLast(4));
      auto weights = h.constant(isInteger(p.dtype) ? DType::I8 : p.dtype, w);
      Op *op = h.create(OpKind::Conv, {in.value, weights.value},
                        {{"strides", Dims{1, 1}},
                         {"dilations", Dims{1, 1}},
                         {"pads", Dims(4, kernel / 2)},
                         {"group", int64_t{1}}});
      h.expect(op, {}, channelsLast(4), "");
      // Around Winograd's products stand transforms, whose blocks reload addresses.
      native::CodegenOptions options;
      options.algorithms.conv = native::ConvAlgorithm::Direct;
      auto assembly = native::emitAssembly(h.finish(), *target, options);
      ASSERT_TRUE(assembly) << edgecc::str(assembly.error());
      size_t hot = 0;
      for (const std::string &block : blocksOf(*assembly)) {
        if (count(block, p.instruction) < 8)
          continue;
        ++hot;
        EXPECT_EQ(count(block, p.stackAddress), 0u)
            << p.cpu << ", " << columns << " columns, kernel " << kernel << ":\n"
            << block;
      }
      EXPECT_GE(hot, 1u) << p.cpu << ", " << columns << " columns, kernel " << kernel;
    }
}

} // namespace
} // namespace edgecc::test
