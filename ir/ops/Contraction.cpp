// Convolutions and matrix products.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

constexpr DTypeSet kNarrow = setOf(DType::I8, DType::U8, DType::I16, DType::U16);
constexpr DTypeSet kContractible = kFloats | kNarrow;
constexpr DTypeSet kWeights = kContractible | kInt4s;
constexpr DTypeSet kGemmTypes = kContractible | kInts;

static bool isNarrow(DType type) { return (setOf(type) & kNarrow) != 0; }

// Narrow integers accumulate in i32; lower/ sees to it that this is enough.
static DType accumulatorOf(DType type) { return isNarrow(type) ? DType::I32 : type; }

static bool isInt4(DType type) { return (setOf(type) & kInt4s) != 0; }

// f32 is multiplied by weights of any narrower type as if they were f32.
static bool hasNarrowWeights(const Op &op) {
  DType b = typeOf(op, 1).dtype;
  return typeOf(op, 0).dtype == DType::F32 &&
         (isNarrow(b) || isInt4(b) || b == DType::F16 || b == DType::BF16);
}

static bool sameOrNarrow(const Op &op) {
  DType a = typeOf(op, 0).dtype, b = typeOf(op, 1).dtype;
  return a == b || (isNarrow(a) && (isNarrow(b) || isInt4(b))) || hasNarrowWeights(op);
}

// w_scale multiplies blocks of block_size weights along `axis` of w.
static bool blockScalesFit(const Op &op, unsigned operand, size_t axis) {
  int64_t block = op.integer("block_size");
  if (block == 0 || !op.operand(operand))
    return block == 0 && !op.operand(operand);
  Dims want = dimsOf(op, 1);
  if (block < 0 || axis >= want.size() || want[axis] % block != 0)
    return false;
  want[axis] /= block;
  return dimsOf(op, operand) == want && hasNarrowWeights(op);
}

static bool biasMatches(const Op &op, unsigned index) {
  return !op.operand(index) || typeOf(op, index).dtype == accumulatorOf(typeOf(op, 0).dtype);
}

static bool zeroPointsOnlyForNarrow(const Op &op, unsigned first) {
  for (unsigned i = first; i < first + 2; ++i)
    if (op.operand(i) && typeOf(op, i).dtype != typeOf(op, i - first).dtype)
      return false;
  return (!op.operand(first) && !op.operand(first + 1)) || isNarrow(typeOf(op, 0).dtype);
}

// --- Conv ---

static unsigned spatialRank(const Op &op) { return typeOf(op, 0).rank() - 2; }

static bool windowAttributesHaveRank(const Op &op) {
  size_t n = spatialRank(op);
  return op.ints("strides").size() == n && op.ints("dilations").size() == n &&
         op.ints("pads").size() == 2 * n;
}

static bool windowAttributesPositive(const Op &op) {
  return allPositive(op.ints("strides")) && allPositive(op.ints("dilations"));
}

static Expected<Types> convResult(const Op &op) {
  const Dims &x = dimsOf(op, 0), &w = dimsOf(op, 1);
  Dims out{x[0], w[0]};
  size_t n = spatialRank(op);
  for (size_t i = 0; i < n; ++i) {
    int64_t extent =
        windowExtent(x[i + 2], w[i + 2], op.ints("strides")[i], op.ints("dilations")[i],
                     op.ints("pads")[i], op.ints("pads")[n + i], false);
    if (extent < 0)
      return error("the kernel is larger than the padded input along spatial axis " +
                       std::to_string(i) + ": input " + typeOf(op, 0).str() + ", weights " +
                       typeOf(op, 1).str(),
                   op.location);
    out.push_back(extent);
  }
  return one(accumulatorOf(typeOf(op, 0).dtype), std::move(out));
}

