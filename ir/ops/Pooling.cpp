// Pooling over spatial windows.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

static unsigned spatialRank(const Op &op) { return typeOf(op, 0).rank() - 2; }

static Expected<Dims> poolDims(const Op &op) {
  const Dims &x = dimsOf(op, 0);
  size_t n = spatialRank(op);
  Dims out{x[0], x[1]};
  for (size_t i = 0; i < n; ++i) {
    int64_t extent =
        windowExtent(x[i + 2], op.ints("kernel")[i], op.ints("strides")[i], op.ints("dilations")[i],
                     op.ints("pads")[i], op.ints("pads")[n + i], op.flag("ceil_mode"));
    if (extent < 0)
      return error("the window is larger than the padded input along spatial axis " +
                       std::to_string(i),
                   op.location);
    out.push_back(extent);
  }
  return out;
}

static Expected<Types> poolResult(const Op &op) {
  EDGECC_TRY(dims, poolDims(op));
  return one(typeOf(op, 0).dtype, std::move(dims));
}

// Loops: n, c, output spatial..., kernel spatial....
static IterationSpace poolSpace(const Op &op) {
  const Dims &y = op.result()->dims();
  unsigned n = spatialRank(op);
  IterationSpace space;
  space.loops = parallelLoops(y);
  std::vector<AxisMap> x{AxisMap::loop(0), AxisMap::loop(1)};
  for (unsigned i = 0; i < n; ++i) {
    space.loops.push_back({op.ints("kernel")[i], LoopAxis::Kind::Reduction});
    x.push_back({{{2 + i, op.ints("strides")[i]}, {2 + n + i, op.ints("dilations")[i]}},
                 -op.ints("pads")[i],
                 false});
  }
  space.operands = {std::move(x)};
  for (unsigned i = 0; i < op.numResults(); ++i)
    space.results.push_back(identityMaps(y));
  return space;
}

static int64_t poolFlops(const Op &op) {
  int64_t window = 1;
  for (int64_t k : op.ints("kernel"))
    window = saturatingMul(window, k);
  return saturatingMul(op.result()->type.elements(), window);
}

static OpDef &pooling(std::vector<OpDef> &defs, OpKind kind, std::string name, DTypeSet allowed) {
  return declare(defs, kind, std::move(name))
      .in("x", "T", allowed, "[N, C, spatial...]")
      .attr("kernel", AttributeKind::Ints, "window extent along each spatial axis")
      .attr("strides", AttributeKind::Ints, "one for each spatial axis")
      .attr("dilations", AttributeKind::Ints, "one for each spatial axis")
      .attr("pads", AttributeKind::Ints, "the low sides of all spatial axes, then the high sides")
      .attr("ceil_mode", false, "a last window may reach beyond the padded input")
      .require("x has at least one spatial axis",
               [](const Op &op) { return typeOf(op, 0).rank() >= 3; })
      .require(
          "kernel, strides, dilations and pads have one entry for each spatial axis (pads two)",
          [](const Op &op) {
            size_t n = spatialRank(op);
            return op.ints("kernel").size() == n && op.ints("strides").size() == n &&
                   op.ints("dilations").size() == n && op.ints("pads").size() == 2 * n;
          })
      .require("kernel, strides and dilations are positive and pads are not negative",
               [](const Op &op) {
                 return allPositive(op.ints("kernel")) && allPositive(op.ints("strides")) &&
                        allPositive(op.ints("dilations")) && allNonNegative(op.ints("pads"));
               })
      .countFlops(poolFlops)
      .maps(poolSpace)
      .result(poolResult);
}

