// Ops whose ONNX form differs from the IR's by more than names.
#include "frontend/onnx/GraphWriter.h"
#include "ir/OpDef.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc::exporter {
namespace {

bool isByte(DType dtype) { return dtype == DType::I8 || dtype == DType::U8; }

NodeBuilder &setWindow(NodeBuilder &node, const Op &op) {
  return node.set("strides", op.ints("strides"))
      .set("dilations", op.ints("dilations"))
      .set("pads", op.ints("pads"))
      .set("group", op.integer("group"));
}

// Narrow integers: ONNX has ops of their own, without bias.
Expected<void> writeInteger(GraphWriter &w, const Op &op) {
  bool isConv = op.kind() == OpKind::Conv;
  if (!isByte(op.operand(0)->type.dtype) || !isByte(op.operand(1)->type.dtype))
    return error("cannot write " + op.def().name +
                     " as ONNX: it has integer products for 8 bits only",
                 op.location);
  std::vector<std::string> names = w.operandNames(op);
  names.resize(isConv ? 5 : 4);
  std::string bias;
  if (isConv) {
    bias = names[2];
    names.erase(names.begin() + 2);
  }
  const char *type = isConv ? "ConvInteger" : "MatMulInteger";
  if (bias.empty()) {
    NodeBuilder node = w.node(op, type, names);
    if (isConv)
      setWindow(node, op);
    return {};
  }
  std::string product, column;
  NodeBuilder node = w.helper(op, type, names, product);
  setWindow(node, op);
  std::vector<int64_t> shape(op.operand(0)->type.rank() - 1, 1);
  shape[0] = op.operand(2)->type.elements();
  w.helper(op, "Reshape", {bias, w.ints(op, shape)}, column);
  w.node(op, "Add", {product, column});
  return {};
}

} // namespace

Expected<void> writeContraction(GraphWriter &w, const Op &op) {
  DType dtype = op.operand(0)->type.dtype;
  bool narrow = isByte(dtype) || dtype == DType::I16;
  if (narrow)
    return writeInteger(w, op);
  NodeBuilder node = w.node(op, op.def().name.c_str());
  if (op.kind() == OpKind::MatMul)
    return {};
  if (op.kind() == OpKind::Gemm) {
    node.set("alpha", op.real("alpha"))
        .set("beta", op.real("beta"))
        .set("transA", op.flag("transA"))
        .set("transB", op.flag("transB"));
    return {};
  }
  setWindow(node, op);
  const Dims &weights = op.operand(1)->dims();
  node.set("kernel_shape", std::vector<int64_t>(weights.begin() + 2, weights.end()));
  if (op.kind() == OpKind::ConvTranspose)
    node.set("output_padding", op.ints("output_padding"));
  if (op.kind() == OpKind::DeformConv)
    node.set("offset_group", op.integer("offset_group"));
  return {};
}

Expected<void> writeControl(GraphWriter &w, const Op &op) {
  auto writeBody = [&](onnx::GraphProto &graph, const Block &block) {
    GraphWriter inner(graph, w.names());
    for (const auto &argument : block.arguments()) {
      w.names().values[argument.get()] = w.names().unique("argument");
      inner.declare(*argument, *graph.add_input());
    }
    return inner.writeBlock(block);
  };
  std::vector<std::string> inputs = w.operandNames(op);
  if (op.kind() == OpKind::If) {
    NodeBuilder node = w.node(op, "If", inputs);
    EDGECC_CHECK(writeBody(node.graph("then_branch"), op.region(0)));
    return writeBody(node.graph("else_branch"), op.region(1));
  }
  if (op.kind() == OpKind::Loop) {
    inputs.insert(inputs.begin(),
                  w.constant(op, Tensor::scalar(DType::I64, op.integer("max_trips"))));
    NodeBuilder node = w.node(op, "Loop", inputs);
    return writeBody(node.graph("body"), op.region(0));
  }
  NodeBuilder node = w.node(op, "Scan", inputs);
  node.set("num_scan_inputs", op.integer("num_scans"));
  if (!op.ints("reverse_inputs").empty())
    node.set("scan_input_directions", op.ints("reverse_inputs"));
  if (!op.ints("reverse_outputs").empty())
    node.set("scan_output_directions", op.ints("reverse_outputs"));
  return writeBody(node.graph("body"), op.region(0));
}

static Expected<void> writeSlice(GraphWriter &w, const Op &op) {
  std::vector<int64_t> starts = op.ints("starts"), steps = op.ints("steps"), ends, axes;
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t size = op.ints("sizes")[i];
    int64_t end =
        size == 0 ? starts[i] : starts[i] + (size - 1) * steps[i] + (steps[i] > 0 ? 1 : -1);
    // Before the first element: a negative end would count from the last one.
    ends.push_back(end < 0 ? std::numeric_limits<int64_t>::min() : end);
    axes.push_back(static_cast<int64_t>(i));
  }
  w.node(op, "Slice",
         {w.nameOf(op.operand(0)), w.ints(op, starts), w.ints(op, ends), w.ints(op, axes),
          w.ints(op, steps)});
  return {};
}