// Loops: n, group, output channel in the group, output spatial..., input channel in the group,
// kernel spatial...
static IterationSpace convSpace(const Op &op) {
  using Kind = LoopAxis::Kind;
  const Dims &w = dimsOf(op, 1), &y = op.result()->dims();
  size_t n = spatialRank(op);
  int64_t group = op.integer("group"), ocPerGroup = w[0] / group, icPerGroup = w[1];
  IterationSpace space;
  space.loops = {{y[0], Kind::Parallel}, {group, Kind::Parallel}, {ocPerGroup, Kind::Parallel}};
  for (size_t i = 0; i < n; ++i)
    space.loops.push_back({y[i + 2], Kind::Parallel});
  unsigned ic = static_cast<unsigned>(3 + n);
  space.loops.push_back({icPerGroup, Kind::Reduction});
  for (size_t i = 0; i < n; ++i)
    space.loops.push_back({w[i + 2], Kind::Reduction});
  std::vector<AxisMap> x{AxisMap::loop(0), {{{1, icPerGroup}, {ic, 1}}, 0, false}};
  std::vector<AxisMap> weights{{{{1, ocPerGroup}, {2, 1}}, 0, false}, AxisMap::loop(ic)};
  std::vector<AxisMap> out{AxisMap::loop(0), {{{1, ocPerGroup}, {2, 1}}, 0, false}};
  for (unsigned i = 0; i < n; ++i) {
    x.push_back({{{3 + i, op.ints("strides")[i]}, {ic + 1 + i, op.ints("dilations")[i]}},
                 -op.ints("pads")[i],
                 false});
    weights.push_back(AxisMap::loop(ic + 1 + i));
    out.push_back(AxisMap::loop(3 + i));
  }
  space.operands = {std::move(x), std::move(weights)};
  if (op.operand(2))
    space.operands.push_back({{{{1, ocPerGroup}, {2, 1}}, 0, false}});
  space.operands.resize(op.numOperands());
  space.results = {std::move(out)};
  return space;
}

static OpDef &convolution(std::vector<OpDef> &defs, OpKind kind, std::string name) {
  return declare(defs, kind, std::move(name))
      .in("x", "", kContractible, "[N, C, spatial...]")
      .in("w", "", kWeights)
      .attr("strides", AttributeKind::Ints, "one for each spatial axis")
      .attr("dilations", AttributeKind::Ints, "one for each spatial axis")
      .attr("pads", AttributeKind::Ints,
            "zero padding: the low sides of all spatial axes, then the high sides; negative crops")
      .attr("group", int64_t{1}, "number of channel groups")
      .trait(OpTrait::Contraction)
      .require("x and w have the same rank, at least 3",
               [](const Op &op) {
                 return typeOf(op, 0).rank() >= 3 && typeOf(op, 0).rank() == typeOf(op, 1).rank();
               })
      .require("strides, dilations and pads have one entry for each spatial axis (pads two)",
               windowAttributesHaveRank)
      .require("strides and dilations are positive", windowAttributesPositive)
      .require("x and w have the same element type, or both are narrow integers, or x is f32 and "
               "w narrower",
               sameOrNarrow);
}

static void declareConv(std::vector<OpDef> &defs) {
  convolution(defs, OpKind::Conv, "Conv")
      .describe(
          "Convolution (cross-correlation) over any number of spatial axes, grouped, dilated. "
          "w is [M, C / group, kernel...]. Narrow integer operands accumulate exactly in "
          "i32, with the zero points subtracted first; padding then contributes nothing.")
      .optionalIn("b", "", kFloats | setOf(DType::I32), "[M]")
      .optionalIn("x_zero_point", "", kNarrow, "scalar")
      .optionalIn("w_zero_point", "", kNarrow | kInt4s, "scalar or [M]")
      .optionalIn("w_scale", "", setOf(DType::F32), "[M, C / group / block_size, kernel...]")
      .attr("block_size", int64_t{0}, "input channels whose weights are multiplied by a w_scale")
      .require(
          "block_size and w_scale come together, for f32 x and narrower w whose input channels "
          "it divides",
          [](const Op &op) { return blockScalesFit(op, 5, 1); })
      .require("group is positive, divides both channel counts, and w has C / group input channels",
               [](const Op &op) {
                 int64_t group = op.integer("group");
                 return group > 0 && dimsOf(op, 1)[0] % group == 0 &&
                        dimsOf(op, 0)[1] == group * dimsOf(op, 1)[1];
               })
      .require("b has one entry for each output channel, in the accumulator's type",
               [](const Op &op) {
                 return biasMatches(op, 2) &&
                        (!op.operand(2) || dimsOf(op, 2) == Dims{dimsOf(op, 1)[0]});
               })
      .require("zero points accompany narrow integer operands and have their types",
               [](const Op &op) { return zeroPointsOnlyForNarrow(op, 3); })
      .maps(convSpace)
      .result(convResult);
}

// --- ConvTranspose ---