void declarePooling(std::vector<OpDef> &defs) {
  pooling(defs, OpKind::MaxPool, "MaxPool",
          kFloats | setOf(DType::I8, DType::U8, DType::I16, DType::U16))
      .describe("Maximum of each window, padding excluded. The second result, where present, holds "
                "the position of each maximum in the flattened x.")
      .attr("column_major", false,
            "the positions count with the spatial axes in column-major order")
      .outs(1, 2)
      .result([](const Op &op) -> Expected<Types> {
        EDGECC_TRY(dims, poolDims(op));
        return Types{dense(typeOf(op, 0).dtype, dims), dense(DType::I64, dims)};
      });
  pooling(defs, OpKind::AveragePool, "AveragePool", kFloats | setOf(DType::I8, DType::U8))
      .describe("Mean of each window. Integers accumulate exactly and round to nearest even.")
      .attr("count_include_pad", false,
            "padding counts as zeros in the mean (what ceil_mode adds beyond it never counts)");
  pooling(defs, OpKind::LpPool, "LpPool", kFloats)
      .describe("The p-norm of each window.")
      .attr("p", int64_t{2}, "order of the norm");
  declare(defs, OpKind::MaxUnpool, "MaxUnpool")
      .describe("Scatters x to the positions that a MaxPool reported; all else is zero.")
      .in("x", "T", kFloats)
      .in("indices", "", setOf(DType::I64),
          "positions in the flattened result of a dense unpooling")
      .attr("shape", AttributeKind::Ints, "dims of the result")
      .attr("index_shape", AttributeKind::Ints, "dims that the positions were counted in")
      .require("x and indices have the same dims and the rank of shape",
               [](const Op &op) {
                 return dimsOf(op, 0) == dimsOf(op, 1) &&
                        op.ints("shape").size() == dimsOf(op, 0).size() &&
                        op.ints("index_shape").size() == dimsOf(op, 0).size() &&
                        allPositive(op.ints("shape")) && allPositive(op.ints("index_shape"));
               })
      .result([](const Op &op) { return one(typeOf(op, 0).dtype, op.ints("shape")); });
  declare(defs, OpKind::RoiAlign, "RoiAlign")
      .describe("Pools each region of interest by bilinear sampling (He et al. 2017).")
      .in("x", "T", kFloats, "[N, C, H, W]")
      .in("rois", "T", kFloats, "[R, 4] as x1, y1, x2, y2")
      .in("batch_indices", "", setOf(DType::I64), "[R]")
      .attr("output_height", int64_t{1}, "")
      .attr("output_width", int64_t{1}, "")
      .attr("sampling_ratio", int64_t{0}, "samples for each output bin and axis; 0: adaptive")
      .attr("spatial_scale", 1.0, "from the units of rois to those of x")
      .attr("max", false, "maximum instead of mean of the samples")
      .attr("half_pixel", true, "shift by half a pixel before sampling")
      .require("x is [N, C, H, W], rois [R, 4], batch_indices [R]",
               [](const Op &op) {
                 return typeOf(op, 0).rank() == 4 && typeOf(op, 1).rank() == 2 &&
                        dimsOf(op, 1)[1] == 4 && dimsOf(op, 2) == Dims{dimsOf(op, 1)[0]};
               })
      .require("output extents are positive and sampling_ratio is from 0 to 4096",
               [](const Op &op) {
                 return op.integer("output_height") > 0 && op.integer("output_width") > 0 &&
                        op.integer("sampling_ratio") >= 0 && op.integer("sampling_ratio") <= 4096;
               })
      .countFlops([](const Op &op) {
        // Adaptive samples lie at least half a pixel apart.
        int64_t ratio = op.integer("sampling_ratio");
        int64_t samples = ratio > 0 ? ratio * ratio : 4 * dimsOf(op, 0)[2] * dimsOf(op, 0)[3];
        return saturatingMul(op.result()->type.elements(), 8 * samples);
      })
      .result([](const Op &op) {
        return one(typeOf(op, 0).dtype, {dimsOf(op, 1)[0], dimsOf(op, 0)[1],
                                         op.integer("output_height"), op.integer("output_width")});
      });
}

} // namespace edgecc::ops
