// Pooling, resampling and sampling.
#include "tests/unit/reference/Evaluate.h"

#include <cmath>

using namespace edgecc;
using namespace edgecc::test;
using testing::DoubleNear;
using testing::ElementsAre;

namespace {

Attributes pool(Ints kernel, Ints strides, Ints pads) {
  return {{"kernel", kernel},
          {"strides", strides},
          {"dilations", Ints(kernel.size(), 1)},
          {"pads", pads}};
}

TEST(MaxPool, ReportsTheFirstMaximumInEitherOrder) {
  Attributes attributes = pool({2, 2}, {1, 1}, {0, 0, 0, 0});
  Tensor x = f32({1, 1, 2, 3}, {1, 5, 5, 5, 2, 5});
  auto results = evaluateAll(OpKind::MaxPool, {x}, attributes);
  EXPECT_THAT(valuesOf(results[0]), ElementsAre(5, 5));
  EXPECT_THAT(valuesOf(results[1]), ElementsAre(1, 1));
  attributes["column_major"] = true;
  results = evaluateAll(OpKind::MaxPool, {x}, attributes);
  EXPECT_THAT(valuesOf(results[1]), ElementsAre(2, 2)); // column 1, row 0
}

TEST(MaxPool, PaddingNeverWins) {
  Tensor y = evaluate(OpKind::MaxPool, {i8({1, 1, 2}, {-7, -9})}, pool({2}, {1}, {1, 1}));
  EXPECT_THAT(valuesOf(y), ElementsAre(-7, -7, -9));
}

TEST(AveragePool, CountsPaddingOnRequestButNotWhatCeilModeAdds) {
  Attributes attributes = pool({3}, {2}, {1, 1});
  attributes["ceil_mode"] = true;
  Tensor x = f32({1, 1, 4}, {3, 6, 9, 12});
  // Windows: (pad 3 6) (6 9 12) (12 pad beyond).
  EXPECT_THAT(valuesOf(evaluate(OpKind::AveragePool, {x}, attributes)), ElementsAre(4.5, 9, 12));
  attributes["count_include_pad"] = true;
  EXPECT_THAT(valuesOf(evaluate(OpKind::AveragePool, {x}, attributes)), ElementsAre(3, 9, 6));
}

TEST(AveragePool, IntegersRoundHalvesToEven) {
  Tensor y = evaluate(OpKind::AveragePool, {u8({1, 1, 4}, {1, 2, 3, 4})}, pool({2}, {2}, {0, 0}));
  EXPECT_THAT(valuesOf(y), ElementsAre(2, 4)); // 1.5 and 3.5
}

Tensor resized(const Tensor &x, int64_t size, double scale, Attributes attributes) {
  attributes["sizes"] = Ints{size};
  attributes["scales"] = Reals{scale};
  return evaluate(OpKind::Resize, {x}, std::move(attributes));
}

TEST(Resize, EachCoordinateModeHasItsOwnGrid) {
  Tensor x = f32({4}, {0, 10, 20, 30});
  auto linear = [&](const char *mode) {
    return valuesOf(resized(
        x, 2, 0.5, {{"mode", std::string("linear")}, {"coordinate_mode", std::string(mode)}}));
  };
  EXPECT_THAT(linear("half_pixel"), ElementsAre(5, 25));
  EXPECT_THAT(linear("asymmetric"), ElementsAre(0, 20));
  EXPECT_THAT(linear("align_corners"), ElementsAre(0, 30));
  EXPECT_THAT(valuesOf(resized(x, 1, 0.25,
                               {{"mode", std::string("linear")},
                                {"coordinate_mode", std::string("pytorch_half_pixel")}})),
              ElementsAre(0));
}

TEST(Resize, NearestModesBreakTiesAsNamed) {
  Tensor x = f32({2}, {1, 2}); // asymmetric, scale 2: coordinates 0, 0.5, 1, 1.5
  auto nearest = [&](const char *mode) {
    return valuesOf(resized(
        x, 4, 2,
        {{"coordinate_mode", std::string("asymmetric")}, {"nearest_mode", std::string(mode)}}));
  };
  EXPECT_THAT(nearest("round_prefer_floor"), ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(nearest("round_prefer_ceil"), ElementsAre(1, 2, 2, 2));
  EXPECT_THAT(nearest("floor"), ElementsAre(1, 1, 2, 2));
  EXPECT_THAT(nearest("ceil"), ElementsAre(1, 2, 2, 2));
}

TEST(Resize, CubicReproducesALine) {
  // Keys' kernel with any a interpolates constants; at the middle of a line it is exact.
  Tensor y = resized(f32({5}, {0, 1, 2, 3, 4}), 10, 2, {{"mode", std::string("cubic")}});
  EXPECT_NEAR(y.asDouble(5), 2.25, 0.05);
  double sum = 0;
  for (double value : valuesOf(y))
    sum += value;
  EXPECT_NEAR(sum, 20, 1e-5); // symmetric about the middle
}

TEST(Resize, AntialiasAveragesWhenShrinking) {
  // Triangle of width 4: weights 1 3 3 1 over 8 at scale 1/2, edge repeated.
  Tensor y = resized(f32({4}, {8, 8, 0, 0}), 2, 0.5,
                     {{"mode", std::string("linear")}, {"antialias", true}});
  EXPECT_THAT(valuesOf(y), ElementsAre(DoubleNear(8.0 * 7 / 8, 1e-6), DoubleNear(8.0 / 8, 1e-6)));
}

TEST(Resize, CropExtrapolatesOutside) {
  Tensor y = resized(f32({3}, {1, 2, 3}), 3, 1,
                     {{"mode", std::string("linear")},
                      {"coordinate_mode", std::string("tf_crop_and_resize")},
                      {"roi", Reals{0.5, 1.5}},
                      {"extrapolation_value", 9.0}});
  EXPECT_THAT(valuesOf(y), ElementsAre(2, 3, 9));
}

TEST(GridSample, PaddingModesOutsideOfTheImage) {
  Tensor x = f32({1, 1, 1, 4}, {1, 2, 3, 4});
  Tensor grid = f32({1, 1, 2, 2}, {2.5f, 0, -1.5f, 0}); // pixels 6.5 and -1.5... of -0.5 to 3.5
  auto sample = [&](const char *padding) {
    return valuesOf(
        evaluate(OpKind::GridSample, {x, grid},
                 {{"mode", std::string("nearest")}, {"padding_mode", std::string(padding)}}));
  };
  EXPECT_THAT(sample("zeros"), ElementsAre(0, 0));
  EXPECT_THAT(sample("border"), ElementsAre(4, 1));
  EXPECT_THAT(sample("reflection"), ElementsAre(2, 2)); // 6 mirrors to 1, -2 to 1
}

TEST(GridSample, InterpolatesBetweenPixelCentres) {
  Tensor x = f32({1, 1, 2, 2}, {0, 10, 20, 30}), grid = f32({1, 1, 1, 2}, {0, 0});
  for (bool corners : {false, true})
    EXPECT_THAT(valuesOf(evaluate(OpKind::GridSample, {x, grid}, {{"align_corners", corners}})),
                ElementsAre(15));
}

TEST(RoiAlign, AveragesBilinearSamples) {
  Tensor x = f32({1, 1, 2, 2}, {0, 2, 4, 6}), roi = f32({1, 4}, {0, 0, 2, 2});
  Attributes attributes{{"sampling_ratio", int64_t{1}}};
  // One sample at (1, 1) - half a pixel = (0.5, 0.5): the mean of all four.
  EXPECT_THAT(valuesOf(evaluate(OpKind::RoiAlign, {x, roi, i64({1}, {0})}, attributes)),
              ElementsAre(3));
}

TEST(RoiAlign, RefusesImpossibleRegionsAndBatches) {
  Tensor x = f32({1, 1, 2, 2}, {0, 2, 4, 6});
  EXPECT_THAT(errorOf(OpKind::RoiAlign, {x, f32({1, 4}, {0, 0, 1, 1}), i64({1}, {1})}),
              testing::HasSubstr("index 1 is outside an axis of extent 1"));
  EXPECT_THAT(errorOf(OpKind::RoiAlign, {x, f32({1, 4}, {0, 0, INFINITY, 1}), i64({1}, {0})}),
              testing::HasSubstr("not finite"));
}

TEST(RoiAlign, WhatLiesOutsideOfTheImageIsZero) {
  // Of 10 x 10 samples a pixel apart, nine lie inside: three in a row from 0 to 2 (the border
  // repeats up to the extent).
  Tensor x = f32({1, 1, 2, 2}, {8, 8, 8, 8}), roi = f32({1, 4}, {0, 0, 10, 10});
  EXPECT_THAT(valuesOf(evaluate(OpKind::RoiAlign, {x, roi, i64({1}, {0})})),
              ElementsAre(testing::DoubleNear(8 * 9 / 100.0, 1e-6)));
  // A region of a billion pixels takes no longer.
  Tensor vast = f32({1, 4}, {0, 0, 1e9f, 1e9f});
  EXPECT_THAT(valuesOf(evaluate(OpKind::RoiAlign, {x, vast, i64({1}, {0})})),
              ElementsAre(testing::DoubleNear(0, 1e-6)));
}

} // namespace