static Expected<Types> convTransposeResult(const Op &op) {
  const Dims &x = dimsOf(op, 0), &w = dimsOf(op, 1);
  size_t n = spatialRank(op);
  Dims out{x[0], w[1] * op.integer("group")};
  for (size_t i = 0; i < n; ++i) {
    int64_t extent = op.ints("strides")[i] * (x[i + 2] - 1) + op.ints("output_padding")[i] +
                     (w[i + 2] - 1) * op.ints("dilations")[i] + 1 - op.ints("pads")[i] -
                     op.ints("pads")[n + i];
    if (extent <= 0)
      return error("the result would have no extent along spatial axis " + std::to_string(i),
                   op.location);
    out.push_back(extent);
  }
  return one(accumulatorOf(typeOf(op, 0).dtype), std::move(out));
}

// Loops: n, group, output channel in the group, input spatial..., input channel in the group,
// kernel spatial.... The input positions are loops that scatter into the result:
// out = in * stride + kernel * dilation - pad.
static IterationSpace convTransposeSpace(const Op &op) {
  using Kind = LoopAxis::Kind;
  const Dims &x = dimsOf(op, 0), &w = dimsOf(op, 1);
  size_t n = spatialRank(op);
  int64_t group = op.integer("group"), ocPerGroup = w[1], icPerGroup = w[0] / group;
  IterationSpace space;
  space.loops = {{x[0], Kind::Parallel}, {group, Kind::Parallel}, {ocPerGroup, Kind::Parallel}};
  for (size_t i = 0; i < n; ++i)
    space.loops.push_back({x[i + 2], Kind::Reduction});
  unsigned ic = static_cast<unsigned>(3 + n);
  space.loops.push_back({icPerGroup, Kind::Reduction});
  for (size_t i = 0; i < n; ++i)
    space.loops.push_back({w[i + 2], Kind::Reduction});
  std::vector<AxisMap> in{AxisMap::loop(0), {{{1, icPerGroup}, {ic, 1}}, 0, false}};
  std::vector<AxisMap> weights{{{{1, icPerGroup}, {ic, 1}}, 0, false}, AxisMap::loop(2)};
  std::vector<AxisMap> out{AxisMap::loop(0), {{{1, ocPerGroup}, {2, 1}}, 0, false}};
  for (unsigned i = 0; i < n; ++i) {
    in.push_back(AxisMap::loop(3 + i));
    weights.push_back(AxisMap::loop(ic + 1 + i));
    out.push_back({{{3 + i, op.ints("strides")[i]}, {ic + 1 + i, op.ints("dilations")[i]}},
                   -op.ints("pads")[i],
                   false});
  }
  space.operands = {std::move(in), std::move(weights)};
  if (op.operand(2))
    space.operands.push_back({{{{1, ocPerGroup}, {2, 1}}, 0, false}});
  space.operands.resize(op.numOperands());
  space.results = {std::move(out)};
  return space;
}

static void declareConvTranspose(std::vector<OpDef> &defs) {
  convolution(defs, OpKind::ConvTranspose, "ConvTranspose")
      .describe("Transposed convolution: each input element adds its multiple of the kernel to the "
                "result. w is [C, M / group, kernel...]; pads crop the full result. Narrow "
                "integers as in Conv.")
      .optionalIn("b", "", kFloats | setOf(DType::I32), "[M]")
      .optionalIn("x_zero_point", "", kNarrow, "scalar")
      .optionalIn("w_zero_point", "", kNarrow | kInt4s, "scalar")
      .attr("output_padding", AttributeKind::Ints,
            "extra extent at the high side of each spatial axis")
      .require("group is positive, divides C, and w has C rows",
               [](const Op &op) {
                 int64_t group = op.integer("group");
                 return group > 0 && dimsOf(op, 0)[1] % group == 0 &&
                        dimsOf(op, 1)[0] == dimsOf(op, 0)[1];
               })
      .require("output_padding has one non-negative entry for each spatial axis",
               [](const Op &op) {
                 return op.ints("output_padding").size() == spatialRank(op) &&
                        allNonNegative(op.ints("output_padding"));
               })
      .require("b has one entry for each output channel, in the accumulator's type",
               [](const Op &op) {
                 return biasMatches(op, 2) &&
                        (!op.operand(2) ||
                         dimsOf(op, 2) == Dims{dimsOf(op, 1)[1] * op.integer("group")});
               })
      .require("zero points accompany narrow integer operands and have their types",
               [](const Op &op) { return zeroPointsOnlyForNarrow(op, 3); })
      .maps(convTransposeSpace)
      .result(convTransposeResult);
}

