// Resizing and sampling.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <algorithm>
#include <cmath>

namespace edgecc::importer {
namespace {

std::vector<double> requireDoubles(NodeContext &n, unsigned i, std::string_view what) {
  const Tensor &content = n.requireConstant(i, what);
  if (content.elements() > 1024)
    n.fail(std::string(what) + " has too many entries");
  std::vector<double> values;
  for (int64_t k = 0; k < content.elements(); ++k)
    values.push_back(content.asDouble(k));
  return values;
}

// How far each axis is resized.
struct Scaling {
  Dims sizes;
  std::vector<double> scales;
};

// The product is rounded to f32 first, as exporters compute it: 0.7f * 10 is to be 7.
int64_t scaledExtent(NodeContext &n, int64_t extent, double scale) {
  float product = static_cast<float>(extent) * static_cast<float>(scale);
  if (!(product >= 0 && product < 0x1p48f))
    n.fail("a scale is impossible");
  return static_cast<int64_t>(std::floor(product));
}

Scaling fromScales(NodeContext &n, const Dims &in, const std::vector<int64_t> &axes,
                   const std::vector<double> &scales) {
  if (scales.size() != axes.size())
    n.fail("has " + std::to_string(scales.size()) + " scales for " + std::to_string(axes.size()) +
           " axes");
  Scaling scaling{in, std::vector<double>(in.size(), 1.0)};
  for (size_t i = 0; i < axes.size(); ++i) {
    auto axis = static_cast<size_t>(axes[i]);
    scaling.scales[axis] = scales[i];
    scaling.sizes[axis] = scaledExtent(n, in[axis], scales[i]);
  }
  return scaling;
}

Scaling fromSizes(NodeContext &n, const Dims &in, const std::vector<int64_t> &axes, Dims sizes) {
  if (sizes.size() != axes.size() || !isValidShape(sizes))
    n.fail("needs one size for each axis");
  Scaling scaling{in, std::vector<double>(in.size(), 1.0)};
  auto ratio = [&](size_t i) {
    return static_cast<double>(sizes[i]) / static_cast<double>(in[static_cast<size_t>(axes[i])]);
  };
  std::string policy = n.stringAttribute("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && !axes.empty()) {
    double common = ratio(0);
    for (size_t i = 1; i < axes.size(); ++i)
      common = policy == "not_larger" ? std::min(common, ratio(i)) : std::max(common, ratio(i));
    for (size_t i = 0; i < axes.size(); ++i) {
      auto axis = static_cast<size_t>(axes[i]);
      scaling.scales[axis] = common;
      double extent = common * static_cast<double>(in[axis]) + 0.5;
      if (!(extent >= 0 && extent < 0x1p48))
        n.fail("the sizes are impossible");
      scaling.sizes[axis] = static_cast<int64_t>(std::floor(extent));
    }
    return scaling;
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    auto axis = static_cast<size_t>(axes[i]);
    scaling.scales[axis] = ratio(i);
    scaling.sizes[axis] = sizes[i];
  }
  return scaling;
}

void emitResize(NodeContext &n, Value *x, Scaling scaling, Attributes attributes) {
  if (!isValidShape(scaling.sizes))
    n.fail("the result would have an impossible shape");
  attributes["sizes"] = std::move(scaling.sizes);
  attributes["scales"] = std::move(scaling.scales);
  n.setOutput(0, n.emit(OpKind::Resize, {x}, std::move(attributes)));
}

// Upsample and Resize-10 know neither coordinate modes nor sizes.
void importUpsample(NodeContext &n) {
  Value *x = n.input(0);
  std::string mode = n.stringAttribute("mode", "nearest");
  std::vector<double> scales =
      n.hasAttribute("scales") ? n.floatsAttribute("scales") : requireDoubles(n, 1, "the scales");
  emitResize(n, x, fromScales(n, x->dims(), allAxes(x->dims().size()), scales),
             {{"mode", mode == "bilinear" ? "linear" : mode},
              {"coordinate_mode", std::string("asymmetric")},
              {"nearest_mode", std::string("floor")}});
}

// tf_crop_and_resize: starts of all axes, then ends; axes that are not named are kept whole.
std::vector<double> readRoi(NodeContext &n, size_t rank, const std::vector<int64_t> &axes) {
  std::vector<double> given = requireDoubles(n, 1, "the region of interest");
  if (given.size() != 2 * axes.size())
    n.fail("the region of interest needs two entries for each axis");
  std::vector<double> roi(2 * rank, 0.0);
  std::fill(roi.begin() + static_cast<ptrdiff_t>(rank), roi.end(), 1.0);
  for (size_t i = 0; i < axes.size(); ++i) {
    auto axis = static_cast<size_t>(axes[i]);
    roi[axis] = given[i];
    roi[rank + axis] = given[axes.size() + i];
  }
  return roi;
}

void importResize(NodeContext &n) {
  if (n.opset() < 11)
    return importUpsample(n);
  Value *x = n.input(0);
  size_t rank = x->dims().size();
  std::vector<int64_t> axes = allAxes(rank);
  if (n.hasAttribute("axes")) {
    axes = n.intsAttribute("axes");
    for (int64_t &axis : axes)
      axis = normalizedAxis(n, axis, rank);
  }
  Attributes attributes{
      {"mode", n.stringAttribute("mode", "nearest")},
      {"coordinate_mode", n.stringAttribute("coordinate_transformation_mode", "half_pixel")},
      {"nearest_mode", n.stringAttribute("nearest_mode", "round_prefer_floor")},
      {"cubic_coeff_a", n.floatAttribute("cubic_coeff_a", -0.75)},
      {"exclude_outside", n.flag("exclude_outside", false)},
      {"antialias", n.flag("antialias", false)},
      {"extrapolation_value", n.floatAttribute("extrapolation_value", 0.0)}};
  std::vector<double> roi;
  if (std::get<std::string>(attributes["coordinate_mode"]) == "tf_crop_and_resize") {
    roi = readRoi(n, rank, axes);
    attributes["roi"] = roi;
  }
  // Exporters write an empty list for scales or sizes that are not used.
  const Tensor *sizes = n.constantInput(3);
  if (n.hasInput(3) && !(sizes && sizes->elements() == 0))
    return emitResize(n, x, fromSizes(n, x->dims(), axes, n.requireInts(3, "the sizes")),
                      std::move(attributes));
  Scaling scaling = fromScales(n, x->dims(), axes, requireDoubles(n, 2, "the scales"));
  for (size_t axis = 0; !roi.empty() && axis < rank; ++axis)
    scaling.sizes[axis] =
        scaledExtent(n, x->dims()[axis], (roi[rank + axis] - roi[axis]) * scaling.scales[axis]);
  emitResize(n, x, std::move(scaling), std::move(attributes));
}

void importGridSample(NodeContext &n) {
  std::string mode = n.stringAttribute("mode", "linear");
  if (mode == "bilinear") // opset 16's names
    mode = "linear";
  else if (mode == "bicubic")
    mode = "cubic";
  n.setOutput(0, n.emit(OpKind::GridSample, {n.input(0), n.input(1)},
                        {{"mode", mode},
                         {"padding_mode", n.stringAttribute("padding_mode", "zeros")},
                         {"align_corners", n.flag("align_corners", false)}}));
}

// The points (x, y[, z], 1) of the regular grid, [points, dims + 1].
Tensor regularGrid(const Dims &spatial, bool alignCorners) {
  auto axes = static_cast<int64_t>(spatial.size());
  int64_t points = numElements(spatial);
  Tensor grid(DType::F32, {points, axes + 1});
  auto out = grid.mutableData<float>();
  for (int64_t point = 0; point < points; ++point) {
    int64_t rest = point;
    for (int64_t axis = axes - 1; axis >= 0; --axis) {
      int64_t extent = spatial[static_cast<size_t>(axis)], index = rest % extent;
      rest /= extent;
      double at = static_cast<double>(index), steps = static_cast<double>(extent);
      double coordinate =
          alignCorners ? (extent > 1 ? -1 + 2 * at / (steps - 1) : -1) : (2 * at + 1) / steps - 1;
      out[static_cast<size_t>(point * (axes + 1) + (axes - 1 - axis))] =
          static_cast<float>(coordinate);
    }
    out[static_cast<size_t>(point * (axes + 1) + axes)] = 1;
  }
  return grid;
}

// grid * theta', for a grid that is known at compile time.
void importAffineGrid(NodeContext &n) {
  Value *theta = n.input(0);
  Dims size = n.requireInts(1, "the size");
  if ((size.size() != 4 && size.size() != 5) || !isValidShape(size) ||
      numElements(size) > (int64_t{1} << 24))
    n.fail("the size must be [N, C, H, W] or [N, C, D, H, W]");
  Dims spatial(size.begin() + 2, size.end());
  if (numElements(spatial) > (int64_t{1} << 24)) // a batch or channel extent of 0 hides it above
    n.fail("the grid is too large");
  auto axes = static_cast<int64_t>(spatial.size());
  if (theta->dims() != Dims{size[0], axes, axes + 1})
    n.fail("theta must be [N, " + std::to_string(axes) + ", " + std::to_string(axes + 1) +
           "], is " + theta->type.str());
  Value *grid = n.constant(regularGrid(spatial, n.flag("align_corners", false)));
  Value *points = n.emit(OpKind::MatMul, {cast(n, grid, theta->type.dtype), swapLast(n, theta)});
  Dims dims{size[0]};
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  dims.push_back(axes);
  n.setOutput(0, reshape(n, points, std::move(dims)));
}

void importCol2Im(NodeContext &n) {
  Dims image = n.requireInts(1, "the image shape"), block = n.requireInts(2, "the block shape");
  size_t count = image.size();
  auto list = [&](const char *name, size_t entries, int64_t absent) {
    return n.hasAttribute(name) ? n.intsAttribute(name) : std::vector<int64_t>(entries, absent);
  };
  n.setOutput(0, n.emit(OpKind::Col2Im, {n.input(0)},
                        {{"image_shape", image},
                         {"block_shape", block},
                         {"strides", list("strides", count, 1)},
                         {"dilations", list("dilations", count, 1)},
                         {"pads", list("pads", 2 * count, 0)}}));
}

void importDet(NodeContext &n) { n.setOutput(0, n.emit(OpKind::Det, {n.input(0)})); }

} // namespace

void addResamplingOps(OpTable &table) {
  table.add("AffineGrid", importAffineGrid);
  table.add("Col2Im", importCol2Im);
  table.add("Det", importDet);
  table.add("GridSample", importGridSample);
  table.add("Resize", importResize);
  table.add("Upsample", importUpsample);
}

} // namespace edgecc::importer
