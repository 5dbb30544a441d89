// The table of ops: how each is written in ONNX. A switch without default, so that an op without a
// row does not compile.
#include "frontend/onnx/GraphWriter.h"
#include "ir/OpDef.h"

#include <algorithm>

namespace edgecc::exporter {
namespace {

// ONNX has an op of the same name, operands and meaning.
Expected<void> same(GraphWriter &w, const Op &op) {
  w.node(op, op.def().name.c_str());
  return {};
}

// The same, with these attributes of the IR, which ONNX calls alike.
Expected<void> with(GraphWriter &w, const Op &op, std::initializer_list<const char *> names) {
  NodeBuilder node = w.node(op, op.def().name.c_str());
  for (const char *name : names) {
    switch (op.def().findAttribute(name)->kind) {
    case AttributeKind::Flag:
      node.set(name, op.flag(name));
      break;
    case AttributeKind::Int:
      node.set(name, op.integer(name));
      break;
    case AttributeKind::Float:
      node.set(name, op.real(name));
      break;
    case AttributeKind::String:
      node.set(name, op.text(name));
      break;
    case AttributeKind::Ints:
      node.set(name, op.ints(name));
      break;
    case AttributeKind::Floats:
      node.set(name, op.reals(name));
      break;
    case AttributeKind::Strings:
      node.set(name, op.texts(name));
      break;
    case AttributeKind::DType:
      node.set(name, int64_t{dtypeToOnnx(op.dtype(name))});
      break;
    }
  }
  return {};
}

Expected<void> none(const Op &op, const char *reason) {
  return error("cannot write " + op.def().name + " as ONNX: " + reason, op.location);
}

// Is it over all axes behind the channels? ONNX has an op of its own for that, which its runtimes
// know better than the general one.
bool isGlobalPool(const Op &op) {
  Dims spatial;
  for (int64_t i = 2; i < static_cast<int64_t>(op.operand(0)->type.rank()); ++i)
    spatial.push_back(i);
  return op.operand(0)->type.dtype == DType::F32 && op.flag("keepdims") && !spatial.empty() &&
         op.ints("axes") == spatial;
}

// The axes became an operand.
Expected<void> reduction(GraphWriter &w, const Op &op) {
  if (op.kind() == OpKind::ReduceMean && isGlobalPool(op)) {
    w.node(op, "GlobalAveragePool");
    return {};
  }
  std::vector<std::string> inputs = w.operandNames(op);
  bool all = op.ints("axes").empty();
  if (!all)
    inputs.push_back(w.ints(op, op.ints("axes")));
  w.node(op, op.def().name.c_str(), inputs)
      .set("keepdims", op.flag("keepdims"))
      .set("noop_with_empty_axes", all);
  return {};
}

Expected<void> argReduction(GraphWriter &w, const Op &op) {
  w.node(op, op.def().name.c_str())
      .set("axis", op.ints("axes")[0])
      .set("keepdims", op.flag("keepdims"))
      .set("select_last_index", op.flag("select_last_index"));
  return {};
}

Expected<void> prefix(GraphWriter &w, const Op &op) {
  if (op.kind() == OpKind::CumProd)
    w.needOpset(26);
  std::string axis = w.constant(op, Tensor::scalar(DType::I64, op.integer("axis")));
  w.node(op, op.def().name.c_str(), {w.nameOf(op.operand(0)), axis})
      .set("exclusive", op.flag("exclusive"))
      .set("reverse", op.flag("reverse"));
  return {};
}

// x * sigmoid(alpha * x): Swish itself needs opset 24, which few viewers and runtimes know.
Expected<void> swish(GraphWriter &w, const Op &op) {
  std::string x = w.nameOf(op.operand(0)), scaled = x, gate;
  if (op.real("alpha") != 1)
    w.helper(op, "Mul", {x, w.scalar(op, op.operand(0)->type.dtype, op.real("alpha"))}, scaled);
  w.helper(op, "Sigmoid", {scaled}, gate);
  w.node(op, "Mul", {x, gate});
  return {};
}

Expected<void> clip(GraphWriter &w, const Op &op) {
  std::vector<std::string> inputs = w.operandNames(op);
  for (unsigned i = 1; i < op.numOperands(); ++i)
    if (op.operand(i) && op.operand(i)->type.rank() != 0)
      w.helper(op, "Reshape", {inputs[i], w.ints(op, {})}, inputs[i]);
  w.node(op, "Clip", inputs);
  return {};
}

Expected<void> pooling(GraphWriter &w, const Op &op) {
  NodeBuilder node = w.node(op, op.def().name.c_str());
  node.set("kernel_shape", op.ints("kernel"))
      .set("strides", op.ints("strides"))
      .set("pads", op.ints("pads"))
      .set("ceil_mode", op.flag("ceil_mode"));
  // ONNX Runtime fuses quantised average pooling into an op that lacks the attribute.
  if (std::ranges::any_of(op.ints("dilations"), [](int64_t d) { return d != 1; }))
    node.set("dilations", op.ints("dilations"));
  if (op.kind() == OpKind::MaxPool)
    node.set("storage_order", op.flag("column_major"));
  if (op.kind() == OpKind::AveragePool)
    node.set("count_include_pad", op.flag("count_include_pad"));
  if (op.kind() == OpKind::LpPool)
    node.set("p", op.integer("p"));
  return {};
}

Expected<void> roiAlign(GraphWriter &w, const Op &op) {
  w.node(op, "RoiAlign")
      .set("output_height", op.integer("output_height"))
      .set("output_width", op.integer("output_width"))
      .set("sampling_ratio", op.integer("sampling_ratio"))
      .set("spatial_scale", op.real("spatial_scale"))
      .set("mode", std::string(op.flag("max") ? "max" : "avg"))
      .set("coordinate_transformation_mode",
           std::string(op.flag("half_pixel") ? "half_pixel" : "output_half_pixel"));
  return {};
}

// ONNX requires a scale.
Expected<void> layerNormalization(GraphWriter &w, const Op &op) {
  std::vector<std::string> inputs = w.operandNames(op);
  inputs.resize(3);
  const Type &x = op.operand(0)->type;
  if (inputs[1].empty()) {
    Tensor ones(x.dtype, Dims(x.dims.begin() + op.integer("axis"), x.dims.end()));
    for (int64_t i = 0; i < ones.elements(); ++i)
      ones.setDouble(i, 1);
    inputs[1] = w.constant(op, ones);
  }
  w.node(op, "LayerNormalization", inputs)
      .set("axis", op.integer("axis"))
      .set("epsilon", op.real("epsilon"));
  return {};
}

// x / sqrt(mean(x^2) + epsilon) * scale: RMSNormalization itself needs opset 23.
Expected<void> rmsNormalization(GraphWriter &w, const Op &op) {
  std::vector<int64_t> axes;
  for (int64_t i = op.integer("axis"); i < static_cast<int64_t>(op.operand(0)->type.rank()); ++i)
    axes.push_back(i);
  DType dtype = op.operand(0)->type.dtype;
  std::string x = w.nameOf(op.operand(0)), squares, mean, shifted, root, normal;
  w.helper(op, "Mul", {x, x}, squares);
  w.helper(op, "ReduceMean", {squares, w.ints(op, axes)}, mean);
  w.helper(op, "Add", {mean, w.scalar(op, dtype, op.real("epsilon"))}, shifted);
  w.helper(op, "Sqrt", {shifted}, root);
  w.helper(op, "Div", {x, root}, normal);
  w.node(op, "Mul", {normal, w.nameOf(op.operand(1))});
  return {};
}

Expected<void> topK(GraphWriter &w, const Op &op) {
  w.node(op, "TopK", {w.nameOf(op.operand(0)), w.ints(op, {op.integer("k")})})
      .set("axis", op.integer("axis"))
      .set("largest", op.flag("largest"))
      .set("sorted", true);
  return {};
}

Expected<void> nonMaxSuppression(GraphWriter &w, const Op &op) {
  std::vector<std::string> inputs = w.operandNames(op);
  inputs.resize(4);
  inputs.insert(inputs.begin() + 2, w.ints(op, {op.integer("max_boxes")}));
  w.node(op, "NonMaxSuppression", inputs).set("center_point_box", op.flag("center_point_box"));
  return {};
}

// Without axis the operand is flattened, in ONNX and in the IR.
Expected<void> axisOrFlat(GraphWriter &w, const Op &op) {
  NodeBuilder node = w.node(op, op.def().name.c_str());
  if (op.integer("axis") >= 0)
    node.set("axis", op.integer("axis"));
  if (op.kind() == OpKind::Unique)
    node.set("sorted", op.flag("sorted"));
  return {};
}

Expected<void> col2Im(GraphWriter &w, const Op &op) {
  w.node(op, "Col2Im",
         {w.nameOf(op.operand(0)), w.ints(op, op.ints("image_shape")),
          w.ints(op, op.ints("block_shape"))})
      .set("strides", op.ints("strides"))
      .set("dilations", op.ints("dilations"))
      .set("pads", op.ints("pads"));
  return {};
}

Expected<void> dft(GraphWriter &w, const Op &op) {
  std::string axis = w.constant(op, Tensor::scalar(DType::I64, op.integer("axis")));
  w.node(op, "DFT", {w.nameOf(op.operand(0)), "", axis})
      .set("inverse", op.flag("inverse"))
      .set("onesided", op.flag("onesided"));
  return {};
}

Expected<void> recurrent(GraphWriter &w, const Op &op) {
  NodeBuilder node = w.node(op, op.def().name.c_str());
  node.set("hidden_size", op.integer("hidden_size"))
      .set("direction", op.text("direction"))
      .set("activations", op.texts("activations"));
  if (!op.reals("alpha").empty())
    node.set("activation_alpha", op.reals("alpha"));
  if (!op.reals("beta").empty())
    node.set("activation_beta", op.reals("beta"));
  if (op.real("clip") != 0)
    node.set("clip", op.real("clip"));
  if (op.kind() == OpKind::LSTM)
    node.set("input_forget", op.flag("input_forget"));
  if (op.kind() == OpKind::GRU)
    node.set("linear_before_reset", op.flag("linear_before_reset"));
  return {};
}

} // namespace

Expected<void> writeOp(GraphWriter &w, const Op &op) {
  switch (op.kind()) {
  case OpKind::Param: // an initialiser, written by GraphWriter
  case OpKind::Yield: // the graph's outputs, written by GraphWriter
    return {};
  case OpKind::Fused:
  case OpKind::Reorder:
  case OpKind::Requantize:
  case OpKind::TableLookup:
    return none(op, "it exists only after lowering; write the model before that");
  case OpKind::If:
  case OpKind::Loop:
  case OpKind::Scan:
    return writeControl(w, op);

  case OpKind::Identity:
  case OpKind::Abs:
  case OpKind::Acos:
  case OpKind::Acosh:
  case OpKind::Asin:
  case OpKind::Asinh:
  case OpKind::Atan:
  case OpKind::Atanh:
  case OpKind::BitwiseNot:
  case OpKind::Ceil:
  case OpKind::Cos:
  case OpKind::Cosh:
  case OpKind::Erf:
  case OpKind::Exp:
  case OpKind::Floor:
  case OpKind::IsNaN:
  case OpKind::Log:
  case OpKind::Neg:
  case OpKind::Not:
  case OpKind::Reciprocal:
  case OpKind::Round:
  case OpKind::Sign:
  case OpKind::Sin:
  case OpKind::Sinh:
  case OpKind::Sqrt:
  case OpKind::Tan:
  case OpKind::HardSwish:
  case OpKind::Mish:
  case OpKind::PRelu:
  case OpKind::Relu:
  case OpKind::Sigmoid:
  case OpKind::Softplus:
  case OpKind::Softsign:
  case OpKind::Tanh:
  case OpKind::Add:
  case OpKind::Sub:
  case OpKind::Mul:
  case OpKind::Div:
  case OpKind::Pow:
  case OpKind::Max:
  case OpKind::Min:
  case OpKind::And:
  case OpKind::Or:
  case OpKind::Xor:
  case OpKind::BitwiseAnd:
  case OpKind::BitwiseOr:
  case OpKind::BitwiseXor:
  case OpKind::Equal:
  case OpKind::Greater:
  case OpKind::GreaterOrEqual:
  case OpKind::Less:
  case OpKind::LessOrEqual:
  case OpKind::Where:
  case OpKind::NonZero:
  case OpKind::Det:
  case OpKind::DynamicQuantizeLinear:
    return same(w, op);

  case OpKind::IsInf:
    return with(w, op, {"detect_negative", "detect_positive"});
  case OpKind::Cast:
    return with(w, op, {"to", "saturate"});
  case OpKind::Bitcast:
    w.needOpset(26);
    w.node(op, "BitCast").set("to", int64_t{dtypeToOnnx(op.dtype("to"))});
    return {};
  case OpKind::Celu:
  case OpKind::Elu:
  case OpKind::LeakyRelu:
  case OpKind::ThresholdedRelu:
    return with(w, op, {"alpha"});
  case OpKind::Clip:
    return clip(w, op);
  case OpKind::Gelu:
    w.node(op, "Gelu").set("approximate", std::string(op.flag("tanh") ? "tanh" : "none"));
    return {};
  case OpKind::HardSigmoid:
    return with(w, op, {"alpha", "beta"});
  case OpKind::Selu:
    return with(w, op, {"alpha", "gamma"});
  case OpKind::Shrink:
    w.node(op, "Shrink").set("lambd", op.real("lambda")).set("bias", op.real("bias"));
    return {};
  case OpKind::Swish:
    return swish(w, op);
  case OpKind::Mod:
    return with(w, op, {"fmod"});
  case OpKind::BitShift:
    w.node(op, "BitShift").set("direction", std::string(op.flag("left") ? "LEFT" : "RIGHT"));
    return {};

  case OpKind::ReduceSum:
  case OpKind::ReduceMean:
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
  case OpKind::ReduceProd:
  case OpKind::ReduceL1:
  case OpKind::ReduceL2:
  case OpKind::ReduceSumSquare:
  case OpKind::ReduceLogSum:
  case OpKind::ReduceLogSumExp:
    return reduction(w, op);
  case OpKind::ArgMax:
  case OpKind::ArgMin:
    return argReduction(w, op);
  case OpKind::CumSum:
  case OpKind::CumProd:
    return prefix(w, op);

  case OpKind::Conv:
  case OpKind::ConvTranspose:
  case OpKind::DeformConv:
  case OpKind::MatMul:
  case OpKind::Gemm:
    return writeContraction(w, op);

  case OpKind::MaxPool:
  case OpKind::AveragePool:
  case OpKind::LpPool:
    return pooling(w, op);
  case OpKind::MaxUnpool:
    return writeMaxUnpool(w, op);
  case OpKind::RoiAlign:
    return roiAlign(w, op);

  case OpKind::BatchNormalization:
  case OpKind::InstanceNormalization:
    return with(w, op, {"epsilon"});
  case OpKind::GroupNormalization:
    return with(w, op, {"epsilon", "num_groups"});
  case OpKind::LayerNormalization:
    return layerNormalization(w, op);
  case OpKind::RMSNormalization:
    return rmsNormalization(w, op);
  case OpKind::LRN:
    return with(w, op, {"size", "alpha", "beta", "bias"});
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
  case OpKind::Hardmax:
    return with(w, op, {"axis"});

  case OpKind::Reshape:
  case OpKind::Slice:
  case OpKind::Pad:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::Trilu:
  case OpKind::OneHot:
    return writeMovement(w, op);
  case OpKind::Transpose:
    return with(w, op, {"perm"});
  case OpKind::Concat:
    return with(w, op, {"axis"});
  case OpKind::DepthToSpace:
    return with(w, op, {"blocksize", "mode"});
  case OpKind::SpaceToDepth:
    return with(w, op, {"blocksize"});
  case OpKind::ReverseSequence:
    return with(w, op, {"batch_axis", "time_axis"});

  case OpKind::Gather:
  case OpKind::GatherElements:
    return with(w, op, {"axis"});
  case OpKind::GatherND:
    return with(w, op, {"batch_dims"});
  case OpKind::ScatterElements:
    return with(w, op, {"axis", "reduction"});
  case OpKind::ScatterND:
    return with(w, op, {"reduction"});
  case OpKind::TopK:
    return topK(w, op);
  case OpKind::NonMaxSuppression:
    return nonMaxSuppression(w, op);
  case OpKind::Compress:
  case OpKind::Unique:
    return axisOrFlat(w, op);

  case OpKind::Resize:
    return writeResize(w, op);
  case OpKind::GridSample:
    return with(w, op, {"mode", "padding_mode", "align_corners"});
  case OpKind::Col2Im:
    return col2Im(w, op);
  case OpKind::DFT:
    return dft(w, op);

  case OpKind::QuantizeLinear:
  case OpKind::DequantizeLinear:
    return writeQuantization(w, op);

  case OpKind::LSTM:
  case OpKind::GRU:
  case OpKind::RNN:
    return recurrent(w, op);
  }
  __builtin_unreachable();
}

} // namespace edgecc::exporter
