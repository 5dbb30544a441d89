#include "backends/native/contraction/Cost.h"
#include "backends/native/contraction/DepthwiseDot.h"
#include "backends/native/contraction/Narrow.h"
#include "backends/native/contraction/Planar.h"
#include "backends/native/winograd/Winograd.h"
#include "ir/OpDef.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace edgecc::native {

namespace {

// --- constants, in cycles; see LayerCost ---
constexpr double kKernelStart = 250;  // one kernel: dispatch, arguments
constexpr double kUnitStart = 60;     // one work unit
constexpr double kTileStart = 14;     // filling and draining the pipeline of a register tile
constexpr double kShortTileStart = 4; // of one that the core overlaps with the next
constexpr double kSecondLevelBytes = 768 << 10, kLargeImageBytes = 4 << 20;
constexpr double kThirdLevelRate = 14; // bytes a cycle between second and third level
constexpr double kStreamRate = 20;     // of what is read in order, which is fetched ahead
constexpr double kFirstLevelRate = 24; // bytes a cycle into the first level

bool isByte(DType type) { return type == DType::I8 || type == DType::U8; }

double toDouble(int64_t value) { return static_cast<double>(value); }

// How many times a vector of this many bytes occupies a multiply unit: 64 bytes once, narrower
// ones half as long.
double wide(int64_t bytes) { return bytes > 32 ? 1.0 : 0.5; }

// Operations for each step of a vector of sums.
double operationsPerStep(const Product &product, const NativeTarget &target) {
  switch (product.kind) {
  case Product::Kind::Dot8:
  case Product::Kind::PairBF16:
  case Product::Kind::Scalar16:
  case Product::Kind::Matrix8:
    return 1;
  case Product::Kind::Sums16:
    return 12;
  case Product::Kind::Pair16:
    return target.dot8 ? 1 : 1.2;
  case Product::Kind::Wide16:
    return 2.2;
  case Product::Kind::Plain:
    break;
  }
  if (isFloat(product.accumulator))
    return target.fma ? 1 : 2;
  return 3;
}

class Estimator {
public:
  Estimator(const Op &op, DType activations, DType weights, const NativeTarget &target,
            ConvAlgorithm algorithm, bool bf16Products)
      : op_(op), target_(target), activations_(activations), weights_(weights),
        algorithm_(algorithm), bytes_(isByte(activations) && isByte(weights)),
        pairs_(bf16Products && weights == DType::BF16 &&
               (activations == DType::F32 || activations == DType::BF16) &&
               Product::hasPairBF16(target) && isConstant(op.operand(1))) {
    chooseProduct();
  }

  LayerCost estimate() {
    if (op_.kind() == OpKind::Conv)
      setConv();
    else if (op_.kind() == OpKind::ConvTranspose)
      setConvTranspose();
    else
      setProduct();
    const Window &x = c_.left.windows.back();
    if (bytes_ && weights_ == DType::I8 && !isDepthwise_ && isConstant(op_.operand(1)) &&
        prefersSums16(c_.left.channels * (x.tapStep == 1 ? x.taps : 1), target_))
      product_ = Product::sums16();
    c_.product = product_;
    if (pairs_ && !isDepthwise_ && !prefersPlanar(c_, target_))
      c_.product = product_ = Product::pairBF16();
    if (op_.result()->type.elements() == 0)
      return {};
    std::optional<Contraction> original;
    if (algorithm_ != ConvAlgorithm::Direct && op_.kind() == OpKind::Conv &&
        activations_ == DType::F32 && weights_ == DType::F32 && !isDepthwise_)
      original = c_;
    if (isDepthwise_)
      estimateDepthwise();
    else if (prefersPlanar(c_, target_))
      estimatePlanar();
    else
      estimateDirect();
    addMemory();
    if (original)
      if (auto plan = chooseWinograd(*original, algorithm_, cost_.cycles(), target_)) {
        cost_ = {};
        cost_.arithmetic = plan->cycles;
      }
    return cost_;
  }

private:
  void chooseProduct() {
    leftType_ = activations_;
    if (bytes_) {
      bool dot = target_.dot8 && weights_ == DType::I8;
      product_ = dot ? Product::dot8(target_) : Product::integers16(target_);
      shifted_ = activations_ != product_.a;
    } else if (isFloat(activations_)) {
      if (pairs_)
        leftType_ = DType::F32; // activations are f32 between the layers
      product_ = Product::plain(activations_ == DType::F64 ? DType::F64 : DType::F32);
    } else {
      product_ = Product::plain(bitWidth(activations_) == 64 ? DType::I64 : DType::I32);
    }
  }

