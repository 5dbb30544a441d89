// Loop kernels with operands in arbitrary memory orders against the reference backend.
#include "tests/unit/NativeOpCases.h"

namespace edgecc::test {
namespace {

using enum OpKind;
constexpr double kExact = 0, kClose = 2e-6;

TEST(NativeMovement, CopiesBetweenAllLayouts) {
  OpCases cases(1);
  for (DType dtype : {DType::F32, DType::I8, DType::F16, DType::I64, DType::Bool}) {
    for (int i = 0; i < 6; ++i) {
      Dims dims = cases.randomDims(3, 40);
      cases.add(Transpose, {cases.argument(cases.random(dtype, dims))},
                {{"perm", std::vector<int64_t>{2, 0, 1}}}, kExact);
      cases.add(Identity, {cases.argument(cases.random(dtype, cases.randomDims(4, 18)))}, {},
                kExact);
    }
    cases.add(Transpose, {cases.argument(cases.random(dtype, {33, 41}), true)},
              {{"perm", std::vector<int64_t>{1, 0}}}, kExact, true);
  }
  cases.runAndCompare();
}

TEST(NativeMovement, SlicesTilesAndRearranges) {
  OpCases cases(2);
  for (DType dtype : {DType::F32, DType::U8, DType::I4}) {
    cases.add(Slice, {cases.argument(cases.random(dtype, {7, 9, 33}, 0, 7))},
              {{"starts", std::vector<int64_t>{6, 0, 3}},
               {"sizes", std::vector<int64_t>{3, 9, 10}},
               {"steps", std::vector<int64_t>{-2, 1, 3}}},
              kExact);
    cases.add(Slice, {cases.argument(cases.random(dtype, {40}, 0, 7))},
              {{"starts", std::vector<int64_t>{38}},
               {"sizes", std::vector<int64_t>{37}},
               {"steps", std::vector<int64_t>{-1}}},
              kExact);
    cases.add(Tile, {cases.argument(cases.random(dtype, {3, 1, 5}, 0, 7))},
              {{"repeats", std::vector<int64_t>{2, 3, 1}}}, kExact);
    cases.add(Expand, {cases.argument(cases.random(dtype, {3, 1, 5}, 0, 7))},
              {{"shape", std::vector<int64_t>{2, 3, 4, 5}}}, kExact);
    cases.add(Reshape, {cases.argument(cases.random(dtype, {6, 4, 5}, 0, 7))},
              {{"shape", std::vector<int64_t>{3, 8, 5}}}, kExact);
    for (bool upper : {true, false})
      cases.add(Trilu, {cases.argument(cases.random(dtype, {2, 9, 12}, 0, 7))},
                {{"upper", upper}, {"k", int64_t{upper ? -1 : 2}}}, kExact);
  }
  for (const char *mode : {"DCR", "CRD"})
    cases.add(DepthToSpace, {cases.argument(cases.random(DType::F32, {2, 18, 4, 5}))},
              {{"blocksize", int64_t{3}}, {"mode", std::string(mode)}}, kExact);
  cases.add(SpaceToDepth, {cases.argument(cases.random(DType::F32, {2, 3, 4, 6}))},
            {{"blocksize", int64_t{2}}}, kExact);
  for (int64_t axis : {0, 1, 2})
    cases.add(Concat,
              {cases.argument(cases.random(DType::F32, {4, 5, 6})),
               cases.argument(cases.random(DType::F32, {4, 5, 6})),
               cases.argument(cases.random(DType::F32, {4, 5, 6}))},
              {{"axis", axis}}, kExact);
  cases.add(OneHot,
            {cases.argument(cases.random(DType::I64, {3, 7}, -6, 8)),
             cases.argument(cases.random(DType::F32, {2}))},
            {{"depth", int64_t{6}}, {"axis", int64_t{1}}}, kExact);
  cases.add(ReverseSequence,
            {cases.argument(cases.random(DType::F32, {9, 4, 3})),
             cases.argument(cases.random(DType::I64, {4}, 0, 9))},
            {{"batch_axis", int64_t{1}}, {"time_axis", int64_t{0}}}, kExact);
  cases.runAndCompare();
}

TEST(NativeMovement, PadsInAllModes) {
  OpCases cases(3);
  for (const char *mode : {"constant", "reflect", "edge", "wrap"})
    for (DType dtype : {DType::F32, DType::U8}) {
      cases.add(Pad,
                {cases.argument(cases.random(dtype, {3, 4, 10}, 0, 9)),
                 cases.argument(cases.random(dtype, {}, 0, 9))},
                {{"pads", std::vector<int64_t>{0, 2, 3, 1, 5, 12}}, {"mode", std::string(mode)}},
                kExact);
      cases.add(Pad, {cases.argument(cases.random(dtype, {2, 17, 6}, 0, 9)), nullptr},
                {{"pads", std::vector<int64_t>{0, 1, 0, 0, 1, 1}}, {"mode", std::string(mode)}},
                kExact);
    }
  cases.runAndCompare();
}

TEST(NativeElementwise, BroadcastsOverAnyStrides) {
  OpCases cases(4);
  for (OpKind kind : {Add, Sub, Mul, Max, Min})
    for (int i = 0; i < 4; ++i) {
      Dims a = cases.randomDims(4, 17), b = a;
      for (int64_t &extent : (i & 1 ? a : b))
        if (cases.uniform(0, 1))
          extent = 1;
      if (i == 3)
        b.erase(b.begin(), b.begin() + 2);
      DType dtype = i == 0 ? DType::I32 : i == 1 ? DType::F16 : DType::F32;
      cases.add(kind,
                {cases.argument(cases.random(dtype, a, -9, 9, {NAN, INFINITY, -INFINITY, 0.0})),
                 cases.argument(cases.random(dtype, b, -9, 9, {NAN, INFINITY, 1.0}))},
                {}, kExact);
    }
  cases.add(Where,
            {cases.argument(cases.random(DType::Bool, {5, 1, 7}, -1, 1)),
             cases.argument(cases.random(DType::F32, {6, 7})),
             cases.argument(cases.random(DType::F32, {5, 6, 1}))},
            {}, kExact);
  cases.add(PRelu,
            {cases.argument(cases.random(DType::F32, {2, 9, 5, 6})),
             cases.argument(cases.random(DType::F32, {9, 1, 1}))},
            {}, kExact);
  cases.add(Clip,
            {cases.argument(cases.random(DType::F32, {3, 50}, -9, 9, {NAN})),
             cases.constant(Tensor::scalar<float>(DType::F32, -1.5f)), nullptr},
            {}, kExact);
  cases.runAndCompare();
}

TEST(NativeReduction, AlongAnyAxes) {
  OpCases cases(5);
  for (OpKind kind : {ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2,
                      ReduceSumSquare, ReduceLogSum, ReduceLogSumExp})
    for (std::vector<int64_t> axes : {std::vector<int64_t>{0}, {2}, {1, 2}, {0, 1, 2}, {}}) {
      bool isLog = kind == ReduceLogSum, isProduct = kind == ReduceProd;
      Dims dims = cases.randomDims(3, isProduct ? 5 : 40);
      Tensor x = cases.random(DType::F32, dims,
                              isLog       ? 0.5
                              : isProduct ? 0.7
                                          : -4,
                              isProduct ? 1.3 : 4);
      cases.add(kind, {cases.argument(x)}, {{"axes", axes}, {"keepdims", axes.size() != 1}}, 5e-5);
      // Random values would cancel in sums of f16: the comparison is with the accumulated f32.
      cases.add(kind, {cases.argument(cases.random(DType::I32, cases.randomDims(3, 6), 1, 3))},
                {{"axes", axes}}, kExact);
    }
  cases.runAndCompare();
}

TEST(NativeReduction, FindsExtremaPrefixesAndNaN) {
  OpCases cases(6);
  for (OpKind kind : {ArgMax, ArgMin})
    for (int64_t axis : {0, 1, 2})
      for (bool last : {false, true})
        cases.add(kind,
                  {cases.argument(cases.random(
                      axis == 1 ? DType::I8 : DType::F32, cases.randomDims(3, 40), -3, 3,
                      axis == 2 ? std::vector<double>{NAN, 2.0, -2.0} : std::vector<double>{}))},
                  {{"axes", std::vector<int64_t>{axis}}, {"select_last_index", last}}, kExact);
  for (OpKind kind : {CumSum, CumProd})
    for (int64_t axis : {0, 1, 2})
      for (bool flag : {false, true})
        cases.add(
            kind, {cases.argument(cases.random(DType::F32, cases.randomDims(3, 12), 0.5, 1.5))},
            {{"axis", axis}, {"exclusive", flag}, {"reverse", axis == 1 ? !flag : flag}}, 1e-5);
  for (OpKind kind : {ReduceMax, ReduceMin})
    cases.add(kind, {cases.argument(cases.random(DType::F32, {4, 100}, -3, 3, {NAN}))},
              {{"axes", std::vector<int64_t>{1}}}, kExact);
  cases.runAndCompare();
}

TEST(NativeNormalization, AlongAnyAxis) {
  OpCases cases(7);
  for (OpKind kind : {Softmax, LogSoftmax, Hardmax})
    for (int64_t axis : {0, 1, 2})
      for (DType dtype : {DType::F32, DType::F16, DType::F64})
        cases.add(kind, {cases.argument(cases.random(dtype, cases.randomDims(3, 40), -9, 9))},
                  {{"axis", axis}}, dtype == DType::F16 ? 2e-3 : kClose);
  for (int i = 0; i < 3; ++i) {
    Dims dims{2, 6, 5 + i * 7, 9};
    auto channels = [&] { return cases.argument(cases.random(DType::F32, {6})); };
    cases.add(InstanceNormalization,
              {cases.argument(cases.random(DType::F32, dims)), channels(), channels()}, {}, 1e-5);
    cases.add(GroupNormalization,
              {cases.argument(cases.random(DType::F32, dims)), channels(), channels()},
              {{"num_groups", int64_t{3}}}, 1e-5);
    cases.add(BatchNormalization,
              {cases.argument(cases.random(DType::F32, dims)), channels(), channels(), channels(),
               cases.argument(cases.random(DType::F32, {6}, 0.5, 2))},
              {}, 1e-5);
    for (int64_t axis : {1, 2, 3}) {
      Dims tail(dims.begin() + axis, dims.end());
      cases.add(LayerNormalization,
                {cases.argument(cases.random(DType::F32, dims)),
                 cases.argument(cases.random(DType::F32, tail)),
                 cases.argument(cases.random(DType::F32, {dims.back()}))},
                {{"axis", axis}}, 1e-5);
      cases.add(RMSNormalization,
                {cases.argument(cases.random(DType::F32, dims)),
                 cases.argument(cases.random(DType::F32, tail))},
                {{"axis", axis}}, 1e-5);
    }
    cases.add(LRN, {cases.argument(cases.random(DType::F32, dims))},
              {{"size", int64_t{3 + i}}, {"beta", i == 1 ? 0.6 : 0.75}, {"alpha", 0.1}}, 1e-5);
  }
  cases.runAndCompare();
}

TEST(NativePooling, ClipsWindowsInEveryLayout) {
  OpCases cases(8);
  for (OpKind kind : {MaxPool, AveragePool, LpPool})
    for (int i = 0; i < 14; ++i) {
      size_t n = i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : 3;
      Dims dims{cases.uniform(1, 2), cases.uniform(1, 20)};
      Attributes attributes;
      std::vector<int64_t> kernel, strides, dilations, low, high;
      for (size_t d = 0; d < n; ++d) {
        kernel.push_back(cases.uniform(1, 4));
        strides.push_back(cases.uniform(1, 3));
        dilations.push_back(cases.uniform(1, 2));
        low.push_back(cases.uniform(0, kernel[d] - 1));
        high.push_back(cases.uniform(0, kernel[d] - 1));
        dims.push_back(cases.uniform(9, n == 3 ? 12 : 40));
      }
      low.insert(low.end(), high.begin(), high.end());
      attributes = {{"kernel", kernel},
                    {"strides", strides},
                    {"dilations", dilations},
                    {"pads", low},
                    {"ceil_mode", i % 2 == 1}};
      if (kind == AveragePool)
        attributes["count_include_pad"] = i % 4 >= 2;
      if (kind == LpPool)
        attributes["p"] = int64_t{1 + i % 3};
      DType dtype = kind == LpPool || i % 3 ? DType::F32 : DType::U8;
      cases.add(kind, {cases.argument(cases.random(dtype, dims, 0, 9))}, attributes,
                kind == MaxPool ? kExact : 1e-5);
    }
  cases.runAndCompare();
}

TEST(NativeResize, InAllModes) {
  OpCases cases(9);
  for (const char *mode : {"nearest", "linear", "cubic"})
    for (const char *coordinates : {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                    "align_corners", "asymmetric", "tf_crop_and_resize"})
      for (bool flag : {false, true}) {
        Dims dims{1, 5, 7, 9};
        std::vector<int64_t> sizes{1, 5, flag ? 14 : 4, flag ? 18 : 20};
        std::vector<double> scales{1, 1, double(sizes[2]) / 7, double(sizes[3]) / 9};
        Attributes attributes{{"sizes", sizes},
                              {"scales", scales},
                              {"mode", std::string(mode)},
                              {"coordinate_mode", std::string(coordinates)}};
        if (std::string(mode) == "nearest")
          attributes["nearest_mode"] = std::string(flag ? "floor" : "round_prefer_ceil");
        else
          attributes["antialias"] = !flag;
        if (std::string(mode) == "cubic")
          attributes["exclude_outside"] = flag;
        if (std::string(coordinates) == "tf_crop_and_resize") {
          attributes["roi"] = std::vector<double>{0, 0, 0.1, -0.2, 1, 1, 0.8, 1.1};
          attributes["extrapolation_value"] = 7.5;
          attributes["antialias"] = false;
        }
        cases.add(Resize, {cases.argument(cases.random(DType::F32, dims))}, attributes, 2e-5);
      }
  cases.runAndCompare();
}

TEST(NativeIndexing, GathersAndScatters) {
  OpCases cases(10);
  for (int64_t axis : {0, 1, 2}) {
    Dims dims{6, 7, 33};
    int64_t extent = dims[static_cast<size_t>(axis)];
    cases.add(Gather,
              {cases.argument(cases.random(DType::F32, dims)),
               cases.argument(cases.random(axis ? DType::I64 : DType::I32, {3, 2},
                                           static_cast<double>(-extent),
                                           static_cast<double>(extent - 1)))},
              {{"axis", axis}}, kExact);
    auto indices = [&] {
      return cases.argument(cases.random(DType::I64, {5, 6, 20}, static_cast<double>(-extent),
                                         static_cast<double>(extent - 1)));
    };
    cases.add(GatherElements, {cases.argument(cases.random(DType::U8, dims, 0, 9)), indices()},
              {{"axis", axis}}, kExact);
    for (const char *reduction : {"none", "add", "mul", "max", "min"})
      cases.add(ScatterElements,
                {cases.argument(cases.random(DType::F32, dims, 0.5, 1.5)), indices(),
                 cases.argument(cases.random(DType::F32, {5, 6, 20}, 0.5, 1.5))},
                {{"axis", axis}, {"reduction", std::string(reduction)}}, 1e-4);
  }
  cases.add(GatherND,
            {cases.argument(cases.random(DType::F32, {4, 5, 6, 17})),
             cases.argument(cases.random(DType::I64, {4, 3, 2}, -5, 4))},
            {{"batch_dims", int64_t{1}}}, kExact);
  for (const char *reduction : {"none", "add"}) {
    cases.add(ScatterND,
              {cases.argument(cases.random(DType::F32, {4, 5, 19})),
               cases.argument(cases.random(DType::I64, {6, 1}, 0, 3)),
               cases.argument(cases.random(DType::F32, {6, 5, 19}))},
              {{"reduction", std::string(reduction)}}, 1e-5);
    cases.add(ScatterND,
              {cases.argument(cases.random(DType::I32, {4, 5})),
               cases.argument(cases.random(DType::I64, {6, 2}, 0, 3)),
               cases.argument(cases.random(DType::I32, {6}))},
              {{"reduction", std::string(reduction)}}, kExact);
  }
  cases.runAndCompare();
}

} // namespace
} // namespace edgecc::test