// The loops of a convolution; the offsets decide at run time which elements of x a tap reads.
static IterationSpace deformConvSpace(const Op &op) {
  IterationSpace space = convSpace(op);
  const std::vector<AxisMap> perTap{AxisMap::loop(0), AxisMap::all(), AxisMap::loop(3),
                                    AxisMap::loop(4)};
  space.operands[0][2] = space.operands[0][3] = AxisMap::all();
  space.operands[2] = perTap;
  if (op.operand(3))
    space.operands[3] = {space.results[0][1]};
  if (op.operand(4))
    space.operands[4] = perTap;
  return space;
}

static void declareDeformConv(std::vector<OpDef> &defs) {
  convolution(defs, OpKind::DeformConv, "DeformConv")
      .describe("Deformable convolution (Dai et al. 2017; with mask, Zhu et al. 2018): every tap "
                "samples x bilinearly at a learned offset.")
      .in("offset", "", kFloats, "[N, offset_group * kh * kw * 2, oh, ow]")
      .optionalIn("b", "", kFloats, "[M]")
      .optionalIn("mask", "", kFloats, "[N, offset_group * kh * kw, oh, ow]")
      .attr("offset_group", int64_t{1}, "number of offset groups")
      .require(
          "x is [N, C, H, W] of a floating-point type",
          [](const Op &op) { return typeOf(op, 0).rank() == 4 && isFloat(typeOf(op, 0).dtype); })
      .require("group and offset_group are positive and divide the channels",
               [](const Op &op) {
                 int64_t g = op.integer("group"), o = op.integer("offset_group");
                 return g > 0 && o > 0 && dimsOf(op, 0)[1] % o == 0 && dimsOf(op, 1)[0] % g == 0 &&
                        dimsOf(op, 0)[1] == g * dimsOf(op, 1)[1];
               })
      .result([](const Op &op) -> Expected<Types> {
        EDGECC_TRY(types, convResult(op));
        const Dims &y = types[0].dims, &w = dimsOf(op, 1);
        int64_t taps = op.integer("offset_group") * w[2] * w[3];
        if (dimsOf(op, 2) != Dims{y[0], 2 * taps, y[2], y[3]})
          return error("offset must be [N, offset_group * kh * kw * 2, oh, ow]", op.location);
        if (op.operand(4) && dimsOf(op, 4) != Dims{y[0], taps, y[2], y[3]})
          return error("mask must be [N, offset_group * kh * kw, oh, ow]", op.location);
        return types;
      })
      .maps(deformConvSpace);
}

// --- MatMul, Gemm ---

static std::optional<Dims> batchDims(const Op &op) {
  const Dims &a = dimsOf(op, 0), &b = dimsOf(op, 1);
  return broadcast(Dims(a.begin(), a.end() - 2), Dims(b.begin(), b.end() - 2));
}

static Expected<Types> matMulResult(const Op &op) {
  Dims out = *batchDims(op);
  out.push_back(dimsOf(op, 0)[typeOf(op, 0).rank() - 2]);
  out.push_back(dimsOf(op, 1).back());
  return one(accumulatorOf(typeOf(op, 0).dtype), std::move(out));
}

// Loops: batch..., m, n, k.
static IterationSpace matMulSpace(const Op &op) {
  const Dims &a = dimsOf(op, 0), &b = dimsOf(op, 1), &y = op.result()->dims();
  unsigned batch = static_cast<unsigned>(y.size() - 2);
  IterationSpace space;
  space.loops = parallelLoops(y);
  space.loops.push_back({a.back(), LoopAxis::Kind::Reduction});
  Dims outer(y.begin(), y.end() - 2);
  auto left = broadcastMaps(Dims(a.begin(), a.end() - 2), outer);
  left.push_back(AxisMap::loop(batch));
  left.push_back(AxisMap::loop(batch + 2));
  auto right = broadcastMaps(Dims(b.begin(), b.end() - 2), outer);
  right.push_back(AxisMap::loop(batch + 2));
  right.push_back(AxisMap::loop(batch + 1));
  space.operands = {std::move(left), std::move(right)};
  space.operands.resize(op.numOperands());
  space.results = {identityMaps(y)};
  return space;
}

