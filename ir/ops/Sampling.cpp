// Resampling and a few linear-algebra and signal ops.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

static bool isOneOf(const std::string &text, std::initializer_list<const char *> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

static void declareResize(std::vector<OpDef> &defs) {
  declare(defs, OpKind::Resize, "Resize")
      .describe(
          "Resamples x to `sizes`. The source coordinate of result position i is given by "
          "coordinate_mode from `scales`, as in ONNX Resize-19. Integers round to nearest even.")
      .in("x", "T", kNumbers)
      .attr("sizes", AttributeKind::Ints, "dims of the result")
      .attr("scales", AttributeKind::Floats, "result extent / operand extent, one for each axis")
      .attr("mode", std::string("nearest"), "nearest, linear or cubic")
      .attr("coordinate_mode", std::string("half_pixel"),
            "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric or "
            "tf_crop_and_resize")
      .attr("nearest_mode", std::string("round_prefer_floor"),
            "round_prefer_floor, round_prefer_ceil, floor or ceil")
      .attr("cubic_coeff_a", -0.75, "")
      .attr("exclude_outside", false, "weights of taps outside x are zero and the rest rescaled")
      .attr("antialias", false, "widen the filter when shrinking")
      .attr("extrapolation_value", 0.0, "for tf_crop_and_resize")
      .attr("roi", std::vector<double>{}, "for tf_crop_and_resize: starts then ends, normalised")
      .attr("real", false, "integers are interpolated to f32 and not rounded")
      .require("sizes and scales have one positive entry for each axis",
               [](const Op &op) {
                 size_t rank = typeOf(op, 0).rank();
                 const auto &scales = op.reals("scales");
                 return op.ints("sizes").size() == rank && scales.size() == rank &&
                        allPositive(op.ints("sizes")) && allPositive(dimsOf(op, 0)) &&
                        std::all_of(scales.begin(), scales.end(), [](double s) { return s > 0; });
               })
      .require("mode, coordinate_mode and nearest_mode are known",
               [](const Op &op) {
                 return isOneOf(op.text("mode"), {"nearest", "linear", "cubic"}) &&
                        isOneOf(op.text("coordinate_mode"),
                                {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",
                                 "align_corners", "asymmetric", "tf_crop_and_resize"}) &&
                        isOneOf(op.text("nearest_mode"),
                                {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
               })
      // Bounds the total length of the widened filters.
      .require("with antialias no size is above 2 * scale * extent + 1",
               [](const Op &op) {
                 for (size_t i = 0; op.flag("antialias") && i < typeOf(op, 0).rank(); ++i)
                   if (static_cast<double>(op.ints("sizes")[i]) >
                       2 * op.reals("scales")[i] * static_cast<double>(dimsOf(op, 0)[i]) + 1)
                     return false;
                 return true;
               })
      .require("tf_crop_and_resize has a roi of two entries for each axis",
               [](const Op &op) {
                 return op.text("coordinate_mode") != "tf_crop_and_resize" ||
                        op.reals("roi").size() == 2 * typeOf(op, 0).rank();
               })
      .countFlops([](const Op &op) {
        int64_t taps = op.text("mode") == "nearest" ? 0 : op.text("mode") == "linear" ? 4 : 16;
        return taps * op.result()->type.elements();
      })
      .require("what is interpolated to f32 is an integer, and not its nearest element",
               [](const Op &op) {
                 return !op.flag("real") ||
                        (isInteger(typeOf(op, 0).dtype) && op.text("mode") != "nearest");
               })
      .result([](const Op &op) {
        return one(op.flag("real") ? DType::F32 : typeOf(op, 0).dtype, op.ints("sizes"));
      });
}

static void declareGridSample(std::vector<OpDef> &defs) {
  declare(defs, OpKind::GridSample, "GridSample")
      .describe("Samples x at the normalised coordinates in grid (Jaderberg et al. 2015).")
      .in("x", "T", kFloats, "[N, C, spatial...], two or three spatial axes")
      .in("grid", "", kFloats, "[N, out spatial..., number of spatial axes], last axis x, y(, z)")
      .attr("mode", std::string("linear"), "nearest, linear or cubic")
      .attr("padding_mode", std::string("zeros"), "zeros, border or reflection")
      .attr("align_corners", false, "-1 and 1 are the centres of the corner pixels")
      .require("grid has the rank of x, its batch, and one coordinate for each spatial axis",
               [](const Op &op) {
                 unsigned rank = typeOf(op, 0).rank();
                 return (rank == 4 || rank == 5) && typeOf(op, 1).rank() == rank &&
                        dimsOf(op, 1).back() == static_cast<int64_t>(rank) - 2 &&
                        dimsOf(op, 1)[0] == dimsOf(op, 0)[0] && allPositive(dimsOf(op, 0));
               })
      .require("mode and padding_mode are known; cubic needs two spatial axes",
               [](const Op &op) {
                 return isOneOf(op.text("mode"), {"nearest", "linear", "cubic"}) &&
                        isOneOf(op.text("padding_mode"), {"zeros", "border", "reflection"}) &&
                        (op.text("mode") != "cubic" || typeOf(op, 0).rank() == 4);
               })
      .countFlops([](const Op &op) {
        int64_t along = op.text("mode") == "nearest" ? 1 : op.text("mode") == "linear" ? 2 : 4;
        int64_t taps = typeOf(op, 0).rank() == 5 ? along * along * along : along * along;
        return saturatingMul(op.result()->type.elements(), 2 * taps);
      })
      .result([](const Op &op) {
        const Dims &grid = dimsOf(op, 1);
        Dims out{dimsOf(op, 0)[0], dimsOf(op, 0)[1]};
        out.insert(out.end(), grid.begin() + 1, grid.end() - 1);
        return one(typeOf(op, 0).dtype, std::move(out));
      });
}

static void declareOthers(std::vector<OpDef> &defs) {
  declare(defs, OpKind::Col2Im, "Col2Im")
      .describe("Sums the columns of sliding blocks back into an image.")
      .in("x", "T", kFloats, "[N, C * block elements, blocks]")
      .attr("image_shape", AttributeKind::Ints, "")
      .attr("block_shape", AttributeKind::Ints, "")
      .attr("strides", AttributeKind::Ints, "")
      .attr("dilations", AttributeKind::Ints, "")
      .attr("pads", AttributeKind::Ints, "the low sides, then the high sides")
      .require("x holds C * block elements rows and one column for each block position",
               [](const Op &op) {
                 size_t n = op.ints("image_shape").size();
                 if (typeOf(op, 0).rank() != 3 || n == 0 || op.ints("block_shape").size() != n ||
                     op.ints("strides").size() != n || op.ints("dilations").size() != n ||
                     op.ints("pads").size() != 2 * n || !allPositive(op.ints("block_shape")) ||
                     !allPositive(op.ints("strides")) || !allPositive(op.ints("dilations")) ||
                     !allPositive(op.ints("image_shape")) || !allNonNegative(op.ints("pads")))
                   return false;
                 int64_t blocks = 1;
                 for (size_t i = 0; i < n; ++i) {
                   int64_t extent = windowExtent(
                       op.ints("image_shape")[i], op.ints("block_shape")[i], op.ints("strides")[i],
                       op.ints("dilations")[i], op.ints("pads")[i], op.ints("pads")[n + i], false);
                   if (extent < 0)
                     return false;
                   blocks *= extent;
                 }
                 return dimsOf(op, 0)[1] % numElements(op.ints("block_shape")) == 0 &&
                        dimsOf(op, 0)[2] == blocks;
               })
      .result([](const Op &op) {
        Dims out{dimsOf(op, 0)[0], dimsOf(op, 0)[1] / numElements(op.ints("block_shape"))};
        out.insert(out.end(), op.ints("image_shape").begin(), op.ints("image_shape").end());
        return one(typeOf(op, 0).dtype, std::move(out));
      });
  declare(defs, OpKind::Det, "Det")
      .describe("Determinant over the last two axes.")
      .in("x", "T", kFloats, "[..., M, M]")
      .require("the last two axes are equal",
               [](const Op &op) {
                 const Dims &x = dimsOf(op, 0);
                 return x.size() >= 2 && x[x.size() - 1] == x[x.size() - 2];
               })
      .countFlops([](const Op &op) {
        return saturatingMul(typeOf(op, 0).elements(), dimsOf(op, 0).back());
      })
      .result([](const Op &op) {
        return one(typeOf(op, 0).dtype, Dims(dimsOf(op, 0).begin(), dimsOf(op, 0).end() - 2));
      });
  declare(defs, OpKind::DFT, "DFT")
      .describe("Discrete Fourier transform along one axis; the last axis holds real and imaginary "
                "parts (extent 1: real only).")
      .in("x", "T", kFloats, "[..., 1 or 2]")
      .attr("axis", AttributeKind::Int, "")
      .attr("inverse", false, "")
      .attr("onesided", false, "only the first half + 1 of a real signal's spectrum")
      .require("the last axis has extent 1 or 2 and axis is another one",
               [](const Op &op) {
                 const Dims &x = dimsOf(op, 0);
                 return x.size() >= 2 && (x.back() == 1 || x.back() == 2) &&
                        isAxis(op.integer("axis"), typeOf(op, 0).rank() - 1) && allPositive(x);
               })
      .countFlops([](const Op &op) {
        auto axis = static_cast<size_t>(op.integer("axis"));
        return saturatingMul(op.result()->type.elements(), 4 * dimsOf(op, 0)[axis]);
      })
      .result([](const Op &op) {
        Dims out = dimsOf(op, 0);
        size_t axis = static_cast<size_t>(op.integer("axis"));
        if (op.flag("onesided"))
          out[axis] = out[axis] / 2 + 1;
        out.back() = 2;
        return one(typeOf(op, 0).dtype, std::move(out));
      });
}

void declareSampling(std::vector<OpDef> &defs) {
  declareResize(defs);
  declareGridSample(defs);
  declareOthers(defs);
}

} // namespace edgecc::ops