Expected<void> writeMovement(GraphWriter &w, const Op &op) {
  std::string x = w.nameOf(op.operand(0));
  switch (op.kind()) {
  case OpKind::Reshape:
    w.node(op, "Reshape", {x, w.ints(op, op.ints("shape"))})
        .set("allowzero", std::ranges::count(op.ints("shape"), 0) > 0);
    return {};
  case OpKind::Expand:
    w.node(op, "Expand", {x, w.ints(op, op.ints("shape"))});
    return {};
  case OpKind::Tile:
    w.node(op, "Tile", {x, w.ints(op, op.ints("repeats"))});
    return {};
  case OpKind::Pad:
    w.node(op, "Pad", {x, w.ints(op, op.ints("pads")), w.nameOf(op.operand(1))})
        .set("mode", op.text("mode"));
    return {};
  case OpKind::Trilu:
    w.node(op, "Trilu", {x, w.constant(op, Tensor::scalar(DType::I64, op.integer("k")))})
        .set("upper", op.flag("upper"));
    return {};
  case OpKind::OneHot:
    w.node(op, "OneHot",
           {x, w.constant(op, Tensor::scalar(DType::I64, op.integer("depth"))),
            w.nameOf(op.operand(1))})
        .set("axis", op.integer("axis"));
    return {};
  default:
    return writeSlice(w, op);
  }
}

// ONNX dequantises to the type of the scale, the IR to any type.
Expected<void> writeQuantization(GraphWriter &w, const Op &op) {
  std::vector<std::string> inputs = w.operandNames(op);
  DType to = op.dtype("to"), scale = op.operand(1)->type.dtype;
  auto setBlocks = [&](NodeBuilder &node) {
    node.set("axis", op.integer("axis"));
    if (op.integer("block_size") != 0)
      node.set("block_size", op.integer("block_size"));
  };
  if (op.kind() == OpKind::QuantizeLinear) {
    const Type &x = op.operand(0)->type;
    if (x.dtype != scale && x.dtype != DType::I32)
      w.helper(op, "Cast", {inputs[1]}, inputs[1]).set("to", int64_t{dtypeToOnnx(x.dtype)});
    NodeBuilder node = w.node(op, "QuantizeLinear", inputs);
    setBlocks(node);
    node.set("saturate", op.flag("saturate"));
    if (!op.operand(2))
      node.set("output_dtype", int64_t{dtypeToOnnx(to)});
    return {};
  }
  if (to == scale) {
    NodeBuilder node = w.node(op, "DequantizeLinear", inputs);
    setBlocks(node);
    return {};
  }
  // The product is formed in the wider of the two types.
  std::string product;
  if (bitWidth(to) > bitWidth(scale)) {
    w.helper(op, "Cast", {inputs[1]}, inputs[1]).set("to", int64_t{dtypeToOnnx(to)});
    NodeBuilder node = w.node(op, "DequantizeLinear", inputs);
    setBlocks(node);
    return {};
  }
  NodeBuilder node = w.helper(op, "DequantizeLinear", inputs, product);
  setBlocks(node);
  w.node(op, "Cast", {product}).set("to", int64_t{dtypeToOnnx(to)});
  return {};
}

// ONNX takes sizes or scales, and the coordinates follow from the scales: sizes are written where
// they imply the same scales.
Expected<void> writeResize(GraphWriter &w, const Op &op) {
  const Dims &in = op.operand(0)->dims();
  const auto &sizes = op.ints("sizes");
  const auto &scales = op.reals("scales");
  bool crops = op.text("coordinate_mode") == "tf_crop_and_resize";
  bool impliedBySizes = !crops;
  for (size_t i = 0; i < in.size(); ++i)
    if (static_cast<float>(scales[i]) !=
        static_cast<float>(static_cast<double>(sizes[i]) / static_cast<double>(in[i])))
      impliedBySizes = false;
  std::string roi = crops ? w.floats(op, op.reals("roi")) : "";
  std::vector<std::string> inputs{w.nameOf(op.operand(0)), roi, ""};
  if (impliedBySizes)
    inputs.push_back(w.ints(op, sizes));
  else
    inputs[2] = w.floats(op, scales);
  w.node(op, "Resize", inputs)
      .set("mode", op.text("mode"))
      .set("coordinate_transformation_mode", op.text("coordinate_mode"))
      .set("nearest_mode", op.text("nearest_mode"))
      .set("cubic_coeff_a", op.real("cubic_coeff_a"))
      .set("exclude_outside", op.flag("exclude_outside"))
      .set("antialias", op.flag("antialias"))
      .set("extrapolation_value", op.real("extrapolation_value"));
  return {};
}

// Unit strides and this kernel imply the shape that the positions were counted in:
// extent = (in - 1) * 1 + kernel.
Expected<void> writeMaxUnpool(GraphWriter &w, const Op &op) {
  const Dims &in = op.operand(0)->dims();
  const auto &counted = op.ints("index_shape");
  std::vector<int64_t> kernel;
  for (size_t i = 2; i < in.size(); ++i) {
    kernel.push_back(counted[i] - (in[i] - 1));
    if (kernel.back() < 1)
      return error("cannot write MaxUnpool as ONNX: its positions lie in a smaller tensor than its "
                   "operand",
                   op.location);
  }
  if (counted[0] != in[0] || counted[1] != in[1])
    return error("cannot write MaxUnpool as ONNX: its positions span other channels", op.location);
  std::vector<std::string> inputs = w.operandNames(op);
  if (op.ints("shape") != counted)
    inputs.push_back(w.ints(op, op.ints("shape")));
  w.node(op, "MaxUnpool", inputs).set("kernel_shape", kernel);
  return {};
}

} // namespace edgecc::exporter
