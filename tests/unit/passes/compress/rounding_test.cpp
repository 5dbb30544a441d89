// The numbers behind the passes `adaround` and `power-of-two`.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "passes/channels/PatchGeometry.h"
#include "passes/compress/rounding/PowersOfTwo.h"
#include "passes/compress/rounding/SoftRounding.h"
#include "tests/unit/passes/compress/RandomNetwork.h"

#include <Eigen/Cholesky>
#include <gmock/gmock.h>
#include <random>

namespace edgecc {
namespace {

using test::randomTensor;

// --- patches ---

struct PatchCase {
  const char *name;
  OpKind kind;
  Dims x, w;
  Attributes attributes;
};

class PatchTest : public testing::TestWithParam<PatchCase> {};

// weights * patch is what the op computes, at every position.
TEST_P(PatchTest, ReproducesTheLayer) {
  const PatchCase &p = GetParam();
  Module module;
  Function &function = module.addFunction("main");
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  Builder builder(module, function.body);
  Value *x = function.body.addArgument({DType::F32, p.x, 0, {}});
  Tensor weights = randomTensor(1, p.w), input = randomTensor(2, p.x);
  Value *y = builder.create(p.kind, {x, builder.constant(weights)}, p.attributes);
  builder.yield(std::span(&y, 1));
  auto outputs = ReferenceExecutor().run(function, std::span(&input, 1));
  ASSERT_TRUE(outputs) << str(outputs.error());
  const Tensor &want = outputs->front();

  auto geometry = PatchGeometry::of(*y->definingOp());
  ASSERT_TRUE(geometry);
  int64_t rows = geometry->rows(), cols = geometry->cols(), groups = geometry->groups();
  EXPECT_EQ(groups * rows * cols, weights.elements());
  EXPECT_EQ(geometry->positions(y->dims()) * groups * rows, want.elements());
  std::vector<float> patch(static_cast<size_t>(groups * cols));
  std::vector<float> result(static_cast<size_t>(groups * rows));
  for (int64_t position = 0; position < geometry->positions(y->dims()); ++position) {
    geometry->gatherPatch(input, y->dims(), position, patch.data());
    geometry->gatherResult(want, position, result.data());
    for (int64_t g = 0; g < groups; ++g)
      for (int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c)
          sum += weights.asDouble(geometry->weightIndex(g, r, c)) *
                 double{patch[static_cast<size_t>(g * cols + c)]};
        ASSERT_NEAR(sum, double{result[static_cast<size_t>(g * rows + r)]}, 1e-5)
            << "position " << position << " channel " << g * rows + r;
      }
  }
}

Attributes window(std::vector<int64_t> strides, std::vector<int64_t> dilations,
                  std::vector<int64_t> pads, int64_t group = 1) {
  return {{"strides", std::move(strides)},
          {"dilations", std::move(dilations)},
          {"pads", std::move(pads)},
          {"group", group}};
}

Attributes transposedWindow(Attributes attributes, std::vector<int64_t> outputPadding) {
  attributes["output_padding"] = std::move(outputPadding);
  return attributes;
}

INSTANTIATE_TEST_SUITE_P(
    All, PatchTest,
    testing::Values(
        PatchCase{
            "Conv", OpKind::Conv, {2, 3, 7, 6}, {4, 3, 3, 2}, window({2, 1}, {1, 2}, {1, 0, 2, 1})},
        PatchCase{"Grouped", OpKind::Conv, {1, 4, 5}, {6, 2, 3}, window({1}, {1}, {1, 1}, 2)},
        PatchCase{"Depthwise",
                  OpKind::Conv,
                  {1, 3, 5, 5},
                  {3, 1, 3, 3},
                  window({2, 2}, {1, 1}, {1, 1, 1, 1}, 3)},
        PatchCase{"Transposed",
                  OpKind::ConvTranspose,
                  {2, 3, 4, 3},
                  {3, 2, 3, 3},
                  transposedWindow(window({2, 2}, {1, 1}, {1, 0, 1, 1}), {1, 0})},
        PatchCase{"TransposedGrouped",
                  OpKind::ConvTranspose,
                  {1, 4, 5},
                  {4, 3, 4},
                  transposedWindow(window({3}, {2}, {1, 1}, 2), {0})},
        PatchCase{"Gemm", OpKind::Gemm, {4, 5}, {5, 3}, {}},
        PatchCase{
            "GemmTransposed", OpKind::Gemm, {5, 4}, {3, 5}, {{"transA", true}, {"transB", true}}},
        PatchCase{"MatMul", OpKind::MatMul, {2, 3, 4}, {4, 5}, {}}),
    [](const auto &info) { return info.param.name; });

// --- rounding ---

// A layer on correlated inputs that are not negative, as behind a Relu, with 4-bit weights.
RoundingProblem correlatedProblem(int rows, int cols, int samples, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  auto fill = [&](Matrix &m) {
    for (float &value : m.reshaped())
      value = normal(random);
  };
  RoundingProblem p;
  Matrix mix(cols, cols), sources(cols, samples);
  fill(mix);
  fill(sources);
  for (int i = 0; i < cols; ++i)
    sources.row(i) /= 1 + 0.2f * static_cast<float>(i);
  p.inputs = (mix * sources).cwiseMax(0.0f);
  p.weights.resize(rows, cols);
  fill(p.weights);
  p.bias = Vector::LinSpaced(rows, -1, 1);
  p.targets = (p.weights * p.inputs).colwise() + p.bias;
  p.scales = (p.weights.cwiseAbs().rowwise().maxCoeff() / 7).replicate(1, cols);
  p.low = Vector::Constant(rows, -8);
  p.high = Vector::Constant(rows, 7);
  return p;
}

bool areLevels(const RoundingProblem &p, const Matrix &levels) {
  return (levels.array() == levels.array().round()).all() &&
         ((levels.colwise() - p.high).array() <= 0).all() &&
         ((levels.colwise() - p.low).array() >= 0).all();
}

Matrix columnsAndSteps(const RoundingProblem &p) {
  QuadraticForm form = damped(quadraticForm(p, p.samples()), p, 0.01);
  Matrix levels = roundColumns(p, form, minimizer(form));
  descend(p, form, 20, levels);
  return levels;
}

TEST(ReconstructionError, CountsFromASampleOn) {
  RoundingProblem p = correlatedProblem(3, 8, 20, 1), tail = p;
  tail.inputs = p.inputs.rightCols(5).eval();
  tail.targets = p.targets.rightCols(5).eval();
  Matrix levels = roundToNearest(p);
  EXPECT_NEAR(reconstructionError(p, levels, 15), reconstructionError(tail, levels), 1e-9);
  EXPECT_NE(reconstructionError(p, levels, 15), reconstructionError(p, levels));
  EXPECT_EQ(reconstructionError(p, levels, 20), 0);
}

TEST(Reconstruction, ColumnsTakeMuchOfTheErrorOfNearest) {
  for (unsigned seed = 0; seed < 5; ++seed) {
    RoundingProblem p = correlatedProblem(6, 40, 500, seed);
    Matrix levels = columnsAndSteps(p);
    EXPECT_TRUE(areLevels(p, levels));
    EXPECT_LT(reconstructionError(p, levels), 0.6 * reconstructionError(p, roundToNearest(p)));
  }
}

TEST(Reconstruction, StepsNeverRaiseTheForm) {
  RoundingProblem p = correlatedProblem(4, 30, 300, 7);
  QuadraticForm form = damped(quadraticForm(p, p.samples()), p, 0.01);
  auto value = [&](const Matrix &levels) {
    Matrix w = levels.cwiseProduct(p.scales);
    return double{(w * form.h).cwiseProduct(w).sum()} - 2 * double{w.cwiseProduct(form.c).sum()};
  };
  Matrix levels = roundToNearest(p);
  double before = value(levels);
  for (int sweep = 0; sweep < 4; ++sweep) {
    descend(p, form, 1, levels);
    double after = value(levels);
    EXPECT_LE(after, before + 1e-4 * std::abs(before));
    before = after;
  }
  EXPECT_LT(reconstructionError(p, levels), reconstructionError(p, roundToNearest(p)));
}

TEST(Reconstruction, IndependentInputsAreRoundedToNearest) {
  // H is a multiple of the identity: each weight's error is its own.
  RoundingProblem p = correlatedProblem(3, 8, 8, 1);
  p.inputs = Matrix::Identity(8, 8);
  p.bias.setZero();
  p.targets = p.weights * p.inputs;
  EXPECT_EQ(columnsAndSteps(p), roundToNearest(p));
}

TEST(Reconstruction, InputsOfZeroLeaveTheWeightsNearest) {
  RoundingProblem p = correlatedProblem(3, 8, 20, 1);
  p.inputs.setZero();
  p.targets = p.bias.replicate(1, 20);
  EXPECT_EQ(columnsAndSteps(p), roundToNearest(p));
}

TEST(SoftRounding, GradientIsThatOfTheObjective) {
  RoundingProblem p = correlatedProblem(3, 5, 40, 3);
  p.activation = {0, 2, 0.1f};
  Matrix levels = roundToNearest(p);
  Matrix gradient = objectiveGradient(p, levels, 0, 40);
  for (int64_t r = 0; r < p.rows(); ++r)
    for (int64_t c = 0; c < p.cols(); ++c) {
      constexpr float kStep = 1e-2f;
      Matrix above = levels, below = levels;
      above(r, c) += kStep;
      below(r, c) -= kStep;
      double slope =
          (reconstructionError(p, above) - reconstructionError(p, below)) / double{2 * kStep};
      EXPECT_NEAR(double{gradient(r, c)}, slope, 0.02 * std::abs(slope) + 0.02);
    }
}

TEST(SoftRounding, BeatsNearestAndRoundsUpOrDown) {
  for (unsigned seed = 0; seed < 3; ++seed) {
    RoundingProblem p = correlatedProblem(6, 40, 500, seed);
    p.activation.low = 0;
    Matrix levels = softRound(p, p.weights, {});
    EXPECT_TRUE(areLevels(p, levels));
    EXPECT_LT((levels - p.weights.cwiseQuotient(p.scales)).cwiseAbs().maxCoeff(), 1.0f + 1e-5f);
    EXPECT_LT(reconstructionError(p, levels), 0.7 * reconstructionError(p, roundToNearest(p)));
    EXPECT_EQ(levels, softRound(p, p.weights, {})); // the same each time
  }
}

// --- powers of two ---

TEST(PowersOfTwo, NearestOnALinearScale) {
  const std::pair<float, float> cases[] = {{0, 0},      {0.4f, 0},  {0.6f, 1},   {1.4f, 1},
                                           {1.6f, 2},   {2.9f, 2},  {3.1f, 4},   {5.9f, 4},
                                           {6.1f, 8},   {100, 8},   {-0.4f, 0},  {-1.6f, -2},
                                           {-5.9f, -4}, {-100, -8}, {-0.6f, -1}, {7.9f, 8}};
  for (auto [wanted, level] : cases)
    EXPECT_EQ(nearestPowerOfTwo(wanted, -8, 8), level) << wanted;
}

TEST(PowersOfTwo, ScaleIsAPowerAndCoversTheLargest) {
  for (float largest : {0.01f, 0.7f, 0.76f, 1.0f, 1.49f, 1.51f, 300.0f}) {
    float scale = powerOfTwoScale(largest, 6);
    int exponent = 0;
    EXPECT_EQ(std::frexp(scale, &exponent), 0.5f);
    EXPECT_LE(largest, scale * 64 * 1.5f);
    EXPECT_GE(largest, scale * 64 * 0.75f);
  }
}

TEST(PowersOfTwo, FreeWeightsAreFittedExactly) {
  RoundingProblem p = correlatedProblem(2, 12, 300, 5);
  QuadraticForm form = damped(quadraticForm(p, p.samples()), p, 0.1);
  Matrix free = Matrix::Ones(2, 12), weights = Matrix::Zero(2, 12);
  free.leftCols(5).setZero();
  weights.leftCols(5).setConstant(0.5f);
  fitFree(form, free, 100, weights);
  EXPECT_EQ(weights.leftCols(5), Matrix::Constant(2, 5, 0.5f));
  Matrix rest = form.c.rightCols(7) - weights.leftCols(5) * form.h.topRightCorner(5, 7);
  Matrix want = Eigen::LLT<Matrix>(form.h.bottomRightCorner(7, 7)).solve(rest.transpose());
  EXPECT_LT((weights.rightCols(7) - want.transpose()).norm(), 1e-3f * want.norm());
}

TEST(PowersOfTwo, PartitionAndFixBeatsTheNearestPowers) {
  const double shares[] = {0.5, 0.75, 0.875, 1};
  for (unsigned seed = 0; seed < 5; ++seed) {
    RoundingProblem p = correlatedProblem(6, 40, 500, seed);
    for (int r = 0; r < 6; ++r)
      p.scales.row(r).setConstant(powerOfTwoScale(p.weights.row(r).cwiseAbs().maxCoeff(), 6));
    p.high.setConstant(64);
    p.low.setConstant(-64);
    Matrix levels = partitionAndFix(p, damped(quadraticForm(p, p.samples()), p, 0.01), shares);
    for (float level : levels.reshaped())
      EXPECT_EQ(level, nearestPowerOfTwo(level, -64, 64));
    EXPECT_LT(reconstructionError(p, levels),
              0.7 * reconstructionError(p, roundToNearest(p, nearestPowerOfTwo)));
  }
}

} // namespace
} // namespace edgecc
