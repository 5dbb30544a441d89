// Fourier transforms, windows, mel filters.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <cmath>
#include <numbers>

namespace edgecc::importer {
namespace {

constexpr int64_t kMostSamples = int64_t{1} << 24;

int64_t requireInt(NodeContext &n, unsigned i, const char *what) {
  auto values = n.requireInts(i, what);
  if (values.size() != 1 || values[0] < 0 || values[0] > kMostSamples)
    n.fail(std::string(what) + " must be one number, not negative and not too large");
  return values[0];
}

// a0 - a1 cos(2 pi k / N) + a2 cos(4 pi k / N), N the size, or for symmetric windows one less.
void importWindow(NodeContext &n, double a0, double a1, double a2) {
  DType dtype = n.dtypeAttribute("output_datatype").value_or(DType::F32);
  int64_t size = requireInt(n, 0, "the size");
  auto period = static_cast<double>(n.flag("periodic", true) ? size : size - 1);
  if (!isFloat(dtype))
    n.fail("a window of type " + std::string(name(dtype)) + " is not supported");
  Tensor window(dtype, {size});
  for (int64_t k = 0; k < size; ++k) {
    double angle = 2 * std::numbers::pi * static_cast<double>(k) / period;
    window.setDouble(k, a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle));
  }
  n.setOutput(0, n.constant(std::move(window)));
}

// The signal cut, or filled with zeros, to `length` along the axis.
Value *fitLength(NodeContext &n, Value *x, int64_t axis, int64_t length) {
  auto at = static_cast<size_t>(axis);
  int64_t extent = x->dims()[at];
  if (length <= extent)
    return sliceAxis(n, x, axis, 0, length);
  std::vector<int64_t> low(x->dims().size(), 0), high = low;
  high[at] = length - extent;
  return padAxes(n, x, low, high);
}

// The real signal whose spectrum's first half is x: the other half is its conjugate mirrored.
Value *inverseOfHalf(NodeContext &n, Value *x, int64_t axis) {
  const Dims &dims = x->dims();
  int64_t given = dims[static_cast<size_t>(axis)];
  int64_t length =
      n.hasInput(1) ? requireInt(n, 1, "the length of the transform") : 2 * (given - 1);
  if (dims.back() != 2 || axis + 1 == static_cast<int64_t>(dims.size()) || length < 1)
    n.fail("half a spectrum must be complex and at least one element long");
  int64_t half = length / 2 + 1;
  x = fitLength(n, x, axis, half);
  Tensor positions(DType::I64, {length}), signs(x->type.dtype, {length, 2});
  for (int64_t i = 0; i < length; ++i) {
    positions.setDouble(i, static_cast<double>(i < half ? i : length - i));
    signs.setDouble(2 * i, 1);
    signs.setDouble(2 * i + 1, i < half ? 1 : -1);
  }
  Value *whole = n.emit(OpKind::Gather, {x, n.constant(std::move(positions))}, {{"axis", axis}});
  Dims broadcast(dims.size(), 1);
  broadcast[static_cast<size_t>(axis)] = length;
  broadcast.back() = 2;
  whole = mul(n, whole, reshape(n, n.constant(std::move(signs)), std::move(broadcast)));
  Value *signal = n.emit(OpKind::DFT, {whole}, {{"axis", axis}, {"inverse", true}});
  return sliceAxis(n, signal, static_cast<int64_t>(dims.size()) - 1, 0, 1);
}

// Up to opset 19 the axis is an attribute, 1 if absent; then operand 2, the last but one if absent.
void importDFT(NodeContext &n) {
  Value *x = n.input(0);
  int64_t axis = n.opset() < 20 ? n.intAttribute("axis", 1) : -2;
  if (n.opset() >= 20 && n.hasInput(2)) {
    auto given = n.requireInts(2, "the axis");
    axis = given.size() == 1 ? given[0] : -2;
  }
  axis = normalizedAxis(n, axis, x->dims().size());
  bool inverse = n.flag("inverse", false), onesided = n.flag("onesided", false);
  if (inverse && onesided)
    return n.setOutput(0, inverseOfHalf(n, x, axis));
  if (n.hasInput(1))
    x = fitLength(n, x, axis, requireInt(n, 1, "the length of the transform"));
  n.setOutput(
      0, n.emit(OpKind::DFT, {x}, {{"axis", axis}, {"inverse", inverse}, {"onesided", onesided}}));
}

// Overlapping frames, gathered, weighted by the window and transformed.
void importSTFT(NodeContext &n) {
  Value *signal = n.input(0);
  int64_t step = requireInt(n, 1, "the frame step");
  Value *window = n.optionalInput(2);
  int64_t length = n.hasInput(3)                          ? requireInt(n, 3, "the frame length")
                   : window && window->dims().size() == 1 ? window->dims()[0]
                                                          : 0;
  if (signal->dims().size() == 2)
    signal = reshape(n, signal, {signal->dims()[0], signal->dims()[1], 1});
  if (signal->dims().size() != 3 || step < 1 || length < 1 || length > signal->dims()[1])
    n.fail("needs a signal [batch, length, 1 or 2] that is at least one frame long");
  int64_t frames = (signal->dims()[1] - length) / step + 1;
  if (frames > kMostSamples || frames * length > kMostSamples)
    n.fail("has too many frames");
  Tensor positions(DType::I64, {frames, length});
  auto out = positions.mutableData<int64_t>();
  for (int64_t frame = 0; frame < frames; ++frame)
    for (int64_t i = 0; i < length; ++i)
      out[static_cast<size_t>(frame * length + i)] = frame * step + i;
  Value *framed =
      n.emit(OpKind::Gather, {signal, n.constant(std::move(positions))}, {{"axis", int64_t{1}}});
  if (window) {
    if (window->type.elements() != length)
      n.fail("the window is not as long as a frame");
    framed = mul(n, framed, reshape(n, window, {length, 1}));
  }
  n.setOutput(0, n.emit(OpKind::DFT, {framed},
                        {{"axis", int64_t{2}}, {"onesided", n.flag("onesided", true)}}));
}

// Triangular filters between points that are equally spaced on the mel scale,
// mel = 2595 log10(1 + hertz / 700), rounded down to bins of the spectrum.
void importMelWeightMatrix(NodeContext &n) {
  int64_t bands = requireInt(n, 0, "the number of mel bands");
  int64_t length = requireInt(n, 1, "the length of the transform");
  int64_t rate = requireInt(n, 2, "the sample rate");
  double low = n.requireConstant(3, "the lower edge").asDouble(0);
  double high = n.requireConstant(4, "the upper edge").asDouble(0);
  DType dtype = n.dtypeAttribute("output_datatype").value_or(DType::F32);
  int64_t bins = length / 2 + 1;
  if (rate < 1 || bands < 1 || bins * bands > kMostSamples || !isFloat(dtype) || !(low >= 0) ||
      !(high >= low) || !(high <= static_cast<double>(rate)))
    n.fail("the parameters of the filters are impossible");
  auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  double step = (mel(high) - mel(low)) / static_cast<double>(bands + 2);
  auto edge = [&](int64_t i) {
    double hertz = 700 * (std::pow(10, (mel(low) + step * static_cast<double>(i)) / 2595) - 1);
    return static_cast<int64_t>(
        std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate)));
  };
  Tensor weights(dtype, {bins, bands});
  auto set = [&](int64_t bin, int64_t band, int64_t part, int64_t whole) {
    if (bin < bins)
      weights.setDouble(bin * bands + band, static_cast<double>(part) / static_cast<double>(whole));
  };
  for (int64_t band = 0; band < bands; ++band) {
    int64_t left = edge(band), centre = edge(band + 1), right = edge(band + 2);
    if (centre == left)
      set(centre, band, 1, 1);
    for (int64_t bin = left; centre > left && bin <= centre; ++bin)
      set(bin, band, bin - left, centre - left);
    for (int64_t bin = centre; bin < right; ++bin)
      set(bin, band, right - bin, right - centre);
  }
  n.setOutput(0, n.constant(std::move(weights)));
}

} // namespace

void addSignalOps(OpTable &table) {
  table.add("BlackmanWindow", [](NodeContext &n) { importWindow(n, 0.42, 0.5, 0.08); });
  table.add("DFT", importDFT);
  table.add("HammingWindow", [](NodeContext &n) { importWindow(n, 25.0 / 46, 21.0 / 46, 0); });
  table.add("HannWindow", [](NodeContext &n) { importWindow(n, 0.5, 0.5, 0); });
  table.add("MelWeightMatrix", importMelWeightMatrix);
  table.add("STFT", importSTFT);
}

} // namespace edgecc::importer