  int64_t elementBytes(DType type) const { return std::max(1u, bitWidth(type) / 8); }
  unsigned maxLanes() const { return product_.maxLanes(target_); }
  // Where requantisation follows, the sums of bytes leave as bytes.
  int64_t resultBytes() const { return bytes_ ? 1 : elementBytes(activations_); }

  // --- shapes: an image with its channels innermost ---

  void setConv() {
    const Dims &x = op_.operand(0)->dims(), &w = op_.operand(1)->dims();
    const Dims &y = op_.result()->dims();
    int64_t groups = op_.integer("group");
    isDepthwise_ = w[1] == 1 && groups == x[1] && w[0] == x[1] && x[1] > 1;
    c_.columns = w[0] / std::max<int64_t>(groups, 1);
    setImage(x, y, w[1], groups, [&](size_t i) {
      return Window{
          x[i + 2], w[i + 2], op_.ints("strides")[i], op_.ints("dilations")[i], op_.ints("pads")[i],
          0};
    });
    if (isDepthwise_)
      c_.columns = c_.left.channels = x[1];
  }

  // One of the phases, of which there are as many as strides; each has its part of the kernel.
  void setConvTranspose() {
    const Dims &x = op_.operand(0)->dims(), &w = op_.operand(1)->dims();
    Dims y = op_.result()->dims();
    int64_t groups = op_.integer("group");
    c_.columns = w[1];
    for (size_t i = 0; i + 2 < x.size(); ++i) {
      int64_t stride = op_.ints("strides")[i];
      phases_ *= std::min(stride, w[i + 2]);
      y[i + 2] = std::max<int64_t>(1, y[i + 2] / stride);
    }
    setImage(x, y, w[0] / std::max<int64_t>(groups, 1), groups, [&](size_t i) {
      int64_t stride = op_.ints("strides")[i], taps = (w[i + 2] + stride - 1) / stride;
      return Window{x[i + 2], taps, 1, 1, taps / 2, 0};
    });
  }

  void setImage(const Dims &x, const Dims &y, int64_t channels, int64_t groups,
                const std::function<Window(size_t)> &window) {
    size_t rank = x.size() - 2;
    c_.outer = {x[0], groups};
    c_.rowsY = rank >= 2 ? y[rank] : 1;
    c_.rowsX = y.back();
    LeftOperand &left = c_.left;
    left.dtype = leftType_;
    left.channels = channels;
    left.shift = shifted_ ? 128 : 0;
    if (rank == 1)
      left.windows.push_back({});
    for (size_t i = 0; i < rank; ++i) {
      if (i + 2 < rank)
        c_.outer.push_back(y[i + 2]);
      left.windows.push_back(window(i));
    }
    // Up to four channels are read as planes.
    planes_ = x[1] <= 4 && rank > 0;
    int64_t stride = planes_ ? 1 : x[1];
    left.channelStride = planes_ ? numElements(x) / std::max<int64_t>(1, x[0] * x[1]) : 1;
    for (size_t i = rank; i-- > 0; stride *= x[i + 2])
      left.windows[left.windows.size() - rank + i].stride = stride;
    left.outer.assign(c_.outer.size(), 0);
    c_.right.outer.assign(c_.outer.size(), 0);
    c_.right.outer[1] = 1;
    Access result{0, DType::F32, Dims(c_.outer.size() + 3, 0)};
    int64_t pitch = c_.columns * groups;
    result.strides[result.strides.size() - 3] = pitch * c_.rowsX;
    result.strides[result.strides.size() - 2] = pitch;
    result.strides.back() = 1;
    c_.epilogue.results.push_back(result);
  }

