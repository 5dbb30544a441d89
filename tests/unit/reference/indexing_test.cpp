// Movement, gathers, scatters, selection: order, ties, and indices that lie outside.
#include "tests/unit/reference/Evaluate.h"

using namespace edgecc;
using namespace edgecc::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

TEST(Slice, StepsBackwards) {
  Tensor y = evaluate(OpKind::Slice, {i32({2, 3}, {0, 1, 2, 3, 4, 5})},
                      {{"starts", Ints{1, 2}}, {"sizes", Ints{2, 2}}, {"steps", Ints{-1, -2}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(5, 3, 2, 0));
}

TEST(Transpose, MovesPackedElements) {
  Tensor x = tensorOf(DType::I4, {2, 3}, {-8, -1, 0, 1, 2, 7});
  Tensor y = evaluate(OpKind::Transpose, {x}, {{"perm", Ints{1, 0}}});
  EXPECT_EQ(y.dtype(), DType::I4);
  EXPECT_THAT(valuesOf(y), ElementsAre(-8, 1, -1, 2, 0, 7));
}

TEST(Pad, EachModeContinuesInItsOwnWay) {
  Tensor x = i32({3}, {1, 2, 3});
  auto padded = [&](const char *mode) {
    return valuesOf(
        evaluate(OpKind::Pad, {x}, {{"pads", Ints{2, 2}}, {"mode", std::string(mode)}}));
  };
  EXPECT_THAT(padded("constant"), ElementsAre(0, 0, 1, 2, 3, 0, 0));
  EXPECT_THAT(padded("edge"), ElementsAre(1, 1, 1, 2, 3, 3, 3));
  EXPECT_THAT(padded("reflect"), ElementsAre(3, 2, 1, 2, 3, 2, 1));
  EXPECT_THAT(padded("wrap"), ElementsAre(2, 3, 1, 2, 3, 1, 2));
}

TEST(Pad, ReflectsAgainWhenThePaddingIsLongerThanTheAxis) {
  Tensor y = evaluate(OpKind::Pad, {i32({2}, {1, 2})},
                      {{"pads", Ints{3, 0}}, {"mode", std::string("reflect")}});
  EXPECT_THAT(valuesOf(y), ElementsAre(2, 1, 2, 1, 2));
}

TEST(DepthToSpace, ModesOrderTheChannelDifferently) {
  Tensor x = i32({1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7});
  auto shuffled = [&](const char *mode) {
    return valuesOf(evaluate(OpKind::DepthToSpace, {x},
                             {{"blocksize", int64_t{2}}, {"mode", std::string(mode)}}));
  };
  EXPECT_THAT(shuffled("DCR"), ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
  EXPECT_THAT(shuffled("CRD"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(SpaceToDepth, UndoesDepthToSpace) {
  Tensor x = i32({1, 2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  Tensor y = evaluate(OpKind::SpaceToDepth, {x}, {{"blocksize", int64_t{2}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(0, 4, 1, 5, 2, 6, 3, 7));
  EXPECT_EQ(evaluate(OpKind::DepthToSpace, {y}, {{"blocksize", int64_t{2}}}), x);
}

TEST(OneHot, NegativeIndicesCountFromTheEndAndOthersAreOff) {
  Tensor y = evaluate(OpKind::OneHot, {i64({3}, {1, -1, 7}), i32({2}, {5, 9})},
                      {{"depth", int64_t{3}}, {"axis", int64_t{1}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(5, 9, 5, 5, 5, 9, 5, 5, 5));
}

TEST(Gather, IndicesAreChecked) {
  Tensor x = i32({3}, {10, 20, 30});
  EXPECT_THAT(valuesOf(evaluate(OpKind::Gather, {x, i64({2}, {-1, 0})})), ElementsAre(30, 10));
  EXPECT_THAT(errorOf(OpKind::Gather, {x, i64({1}, {3})}),
              HasSubstr("Gather: index 3 is outside an axis of extent 3"));
  EXPECT_THAT(errorOf(OpKind::GatherElements, {x, i64({1}, {-4})}), HasSubstr("index -4"));
  EXPECT_THAT(errorOf(OpKind::GatherND, {x, i64({1}, {INT64_MIN})}), HasSubstr("outside an axis"));
  EXPECT_THAT(errorOf(OpKind::ScatterND, {x, i64({1, 1}, {5}), i32({1}, {0})}),
              HasSubstr("index 5"));
  EXPECT_THAT(errorOf(OpKind::ScatterElements, {x, i64({1}, {3}), i32({1}, {0})}),
              HasSubstr("index 3"));
}

TEST(Gather, ShapesAreTheIndices) {
  Tensor x = i32({2, 3}, {0, 1, 2, 3, 4, 5});
  Tensor y = evaluate(OpKind::Gather, {x, i64({1, 2}, {2, 0})}, {{"axis", int64_t{1}}});
  EXPECT_EQ(y.dims(), (Dims{2, 1, 2}));
  EXPECT_THAT(valuesOf(y), ElementsAre(2, 0, 5, 3));
}

TEST(GatherND, BatchAxesArePaired) {
  Tensor y = evaluate(OpKind::GatherND, {i32({2, 2}, {0, 1, 2, 3}), i64({2, 1}, {1, 0})},
                      {{"batch_dims", int64_t{1}}});
  EXPECT_THAT(valuesOf(y), ElementsAre(1, 2));
}

TEST(ScatterElements, LaterUpdatesWinOrAllCombine) {
  std::vector<Tensor> operands{f32({3}, {1, 2, 3}), i64({2}, {1, 1}), f32({2}, {10, 20})};
  auto scattered = [&](const char *reduction) {
    return valuesOf(
        evaluate(OpKind::ScatterElements, operands, {{"reduction", std::string(reduction)}}));
  };
  EXPECT_THAT(scattered("none"), ElementsAre(1, 20, 3));
  EXPECT_THAT(scattered("add"), ElementsAre(1, 32, 3));
  EXPECT_THAT(scattered("mul"), ElementsAre(1, 400, 3));
  EXPECT_THAT(scattered("max"), ElementsAre(1, 20, 3));
  EXPECT_THAT(scattered("min"), ElementsAre(1, 2, 3));
}

TEST(TopK, OfEqualElementsTheLowerPositionComesFirst) {
  std::vector<Tensor> x{f32({5}, {3, 1, 3, 2, 1})};
  auto results = evaluateAll(OpKind::TopK, x, {{"k", int64_t{3}}, {"axis", int64_t{0}}});
  EXPECT_THAT(valuesOf(results[0]), ElementsAre(3, 3, 2));
  EXPECT_THAT(valuesOf(results[1]), ElementsAre(0, 2, 3));
  results =
      evaluateAll(OpKind::TopK, x, {{"k", int64_t{2}}, {"axis", int64_t{0}}, {"largest", false}});
  EXPECT_THAT(valuesOf(results[1]), ElementsAre(1, 4));
}

TEST(ArgMax, TiesAndNaN) {
  Tensor x = f32({4}, {1, 5, 5, 0});
  auto arg = [&](const Tensor &t, bool last) {
    return evaluate(OpKind::ArgMax, {t}, {{"axes", Ints{0}}, {"select_last_index", last}}).asInt(0);
  };
  EXPECT_EQ(arg(x, false), 1);
  EXPECT_EQ(arg(x, true), 2);
  EXPECT_EQ(arg(f32({3}, {1, std::numeric_limits<float>::quiet_NaN(), 9}), false), 1);
}

TEST(Selection, ResultsHaveTheirActualExtents) {
  Tensor y = evaluate(OpKind::NonZero, {f32({2, 2}, {0, 1, 2, 0})});
  EXPECT_EQ(y.dims(), (Dims{2, 2}));
  EXPECT_THAT(valuesOf(y), ElementsAre(0, 1, 1, 0));
  EXPECT_EQ(evaluate(OpKind::NonZero, {f32({2}, {0, 0})}).dims(), (Dims{1, 0}));
  Tensor kept = evaluate(OpKind::Compress, {i32({2, 2}, {1, 2, 3, 4}), boolean({2}, {0, 1})},
                         {{"axis", int64_t{0}}});
  EXPECT_EQ(kept.dims(), (Dims{1, 2}));
  EXPECT_THAT(valuesOf(kept), ElementsAre(3, 4));
}

TEST(Unique, SortedOrByFirstOccurrence) {
  Tensor x = i32({5}, {3, 1, 3, 2, 1});
  auto sorted = evaluateAll(OpKind::Unique, {x});
  EXPECT_THAT(valuesOf(sorted[0]), ElementsAre(1, 2, 3));
  EXPECT_THAT(valuesOf(sorted[1]), ElementsAre(1, 3, 0));
  EXPECT_THAT(valuesOf(sorted[2]), ElementsAre(2, 0, 2, 1, 0));
  EXPECT_THAT(valuesOf(sorted[3]), ElementsAre(2, 1, 2));
  auto first = evaluateAll(OpKind::Unique, {x}, {{"sorted", false}});
  EXPECT_THAT(valuesOf(first[0]), ElementsAre(3, 1, 2));
  EXPECT_THAT(valuesOf(first[2]), ElementsAre(0, 1, 0, 2, 1));
}

TEST(NonMaxSuppression, CornersComeInAnyOrderAndTheBestBoxStays) {
  Tensor boxes = f32({1, 3, 4}, {0, 0, 2, 2, 2, 2, 0, 0, 5, 5, 6, 6});
  Tensor scores = f32({1, 1, 3}, {0.5f, 0.9f, 0.8f});
  Tensor threshold = f32({}, {0.5f});
  Tensor y =
      evaluate(OpKind::NonMaxSuppression, {boxes, scores, threshold}, {{"max_boxes", int64_t{3}}});
  EXPECT_EQ(y.dims(), (Dims{2, 3}));
  EXPECT_THAT(valuesOf(y), ElementsAre(0, 0, 1, 0, 0, 2));
  Tensor none =
      evaluate(OpKind::NonMaxSuppression, {boxes, scores, threshold}, {{"max_boxes", int64_t{0}}});
  EXPECT_EQ(none.dims(), (Dims{0, 3}));
}

TEST(ReverseSequence, LengthsAreChecked) {
  Tensor x = i32({3, 2}, {0, 1, 2, 3, 4, 5});
  Attributes attributes{{"batch_axis", int64_t{1}}, {"time_axis", int64_t{0}}};
  EXPECT_THAT(valuesOf(evaluate(OpKind::ReverseSequence, {x, i64({2}, {3, 2})}, attributes)),
              ElementsAre(4, 3, 2, 1, 0, 5));
  EXPECT_THAT(errorOf(OpKind::ReverseSequence, {x, i64({2}, {4, 0})}, attributes),
              HasSubstr("length 4 is outside the time axis of extent 3"));
}

} // namespace