static void declareMatMul(std::vector<OpDef> &defs) {
  declare(defs, OpKind::MatMul, "MatMul")
      .describe("Matrix product over the last two axes, the others broadcast. Narrow integer "
                "operands accumulate exactly in i32, with the zero points subtracted first.")
      .in("a", "", kGemmTypes, "[batch..., M, K]")
      .in("b", "", kGemmTypes | kInt4s, "[batch..., K, N]")
      .optionalIn("a_zero_point", "", kNarrow, "scalar or [M] or [..., M, 1]")
      .optionalIn("b_zero_point", "", kNarrow | kInt4s, "scalar or [N] or [..., 1, N]")
      .optionalIn("b_scale", "", setOf(DType::F32), "[batch..., K / block_size, N]")
      .attr("block_size", int64_t{0}, "rows of b that are multiplied by a b_scale")
      .require(
          "block_size and b_scale come together, for f32 a and narrower b whose rows it divides",
          [](const Op &op) { return blockScalesFit(op, 4, typeOf(op, 1).rank() - 2); })
      .trait(OpTrait::Contraction)
      .require("a and b have rank 2 or more and agree in K",
               [](const Op &op) {
                 return typeOf(op, 0).rank() >= 2 && typeOf(op, 1).rank() >= 2 &&
                        dimsOf(op, 0).back() == dimsOf(op, 1)[typeOf(op, 1).rank() - 2];
               })
      .require("the batch axes of a and b broadcast together",
               [](const Op &op) { return batchDims(op).has_value(); })
      .require("a and b have the same element type, or both are narrow integers, or a is f32 and "
               "b narrower",
               sameOrNarrow)
      .require("zero points accompany narrow integer operands and have their types",
               [](const Op &op) { return zeroPointsOnlyForNarrow(op, 2); })
      .maps(matMulSpace)
      .result(matMulResult);
}

struct GemmExtents {
  int64_t m, n, k;
};

static GemmExtents gemmExtents(const Op &op) {
  const Dims &a = dimsOf(op, 0), &b = dimsOf(op, 1);
  bool ta = op.flag("transA"), tb = op.flag("transB");
  return {a[ta ? 1 : 0], b[tb ? 0 : 1], a[ta ? 0 : 1]};
}

// Loops: m, n, k.
static IterationSpace gemmSpace(const Op &op) {
  using Kind = LoopAxis::Kind;
  auto [m, n, k] = gemmExtents(op);
  IterationSpace space;
  space.loops = {{m, Kind::Parallel}, {n, Kind::Parallel}, {k, Kind::Reduction}};
  std::vector<AxisMap> a{AxisMap::loop(0), AxisMap::loop(2)};
  std::vector<AxisMap> b{AxisMap::loop(2), AxisMap::loop(1)};
  if (op.flag("transA"))
    std::swap(a[0], a[1]);
  if (op.flag("transB"))
    std::swap(b[0], b[1]);
  space.operands = {std::move(a), std::move(b)};
  if (op.operand(2))
    space.operands.push_back(broadcastMaps(dimsOf(op, 2), {m, n}));
  space.results = {{AxisMap::loop(0), AxisMap::loop(1)}};
  return space;
}

static void declareGemm(std::vector<OpDef> &defs) {
  declare(defs, OpKind::Gemm, "Gemm")
      .describe("alpha * op(a) * op(b) + beta * c, where op transposes on request.")
      .in("a", "T", kFloats | kInts)
      .in("b", "", kFloats | kInts | kInt4s)
      .optionalIn("c", "T", kFloats | kInts, "broadcasts to [M, N]")
      .attr("alpha", 1.0, "")
      .attr("beta", 1.0, "")
      .attr("transA", false, "a is [K, M]")
      .attr("transB", false, "b is [N, K]")
      .trait(OpTrait::Contraction)
      .require("a and b have the same element type, or a is f32 and b narrower",
               [](const Op &op) {
                 return typeOf(op, 0).dtype == typeOf(op, 1).dtype || hasNarrowWeights(op);
               })
      .require("a and b are matrices",
               [](const Op &op) { return typeOf(op, 0).rank() == 2 && typeOf(op, 1).rank() == 2; })
      .require("a and b agree in K",
               [](const Op &op) {
                 return gemmExtents(op).k == dimsOf(op, 1)[op.flag("transB") ? 1 : 0];
               })
      .require("c broadcasts to [M, N]",
               [](const Op &op) {
                 return !op.operand(2) ||
                        broadcastsTo(dimsOf(op, 2), {gemmExtents(op).m, gemmExtents(op).n});
               })
      .maps(gemmSpace)
      .result([](const Op &op) {
        auto [m, n, k] = gemmExtents(op);
        return one(typeOf(op, 0).dtype, {m, n});
      });
}

void declareContraction(std::vector<OpDef> &defs) {
  declareConv(defs);
  declareConvTranspose(defs);
  declareDeformConv(defs);
  declareMatMul(defs);
  declareGemm(defs);
}

} // namespace edgecc::ops
