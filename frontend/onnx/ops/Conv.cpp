// Convolutions in floating point.
#include "frontend/onnx/ops/OpTable.h"
#include "frontend/onnx/ops/Window.h"

#include <algorithm>

namespace edgecc::importer {
namespace {

std::vector<int64_t> kernelOf(NodeContext &n, const Value *weights) {
  if (weights->dims().size() < 3)
    n.fail("the weights need rank 3 or more, are " + weights->type.str());
  Dims kernel(weights->dims().begin() + 2, weights->dims().end());
  if (n.hasAttribute("kernel_shape") && n.intsAttribute("kernel_shape") != kernel)
    n.fail("kernel_shape does not agree with the weights, which are " + weights->type.str());
  return kernel;
}

void importConv(NodeContext &n) {
  Value *x = n.input(0), *w = n.input(1);
  Attributes attributes = readWindow(n, spatialDims(n, x), kernelOf(n, w)).attributes();
  attributes["group"] = n.intAttribute("group", 1);
  n.setOutput(0, n.emit(OpKind::Conv, {x, w, n.optionalInput(2)}, std::move(attributes)));
}

// Operands narrow integers, result i32.
void importConvInteger(NodeContext &n) {
  Value *x = n.input(0), *w = n.input(1);
  Attributes attributes = readWindow(n, spatialDims(n, x), kernelOf(n, w)).attributes();
  attributes["group"] = n.intAttribute("group", 1);
  n.setOutput(0, n.emit(OpKind::Conv, {x, w, nullptr, n.optionalInput(2), n.optionalInput(3)},
                        std::move(attributes)));
}

// A wanted output shape is met by choosing the pads: what the full result has too much is cropped,
// what it has too little is added at the high side.
void fitOutputShape(NodeContext &n, Window &window, std::vector<int64_t> &outputPadding,
                    const Dims &in, const Dims &wanted) {
  size_t count = in.size();
  bool lowGetsLess = n.stringAttribute("auto_pad", "NOTSET") == "SAME_UPPER";
  for (size_t i = 0; i < count; ++i) {
    int64_t full = window.strides[i] * (in[i] - 1) + outputPadding[i] +
                   (window.kernel[i] - 1) * window.dilations[i] + 1;
    int64_t excess = full - wanted[i];
    window.pads[i] = window.pads[count + i] = 0;
    if (excess < 0) {
      outputPadding[i] -= excess;
      continue;
    }
    int64_t half = excess / 2;
    window.pads[i] = lowGetsLess ? half : excess - half;
    window.pads[count + i] = excess - window.pads[i];
  }
}

void importConvTranspose(NodeContext &n) {
  Value *x = n.input(0), *w = n.input(1);
  Dims in = spatialDims(n, x);
  Window window = readWindow(n, in, kernelOf(n, w));
  size_t count = in.size();
  std::vector<int64_t> outputPadding = n.intsAttribute("output_padding");
  outputPadding.resize(count, 0);
  for (int64_t padding : outputPadding)
    if (padding < 0 || padding > (int64_t{1} << 30))
      n.fail("output_padding has an impossible entry");
  std::string autoPad = n.stringAttribute("auto_pad", "NOTSET");
  Dims wanted;
  if (n.hasAttribute("output_shape")) {
    wanted = n.intsAttribute("output_shape");
    if (wanted.size() == count + 2) // batch and channels are named too by some exporters
      wanted.erase(wanted.begin(), wanted.begin() + 2);
    if (wanted.size() != count || !isValidShape(wanted))
      n.fail("output_shape needs one extent for each spatial axis");
  } else if (autoPad.starts_with("SAME"))
    for (size_t i = 0; i < count; ++i)
      wanted.push_back(in[i] * window.strides[i]);
  if (!wanted.empty())
    fitOutputShape(n, window, outputPadding, in, wanted);
  Attributes attributes = window.attributes();
  attributes["group"] = n.intAttribute("group", 1);
  attributes["output_padding"] = outputPadding;
  n.setOutput(0, n.emit(OpKind::ConvTranspose, {x, w, n.optionalInput(2)}, std::move(attributes)));
}

void importDeformConv(NodeContext &n) {
  Value *x = n.input(0), *w = n.input(1);
  Attributes attributes = readWindow(n, spatialDims(n, x), kernelOf(n, w)).attributes();
  attributes["group"] = n.intAttribute("group", 1);
  attributes["offset_group"] = n.intAttribute("offset_group", 1);
  n.setOutput(0,
              n.emit(OpKind::DeformConv, {x, w, n.input(2), n.optionalInput(3), n.optionalInput(4)},
                     std::move(attributes)));
}

} // namespace

void addConvOps(OpTable &table) {
  table.add("Conv", importConv);
  table.add("ConvInteger", importConvInteger);
  table.add("ConvTranspose", importConvTranspose);
  table.add("DeformConv", importDeformConv);
}

} // namespace edgecc::importer