  void setProduct() {
    const Dims &b = op_.operand(1)->dims(), &y = op_.result()->dims();
    bool isGemm = op_.kind() == OpKind::Gemm;
    bool transB = isGemm && op_.flag("transB");
    c_.columns = y.empty() ? 1 : y.back();
    c_.left.channels = b.size() < 2 ? b[0] : b[b.size() - (transB ? 1 : 2)];
    bool constant = isConstant(op_.operand(1));
    int64_t rows = numElements(y) / std::max<int64_t>(1, c_.columns);
    // Constant columns serve all matrices.
    int64_t batch = constant || y.size() < 2 ? 1 : rows / std::max<int64_t>(1, y[y.size() - 2]);
    c_.outer = {batch};
    c_.rowsX = rows / std::max<int64_t>(1, batch);
    c_.left.dtype = leftType_;
    c_.left.shift = shifted_ ? 128 : 0;
    c_.left.windows = {{}, {c_.rowsX, 1, 1, 1, 0, c_.left.channels}};
    c_.left.outer = {0};
    c_.right.outer = {1};
    c_.right.tapStrides = {0, 0};
    if (!constant)
      c_.right.kind = bytes_ || transB ? RightOperand::Kind::Gathered : RightOperand::Kind::InPlace;
    c_.right.channelStride = c_.columns;
    Access result{0, DType::F32, {0, 0, c_.columns, 1}};
    c_.epilogue.results.push_back(result);
  }

  // Also through the Quantize and Dequantize around a parameter.
  static bool isConstant(const Value *value) {
    const Op *op = value->definingOp();
    while (op && (op->kind() == OpKind::DequantizeLinear || op->kind() == OpKind::QuantizeLinear))
      op = op->operand(0)->definingOp();
    return op && op->kind() == OpKind::Param;
  }

  // --- the kernel families ---

  double outer() const {
    double out = toDouble(phases_);
    for (int64_t extent : c_.outer)
      out *= toDouble(extent);
    return out;
  }

  // One vector of results: addition of the bias, conversion, activation, store.
  double epiloguePerVector(const TilePart &part) const {
    double width = wide(part.lanes * product_.accumulatorBytes());
    if (bytes_)
      return (target_.vectorBytes == 64 ? 1.7 : 3.7) * width + (part.active < part.lanes ? 1 : 0);
    return 2.2 * width + (resultBytes() < 4 ? 3 : 0);
  }

  double tileCycles(const ColumnTile &tile, int64_t rows, int64_t steps) const {
    double operations = operationsPerStep(product_, target_), arithmetic = 0,
           loads = 0.5 * toDouble(rows), finish = 0;
    for (const TilePart &part : tile.parts) {
      double width = wide(part.lanes * product_.accumulatorBytes());
      arithmetic += operations * width * toDouble(rows);
      loads += width;
      finish += toDouble(rows) * epiloguePerVector(part);
    }
    double columnBytes = toDouble(tile.padded() * product_.groupBytesB());
    int64_t groups = (c_.depth() + product_.group - 1) / product_.group;
    double refill = columnBytes * toDouble(steps) > 24e3 ? columnBytes / kFirstLevelRate : 0;
    double step = std::max({arithmetic, loads, refill, 4.2}) * 1.01 + 0.05 * loads;
    epilogue_ += finish;
    return step * toDouble(steps) +
           (isShort(product_, groups, target_) ? kShortTileStart : kTileStart);
  }

