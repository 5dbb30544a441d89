// Support functions and fused groups with strided operands against the reference backend.
#include "tests/unit/NativeOpCases.h"

namespace edgecc::test {
namespace {

using enum OpKind;

TEST(NativeSupport, TopKAlongAnyAxis) {
  OpCases cases(30);
  for (DType dtype : {DType::F32, DType::F16, DType::I8, DType::U64, DType::I64, DType::F64})
    for (int64_t axis : {0, 1, 2})
      for (bool largest : {false, true})
        cases.add(TopK,
                  {cases.argument(cases.random(dtype, {9, 12, 30}, isUnsigned(dtype) ? 0 : -5, 5))},
                  {{"axis", axis}, {"k", int64_t{axis == 2 ? 30 : 4}}, {"largest", largest}}, 0);
  cases.runAndCompare();
}

TEST(NativeSupport, SamplesImages) {
  OpCases cases(31);
  for (const char *mode : {"nearest", "linear", "cubic"})
    for (const char *padding : {"zeros", "border", "reflection"})
      for (bool aligned : {false, true}) {
        Attributes attributes{{"mode", std::string(mode)},
                              {"padding_mode", std::string(padding)},
                              {"align_corners", aligned}};
        cases.add(GridSample,
                  {cases.argument(cases.random(DType::F32, {2, 3, 5, 7})),
                   cases.argument(cases.random(DType::F32, {2, 4, 6, 2}, -1.6, 1.6))},
                  attributes, 1e-4);
        if (std::string(mode) != "cubic")
          cases.add(GridSample,
                    {cases.argument(cases.random(DType::F32, {1, 2, 4, 5, 6})),
                     cases.argument(cases.random(DType::F32, {1, 3, 2, 4, 3}, -1.6, 1.6))},
                    attributes, 1e-4);
      }
  for (bool flag : {false, true})
    cases.add(RoiAlign,
              {cases.argument(cases.random(DType::F32, {2, 3, 12, 11})),
               cases.argument(cases.random(DType::F32, {4, 4}, 0, 20)),
               cases.argument(cases.random(DType::I64, {4}, 0, 1))},
              {{"output_height", int64_t{3}},
               {"output_width", int64_t{2}},
               {"sampling_ratio", int64_t{flag ? 2 : 0}},
               {"spatial_scale", 0.5},
               {"half_pixel", flag}},
              1e-4);
  cases.add(DeformConv,
            {cases.argument(cases.random(DType::F32, {2, 4, 7, 8})),
             cases.argument(cases.random(DType::F32, {6, 2, 3, 3})),
             cases.argument(cases.random(DType::F32, {2, 36, 7, 8}, -1.5, 1.5)),
             cases.argument(cases.random(DType::F32, {6})),
             cases.argument(cases.random(DType::F32, {2, 18, 7, 8}, 0, 1))},
            {{"strides", std::vector<int64_t>{1, 1}},
             {"dilations", std::vector<int64_t>{1, 1}},
             {"pads", std::vector<int64_t>{1, 1, 1, 1}},
             {"group", int64_t{2}},
             {"offset_group", int64_t{2}}},
            1e-3);
  cases.runAndCompare();
}

TEST(NativeSupport, TransformsAndScatters) {
  OpCases cases(32);
  for (int64_t m : {1, 2, 5})
    cases.add(Det, {cases.argument(cases.random(DType::F32, {3, m, m}))}, {}, 1e-3);
  for (bool inverse : {false, true})
    for (int64_t axis : {0, 1})
      cases.add(DFT, {cases.argument(cases.random(DType::F32, {9, 16, 2}))},
                {{"axis", axis}, {"inverse", inverse}}, 1e-4);
  cases.add(DFT, {cases.argument(cases.random(DType::F32, {4, 15, 1}))},
            {{"axis", int64_t{1}}, {"onesided", true}}, 1e-4);
  cases.add(Col2Im, {cases.argument(cases.random(DType::F32, {2, 12, 20}))},
            {{"image_shape", std::vector<int64_t>{5, 6}},
             {"block_shape", std::vector<int64_t>{2, 3}},
             {"strides", std::vector<int64_t>{1, 1}},
             {"dilations", std::vector<int64_t>{1, 1}},
             {"pads", std::vector<int64_t>{0, 0, 1, 0}}},
            1e-5);
  Tensor positions(DType::I64, {1, 1, 2, 3});
  for (int64_t i = 0; i < 6; ++i)
    positions.setDouble(i, static_cast<double>(i * 3 + 1));
  cases.add(MaxUnpool,
            {cases.argument(cases.random(DType::F32, {1, 1, 2, 3})), cases.argument(positions)},
            {{"shape", std::vector<int64_t>{1, 1, 4, 6}},
             {"index_shape", std::vector<int64_t>{1, 1, 4, 6}}},
            0);
  cases.runAndCompare();
}

TEST(NativeFused, ElementwiseGroupsWithSeveralResults) {
  OpCases cases(33);
  for (Dims dims : {Dims{2, 6, 9, 17}, Dims{1, 24, 60, 61}}) {
    Value *x = cases.argument(cases.random(DType::F32, dims));
    Value *scale = cases.argument(cases.random(DType::F32, {dims[1], 1, 1}));
    Value *half = cases.constant(Tensor::scalar<float>(DType::F32, 0.5f));
    cases.fuse({x, scale, half}, 1e-6, [](Builder &b, const std::vector<Value *> &a) {
      // The inner sum has fewer axes than the group.
      Value *small = b.create(Add, {a[1], a[2]});
      Value *scaled = b.create(Mul, {a[0], small});
      return std::vector<Value *>{b.create(Sigmoid, {scaled}), b.create(Greater, {scaled, a[2]})};
    });
  }
  cases.runAndCompare();
}

TEST(NativeFused, AnchorsWithEpilogues) {
  OpCases cases(34);
  for (int i = 0; i < 4; ++i) {
    Dims dims{2, 5 + i, 8, 20};
    auto input = [&](Dims d) { return cases.argument(cases.random(DType::F32, d)); };
    for (int64_t axis : {1, 3})
      cases.fuse({input(dims), input({8, 1})}, 1e-5,
                 [&](Builder &b, const std::vector<Value *> &a) {
                   Value *y = b.createOp(Softmax, std::vector{a[0]}, {{"axis", axis}})->result();
                   return std::vector<Value *>{b.create(Mul, {y, a[1]})};
                 });
    cases.fuse({input(dims), input({dims[1], 1, 1})}, 1e-5,
               [&](Builder &b, const std::vector<Value *> &a) {
                 Value *y = b.createOp(ReduceMean, std::vector{a[0]},
                                       {{"axes", std::vector<int64_t>{2, 3}}})
                                ->result();
                 return std::vector<Value *>{b.create(Relu, {b.create(Add, {y, a[1]})})};
               });
    cases.fuse({input(dims), input({2, dims[1], 4, 10})}, 0,
               [&](Builder &b, const std::vector<Value *> &a) {
                 Value *y = b.createOp(MaxPool, std::vector{a[0]},
                                       {{"kernel", std::vector<int64_t>{3, 3}},
                                        {"strides", std::vector<int64_t>{2, 2}},
                                        {"dilations", std::vector<int64_t>{1, 1}},
                                        {"pads", std::vector<int64_t>{1, 1, 0, 0}}})
                                ->result();
                 return std::vector<Value *>{b.create(Add, {y, a[1]})};
               });
    cases.fuse({input(dims), input({dims[1], 1, 1})}, 1e-5,
               [&](Builder &b, const std::vector<Value *> &a) {
                 Value *y = b.createOp(Resize, std::vector{a[0]},
                                       {{"sizes", std::vector<int64_t>{2, dims[1], 16, 40}},
                                        {"scales", std::vector<double>{1, 1, 2, 2}},
                                        {"mode", std::string(i % 2 ? "linear" : "nearest")}})
                                ->result();
                 return std::vector<Value *>{b.create(PRelu, {y, a[1]})};
               });
    cases.fuse({input(dims), input({20}), input({20})}, 1e-5,
               [&](Builder &b, const std::vector<Value *> &a) {
                 Value *y = b.createOp(LayerNormalization, std::vector{a[0], a[1], a[2]},
                                       {{"axis", int64_t{3}}})
                                ->result();
                 return std::vector<Value *>{b.create(Tanh, {y})};
               });
  }
  cases.runAndCompare();
}

// No target needs a library: everything links into an image without imports.
TEST(NativeTargets, CompileEveryFunctionWithoutALibrary) {
  for (auto [target, cpu] : {std::pair("aarch64", "neon"),
                             {"riscv64", "rv64gc"},
                             {"riscv64", "rv64gcv"},
                             {"x86-64", "baseline"}}) {
    OpCases cases(36);
    for (DType dtype : {DType::F32, DType::F16, DType::BF16, DType::F64}) {
      Tensor x = cases.random(dtype, {37});
      for (OpKind kind : {Exp, Log, Tanh, Sigmoid, Erf, Sin, Tan, Asin, Acosh, Floor, Round, Gelu,
                          Mish, Selu, Sign, Sqrt, IsInf})
        cases.add(kind, {cases.argument(x)}, {}, 0);
      for (OpKind kind : {Pow, Mod, Max, Div})
        cases.add(kind, {cases.argument(x), cases.argument(x)}, {}, 0);
      for (DType to : {DType::F32, DType::F16, DType::BF16, DType::F64, DType::I8, DType::U64,
                       DType::Bool, DType::F8E4M3FN})
        cases.add(Cast, {cases.argument(x)}, {{"to", to}}, 0);
      for (OpKind kind : {ReduceLogSumExp, ReduceMax, ReduceMean})
        cases.add(kind, {cases.argument(cases.random(dtype, {9, 35}))},
                  {{"axes", std::vector<int64_t>{1}}}, 0);
    }
    cases.add(DFT, {cases.argument(cases.random(DType::F32, {9, 16, 2}))}, {{"axis", int64_t{1}}},
              0);
    cases.add(Div,
              {cases.argument(cases.random(DType::I64, {33})),
               cases.argument(cases.random(DType::I64, {33}))},
              {}, 0);
    auto machine = native::resolveTarget(target, cpu);
    ASSERT_TRUE(machine) << str(machine.error());
    auto code = native::generateCode(cases.finish(), *machine, {});
    ASSERT_TRUE(code) << str(code.error());
    auto image = native::linkImage(*code);
    EXPECT_TRUE(image) << machine->str() << ": " << str(image.error());
  }
}

// Work units: large enough to be cut, with extents that no vector or block divides.
TEST(NativeUnits, CutsLargeNestsAnywhere) {
  OpCases cases(35);
  for (Dims dims : {Dims{99991}, Dims{317, 331}, Dims{3, 41, 37, 29}, Dims{1, 7, 16411}}) {
    cases.add(Add,
              {cases.argument(cases.random(DType::F32, dims)),
               cases.argument(cases.random(DType::F32, dims))},
              {}, 0);
    cases.add(Identity, {cases.argument(cases.random(DType::U8, dims, 0, 255))}, {}, 0);
    cases.add(ReduceMax, {cases.argument(cases.random(DType::F32, dims))},
              {{"axes", std::vector<int64_t>{static_cast<int64_t>(dims.size()) - 1}}}, 0);
    cases.add(ReduceMax, {cases.argument(cases.random(DType::F32, dims))},
              {{"axes", std::vector<int64_t>{0}}}, 0);
  }
  cases.runAndCompare();
}

} // namespace
} // namespace edgecc::test
