#include "frontend/onnx/ops/Window.h"

#include <algorithm>

namespace edgecc::importer {

namespace {

constexpr int64_t kMostExtent = int64_t{1} << 30; // keeps the window arithmetic far from overflow

std::vector<int64_t> readList(const NodeContext &n, const char *name, size_t count,
                              int64_t absent) {
  if (!n.hasAttribute(name))
    return std::vector<int64_t>(count, absent);
  std::vector<int64_t> values = n.intsAttribute(name);
  if (values.size() != count)
    n.fail(std::string(name) + " has " + std::to_string(values.size()) + " entries, needs " +
           std::to_string(count));
  for (int64_t value : values)
    if (value < -kMostExtent || value > kMostExtent)
      n.fail(std::string(name) + " has the impossible entry " + std::to_string(value));
  return values;
}

} // namespace

Dims spatialDims(const NodeContext &n, const Value *x) {
  if (x->dims().size() < 3)
    n.mismatch("needs an operand with batch, channel and spatial axes, has " + x->type.str());
  return Dims(x->dims().begin() + 2, x->dims().end());
}

Window readWindow(const NodeContext &n, const Dims &in, std::vector<int64_t> kernel) {
  size_t count = in.size();
  Window window;
  if (kernel.size() != count)
    n.mismatch("kernel_shape has " + std::to_string(kernel.size()) + " entries, needs " +
               std::to_string(count));
  for (size_t i = 0; i < count; ++i)
    if (kernel[i] < 1 || kernel[i] > kMostExtent || in[i] > kMostExtent)
      n.fail("the window or its operand has an impossible extent");
  window.kernel = std::move(kernel);
  window.strides = readList(n, "strides", count, 1);
  window.dilations = readList(n, "dilations", count, 1);
  for (size_t i = 0; i < count; ++i)
    if (window.strides[i] < 1 || window.dilations[i] < 1)
      n.fail("strides and dilations must be positive");
  std::string autoPad = n.stringAttribute("auto_pad", "NOTSET");
  window.pads.assign(2 * count, 0);
  if (autoPad == "NOTSET" || autoPad.empty())
    window.pads = readList(n, "pads", 2 * count, 0);
  else if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER")
    for (size_t i = 0; i < count; ++i) {
      // As many results as strides fit, with the odd element of padding at the named side.
      int64_t out = (in[i] + window.strides[i] - 1) / window.strides[i];
      int64_t span = (window.kernel[i] - 1) * window.dilations[i] + 1;
      int64_t total = std::max<int64_t>((out - 1) * window.strides[i] + span - in[i], 0);
      window.pads[i] = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
      window.pads[count + i] = total - window.pads[i];
    }
  else if (autoPad != "VALID")
    n.fail("unknown auto_pad '" + printable(autoPad) + "'");
  return window;
}

} // namespace edgecc::importer