  // All rows of one tile of columns.
  double columnCycles(const ColumnTile &tile, int64_t steps, double times) {
    double cycles = 0;
    auto add = [&](double count, int64_t rows) {
      if (count <= 0 || rows <= 0)
        return;
      double before = epilogue_;
      cycles += count * tileCycles(tile, rows, steps);
      epilogue_ = before + (epilogue_ - before) * count;
    };
    const RowTile &rows = tile.rows;
    auto lines = [&](double count, int64_t y) {
      add(count * toDouble(c_.rowsX / rows.x), y * rows.x);
      add(count, y * (c_.rowsX % rows.x));
    };
    double before = epilogue_;
    lines(toDouble(c_.rowsY / rows.y), rows.y);
    lines(toDouble(c_.rowsY % rows.y), 1);
    epilogue_ = before + (epilogue_ - before) * times;
    return cycles * times;
  }

  void estimateDirect() {
    c_.collapse();
    c_.product = product_ = fasterProduct(c_, target_);
    Schedule s = scheduleOf(c_, target_);
    int64_t steps = 1;
    for (const ReductionLoop &loop : s.loops)
      steps *= loop.extent;
    double count = outer();
    if (s.tiling.fullCount > 0)
      cost_.arithmetic += columnCycles(s.tiling.full, steps, toDouble(s.tiling.fullCount) * count);
    if (s.tiling.tail.columns > 0)
      cost_.arithmetic += columnCycles(s.tiling.tail, steps, count);
    cost_.epilogue = epilogue_;
    double units = count * toDouble(s.unitsX(c_) * s.unitsY(c_) * s.unitsColumns());
    cost_.overhead = kKernelStart + kUnitStart * units;
    if (s.staged) {
      double elements = units * toDouble(s.stagedBytes) / toDouble(elementBytes(product_.a));
      cost_.staging += elements * stagedElement(s.pixelPitch);
    }
    if (c_.right.kind == RightOperand::Kind::Gathered)
      cost_.staging += count * toDouble(c_.columns * c_.depth()) * 0.6;
  }

  // Copying one element of the input to where the micro-kernel reads it.
  double stagedElement(int64_t pitch) const {
    double bytes = toDouble(std::max(elementBytes(leftType_), elementBytes(product_.a)));
    if (planes_)
      return 0.15 * bytes + 0.15;
    // Runs of whole pixels of a line, or of one pixel.
    auto vector = toDouble(target_.vectorBytes) / bytes;
    bool joined = pitch == c_.left.channels && c_.left.windows.back().stride == c_.left.channels;
    double run = joined ? 1e9 : toDouble(c_.left.channels);
    double whole = std::floor(run / vector), rest = joined ? 0 : run - whole * vector;
    // The rest of a pixel takes a narrower vector for each power of two in it.
    return joined ? 2.5 / vector
                  : (whole * 2.5 + 2 * std::popcount(static_cast<uint64_t>(rest)) + 3) / run;
  }

  void estimatePlanar() {
    Planar planar{"",         c_.product, c_.outer, c_.rowsY,       c_.rowsX,
                  c_.columns, c_.left,    0,        c_.right.outer, c_.epilogue};
    PlanarSchedule s = scheduleOf(planar, target_);
    double width = wide(s.lanes * product_.accumulatorBytes());
    double vectors = toDouble((c_.rowsX + s.lanes - 1) / s.lanes) * toDouble(c_.rowsY) * outer();
    double tiles = vectors / toDouble(s.vectors);
    double columns = toDouble(c_.columns), depth = toDouble(c_.depth());
    double perVector = std::max(columns * width, width + 0.5 * columns / toDouble(s.vectors));
    cost_.arithmetic = vectors * depth * perVector * 1.05 + tiles * kTileStart;
    cost_.epilogue = vectors * columns * 2.2 * width;
    double units = toDouble(s.units(planar)) * toDouble(phases_);
    cost_.staging = units * toDouble(s.stagedBytes) / toDouble(elementBytes(product_.a)) * 0.4;
    cost_.overhead = kKernelStart + kUnitStart * units;
  }

