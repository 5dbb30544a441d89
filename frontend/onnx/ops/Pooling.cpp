// Pooling over windows, over whole spatial extents, and over regions.
#include "frontend/onnx/ops/OpTable.h"
#include "frontend/onnx/ops/Window.h"

namespace edgecc::importer {
namespace {

Window poolWindow(NodeContext &n, Value *x) {
  if (!n.hasAttribute("kernel_shape"))
    n.fail("attribute 'kernel_shape' is missing");
  return readWindow(n, spatialDims(n, x), n.intsAttribute("kernel_shape"));
}

Attributes poolAttributes(NodeContext &n, Value *x) {
  Window window = poolWindow(n, x);
  Attributes attributes = window.attributes();
  attributes["kernel"] = window.kernel;
  attributes["ceil_mode"] = n.flag("ceil_mode", false);
  return attributes;
}

void importMaxPool(NodeContext &n) {
  Value *x = n.input(0);
  Attributes attributes = poolAttributes(n, x);
  attributes["column_major"] = n.flag("storage_order", false);
  auto results = n.emitAll(OpKind::MaxPool, {x}, std::move(attributes));
  n.setOutput(0, results[0]);
  n.setOutput(1, results[1]);
}

void importAveragePool(NodeContext &n) {
  Value *x = n.input(0);
  Attributes attributes = poolAttributes(n, x);
  attributes["count_include_pad"] = n.flag("count_include_pad", false);
  n.setOutput(0, n.emit(OpKind::AveragePool, {x}, std::move(attributes)));
}

void importLpPool(NodeContext &n) {
  Value *x = n.input(0);
  Attributes attributes = poolAttributes(n, x);
  attributes["p"] = n.intAttribute("p", 2);
  n.setOutput(0, n.emit(OpKind::LpPool, {x}, std::move(attributes)));
}

std::vector<int64_t> spatialAxes(NodeContext &n, Value *x) {
  size_t count = spatialDims(n, x).size();
  std::vector<int64_t> axes = allAxes(count + 2);
  axes.erase(axes.begin(), axes.begin() + 2);
  return axes;
}

template <OpKind kind> void importGlobalPool(NodeContext &n) {
  Value *x = n.input(0);
  n.setOutput(0, reduce(n, kind, x, spatialAxes(n, x), true));
}

// (sum |x|^p)^(1/p)
void importGlobalLpPool(NodeContext &n) {
  Value *x = n.input(0);
  int64_t p = n.intAttribute("p", 2);
  auto axes = spatialAxes(n, x);
  if (p == 1 || p == 2)
    return n.setOutput(0, reduce(n, p == 1 ? OpKind::ReduceL1 : OpKind::ReduceL2, x, axes, true));
  if (p < 1)
    n.fail("p must be positive");
  auto order = static_cast<double>(p);
  Value *powers = n.emit(OpKind::Pow, {n.emit(OpKind::Abs, {x}), scalarLike(n, x, order)});
  Value *sum = reduce(n, OpKind::ReduceSum, powers, axes, true);
  n.setOutput(0, n.emit(OpKind::Pow, {sum, scalarLike(n, x, 1 / order)}));
}

// The positions were counted in the shape that the attributes imply, whatever shape is asked for.
void importMaxUnpool(NodeContext &n) {
  Value *x = n.input(0);
  Window window = poolWindow(n, x);
  Dims implied(x->dims().begin(), x->dims().begin() + 2);
  size_t count = window.kernel.size();
  for (size_t i = 0; i < count; ++i)
    implied.push_back((x->dims()[i + 2] - 1) * window.strides[i] + window.kernel[i] -
                      window.pads[i] - window.pads[count + i]);
  Dims shape = n.hasInput(2) ? n.requireInts(2, "the output shape") : implied;
  if (!isValidShape(implied) || !isValidShape(shape))
    n.fail("the result would have an impossible shape");
  n.setOutput(
      0, n.emit(OpKind::MaxUnpool, {x, n.input(1)}, {{"shape", shape}, {"index_shape", implied}}));
}

void importRoiAlign(NodeContext &n) {
  std::string mode = n.stringAttribute("mode", "avg");
  std::string absent = n.opset() < 16 ? "output_half_pixel" : "half_pixel";
  std::string coordinates = n.stringAttribute("coordinate_transformation_mode", absent);
  if (mode != "avg" && mode != "max")
    n.fail("mode must be avg or max");
  n.setOutput(0, n.emit(OpKind::RoiAlign, {n.input(0), n.input(1), n.input(2)},
                        {{"output_height", n.intAttribute("output_height", 1)},
                         {"output_width", n.intAttribute("output_width", 1)},
                         {"sampling_ratio", n.intAttribute("sampling_ratio", 0)},
                         {"spatial_scale", n.floatAttribute("spatial_scale", 1.0)},
                         {"max", mode == "max"},
                         {"half_pixel", coordinates == "half_pixel"}}));
}

} // namespace

void addPoolingOps(OpTable &table) {
  table.add("AveragePool", importAveragePool);
  table.add("GlobalAveragePool", importGlobalPool<OpKind::ReduceMean>);
  table.add("GlobalLpPool", importGlobalLpPool);
  table.add("GlobalMaxPool", importGlobalPool<OpKind::ReduceMax>);
  table.add("LpPool", importLpPool);
  table.add("MaxPool", importMaxPool);
  table.add("MaxUnpool", importMaxUnpool);
  table.add("RoiAlign", importRoiAlign);
}

} // namespace edgecc::importer
