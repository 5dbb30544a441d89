#include "tests/unit/native/ConvCases.h"

namespace edgecc::test {

std::vector<int> channelsLast(size_t rank) {
  std::vector<int> order{0};
  for (size_t i = 2; i < rank; ++i)
    order.push_back(static_cast<int>(i));
  order.push_back(1);
  return order;
}

std::vector<double> naiveConv(const ConvCase &c, const std::vector<double> &x,
                              const std::vector<double> &w, const std::vector<double> &bias,
                              const Dims &y) {
  bool transposed = !c.outputPadding.empty();
  std::vector<double> out(static_cast<size_t>(numElements(y)));
  size_t n = c.x.size() - 2;
  int64_t icPerGroup = c.x[1] / c.group, ocPerGroup = y[1] / c.group;
  Dims kernel(c.w.begin() + 2, c.w.end());
  if (numElements(y) == 0)
    return out;
  Dims xi(n + 2), yi(n + 2), wi(n + 2);
  // Gathers for Conv, scatters for ConvTranspose: walks all positions of the smaller side.
  Dims base = transposed ? c.x : y;
  Dims at(base.size(), 0);
  Dims spatial = base;
  spatial[1] = c.group;
  do {
    for (int64_t oc = 0; oc < ocPerGroup; ++oc)
      for (int64_t ic = 0; ic < icPerGroup; ++ic) {
        Dims k(n, 0);
        do {
          xi[0] = yi[0] = at[0];
          xi[1] = at[1] * icPerGroup + ic;
          yi[1] = at[1] * ocPerGroup + oc;
          wi[0] = transposed ? xi[1] : yi[1];
          wi[1] = transposed ? oc : ic;
          bool inside = true;
          for (size_t d = 0; d < n; ++d) {
            int64_t other = at[d + 2] * c.strides[d] + k[d] * c.dilations[d] - c.pads[d];
            xi[d + 2] = transposed ? at[d + 2] : other;
            yi[d + 2] = transposed ? other : at[d + 2];
            inside = inside && other >= 0 && other < (transposed ? y : c.x)[d + 2];
            wi[d + 2] = k[d];
          }
          if (inside)
            out[static_cast<size_t>(flat(yi, y))] +=
                (x[static_cast<size_t>(flat(xi, c.x))] - static_cast<double>(c.xZero)) *
                (w[static_cast<size_t>(flat(wi, c.w))] - static_cast<double>(c.wZero));
        } while (next(k, kernel));
      }
  } while (next(at, spatial));
  if (!bias.empty()) {
    Dims i(y.size(), 0);
    do
      out[static_cast<size_t>(flat(i, y))] += bias[static_cast<size_t>(i[1])];
    while (next(i, y));
  }
  return out;
}

void addConv(Harness &h, const ConvCase &c) {
  bool transposed = !c.outputPadding.empty();
  auto order = c.channelsLast ? channelsLast(c.x.size()) : std::vector<int>{};
  auto x = h.argument(c.dtype, c.x, order);
  bool narrow = isInteger(c.dtype);
  DType weightType = narrow || c.weightType == DType::BF16 ? c.weightType : c.dtype;
  auto w = c.constantWeights ? h.constant(weightType, c.w) : h.argument(weightType, c.w);
  std::vector<Value *> operands{x.value, w.value};
  std::vector<double> bias;
  if (c.bias) {
    auto b = h.constant(narrow ? DType::I32 : c.dtype, {transposed ? c.w[1] * c.group : c.w[0]});
    operands.push_back(b.value);
    bias = b.logical;
  }
  if (narrow) {
    operands.resize(3, nullptr);
    auto zero = [&](DType type, int64_t value, bool variable) {
      std::vector<double> values{static_cast<double>(value)};
      return (variable ? h.argument(type, {}, values) : h.constant(type, {}, values)).value;
    };
    operands.push_back(zero(c.dtype, c.xZero, c.variableZero));
    operands.push_back(zero(weightType, c.wZero, false));
  }
  Attributes attributes{
      {"strides", c.strides}, {"dilations", c.dilations}, {"pads", c.pads}, {"group", c.group}};
  if (transposed)
    attributes["output_padding"] = c.outputPadding;
  Op *op = h.create(transposed ? OpKind::ConvTranspose : OpKind::Conv, operands, attributes);
  std::string what = (transposed ? "transposed " : "") + str(c.x) + " * " + str(c.w) + " s" +
                     str(c.strides) + " d" + str(c.dilations) + " p" + str(c.pads) + " g" +
                     std::to_string(c.group) + (c.channelsLast ? " nhwc" : " nchw") +
                     (c.constantWeights ? "" : " variable weights") + (c.bias ? " bias" : "") +
                     " " + std::string(name(c.dtype)) + " zero points " + std::to_string(c.xZero) +
                     ", " + std::to_string(c.wZero) + (c.variableZero ? " variable" : "");
  h.expect(op, naiveConv(c, x.logical, w.logical, bias, op->result()->dims()), order, what);
}

ConvCase randomConv(Harness &h, size_t spatial, bool transposed) {
  for (;;) {
    ConvCase c;
    c.group = h.uniform(0, 3) == 0 ? h.uniform(1, 5) : 1;
    int64_t most = spatial == 3 ? 12 : 40;
    int64_t ic = h.uniform(1, most / c.group), oc = h.uniform(1, most / c.group);
    c.x = {h.uniform(1, 2), ic * c.group};
    c.w = transposed ? Dims{ic * c.group, oc} : Dims{oc * c.group, ic};
    bool fits = true;
    for (size_t i = 0; i < spatial; ++i) {
      c.x.push_back(h.uniform(1, spatial == 1 ? 60 : spatial == 2 ? 20 : 7));
      c.w.push_back(h.uniform(1, spatial == 3 ? 3 : 5));
      c.strides.push_back(h.uniform(1, 3));
      c.dilations.push_back(h.uniform(0, 2) == 0 ? h.uniform(2, 3) : 1);
    }
    for (size_t i = 0; i < 2 * spatial; ++i)
      c.pads.push_back(h.uniform(0, 7) ? h.uniform(0, 2) : -1); // negative ones crop
    for (size_t i = 0; i < spatial; ++i) {
      int64_t reach = (c.w[i + 2] - 1) * c.dilations[i] + 1, pads = c.pads[i] + c.pads[spatial + i];
      if (transposed) {
        c.outputPadding.push_back(h.uniform(0, c.strides[i] - 1));
        fits = fits && (c.x[i + 2] - 1) * c.strides[i] + reach - pads + c.outputPadding[i] > 0;
      } else {
        fits = fits && c.x[i + 2] + pads >= reach;
      }
    }
    if (!fits)
      continue;
    c.channelsLast = h.uniform(0, 3) != 0;
    c.bias = h.uniform(0, 1);
    c.constantWeights = h.uniform(0, 4) != 0;
    return c;
  }
}

size_t transposedAxis(const ConvCase &c) { return c.outputPadding.empty() ? 1 : 0; }

void makeDepthwise(Harness &h, ConvCase &c) {
  int64_t channels = h.uniform(2, 70);
  c.group = c.x[1] = c.w[0] = channels;
  c.w[1] = 1;
}

void makeNarrow(Harness &h, ConvCase &c) {
  c.dtype = h.uniform(0, 1) ? DType::U8 : DType::I8;
  c.weightType = h.uniform(0, 2) ? DType::I8 : DType::U8;
  auto within = [&](DType type) {
    return type == DType::U8 ? h.uniform(0, 255) : h.uniform(-128, 127);
  };
  c.xZero = h.uniform(0, 2) ? within(c.dtype) : 0;
  c.wZero = h.uniform(0, 2) ? (c.weightType == DType::U8 ? 128 : 0) : within(c.weightType);
  c.variableZero = h.uniform(0, 4) == 0;
}

} // namespace edgecc::test