  void estimateDepthwise() {
    double rows = toDouble(c_.rowsY * c_.rowsX) * toDouble(c_.outer[0]);
    for (size_t i = 2; i < c_.outer.size(); ++i)
      rows *= toDouble(c_.outer[i]);
    cost_.overhead = kKernelStart + kUnitStart * 8;
    if (canUseDot(c_, target_)) {
      DotDepthwiseSchedule s = dotScheduleOf(c_, target_, true);
      const Window &x = c_.left.windows[1];
      int64_t block = 4 * s.lanes;
      double width = wide(4 * s.lanes);
      double blocks = toDouble(c_.columns / block);
      double tail = toDouble(c_.columns % block);
      blocks += tail > 0 ? 0.35 + 0.65 * tail / toDouble(block) : 0;
      // Columns of the input that are woven for each result.
      int64_t tileX = std::clamp<int64_t>(s.sums / (4 * s.shifts), 1, 3);
      double columns = toDouble(x.span(tileX)) / toDouble(tileX * s.shifts);
      double weave = columns * 8 * toDouble(s.groups);
      double products = 4 * toDouble(s.groups * x.taps);
      cost_.arithmetic = rows * blocks * width * (0.55 * weave + 1.0 * products);
      cost_.epilogue = rows * blocks * width * 7.5;
      return;
    }
    double vectors = std::ceil(toDouble(c_.columns) / maxLanes());
    double width = wide(static_cast<int64_t>(maxLanes()) * product_.accumulatorBytes());
    double perTap = operationsPerStep(product_, target_) + (bytes_ ? 0.65 : 0.05);
    double taps = 1;
    for (const Window &window : c_.left.windows)
      taps *= toDouble(window.taps);
    // Loads that neighbouring pixels do not share.
    if (c_.left.windows.back().step > 1)
      perTap *= 1.5;
    cost_.arithmetic = rows * vectors * taps * perTap * width;
    cost_.epilogue = rows * vectors * (bytes_ ? 5 : 2) * width;
  }

  // --- memory ---

  void addMemory() {
    double in = toDouble(op_.operand(0)->type.elements() * elementBytes(activations_));
    double out = toDouble(op_.result()->type.elements() * resultBytes());
    double weights =
        toDouble(op_.operand(1)->type.elements() * elementBytes(bytes_ ? weights_ : product_.b));
    // Weights were last used an inference ago; large ones are no longer in the second level.
    double transfer =
        weights / (weights > kSecondLevelBytes / 2 ? kThirdLevelRate / 2 : 1.5 * kThirdLevelRate);
    // Lines of a result are fetched before they are written, and written back beside others where
    // images are large.
    if (in + out > kSecondLevelBytes)
      transfer +=
          in / kStreamRate + (in + out > kLargeImageBytes ? 3 : 1.5) * out / kThirdLevelRate;
    cost_.memory = std::max(0.3 * transfer, transfer - 0.7 * cost_.cycles());
  }

  const Op &op_;
  const NativeTarget &target_;
  DType activations_, weights_, leftType_ = DType::F32;
  ConvAlgorithm algorithm_;
  bool bytes_;
  bool pairs_; // whether a product of bf16 pairs may be used
  bool shifted_ = false, isDepthwise_ = false, planes_ = false;
  int64_t phases_ = 1;
  Product product_;
  Contraction c_;
  LayerCost cost_;
  mutable double epilogue_ = 0;
};

} // namespace

LayerCost layerCost(const Op &op, DType activations, DType weights, const NativeTarget &target,
                    ConvAlgorithm algorithm, bool bf16Products) {
  return Estimator(op, activations, weights, target, algorithm, bf16Products).estimate();
}

int64_t columnMultiple(DType activations, const NativeTarget &target) {
  // Sums are 32 bits wide for every type but f64 and 64-bit integers.
  return target.lanes(bitWidth(activations) == 64 ? 8 : 4);
}

} // namespace edgecc::native
