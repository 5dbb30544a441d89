#include "backends/native/contraction/Depthwise.h"
#include "backends/native/contraction/DepthwiseDot.h"
#include "backends/native/contraction/Narrow.h"
#include "backends/native/contraction/PixelTiles.h"
#include "backends/native/contraction/PlanConv.h"

#include <algorithm>

namespace edgecc::native {

// Code for a line of taps is unrolled, for each result that reaches over the border anew; longer
// filters and those with more such results are left to the direct contraction.
constexpr int64_t kMaxTapsX = 32, kMaxTapsAtBorder = 8192;

bool isDepthwise(const Op &op) {
  Planner planner(op);
  const Op &conv = planner.anchor;
  const Value &x = *planner.operand(0), &w = *planner.operand(1);
  if (conv.kind() != OpKind::Conv || w.dims()[1] != 1 || w.dims()[0] != x.dims()[1] ||
      conv.integer("group") != x.dims()[1] || w.dims().back() > kMaxTapsX || !constantOf(&w))
    return false;
  // Zero points of the weights are folded into them.
  if (conv.integer("block_size") > 0)
    return false;
  const Value *zero = planner.operand(4);
  if (zero && !constantOf(zero))
    return false;
  DType type = x.type.dtype;
  if (isInteger(type) && (bitWidth(type) > 16 || bitWidth(w.type.dtype) > 8))
    return false;
  Window window{x.dims().back(), w.dims().back(), conv.ints("strides").back(),
                conv.ints("dilations").back(), conv.ints("pads")[x.dims().size() - 3]};
  if (borderResults(window, conv.result()->dims().back()) * window.taps > kMaxTapsAtBorder)
    return false;
  return x.dims()[1] > 1 && stridesOf(x)[1] == 1;
}

namespace {

class DepthwisePlanner : public Planner {
public:
  DepthwisePlanner(const Op &op, PlanContext &context)
      : Planner(op, &context), x_(*operand(0)), w_(*operand(1)), rank_(x_.dims().size() - 2) {}

  Expected<void> run() {
    const Dims &kernel = w_.dims(), &y = anchor.result()->dims();
    d_.name = "depthwise";
    for (size_t i = 0; i < rank_; ++i)
      d_.name += (i == 0 ? "_" : "x") + std::to_string(kernel[2 + i]);
    d_.channels = x_.dims()[1];
    d_.outer = {x_.dims()[0]};
    for (size_t i = 0; i + 2 < rank_; ++i)
      d_.outer.push_back(y[2 + i]);
    d_.rowsY = rank_ >= 2 ? y[rank_] : 1;
    d_.rowsX = y.back();
    EDGECC_CHECK(setLeft());
    setAxes();
    EDGECC_TRY(finished, epilogue(axes_, d_.outer.size() + 3));
    d_.epilogue = std::move(finished);
    if (planDot())
      return {};
    if (const Value *bias = operand(2))
      d_.epilogue.addends.push_back({access(*bias, axes_, d_.outer.size() + 3, 1)});
    DepthwiseSchedule schedule = scheduleOf(d_, context->target);
    d_.weights = addWeights(packFilters(
        d_, schedule, [&](int64_t channel, int64_t tap) { return filterElement(channel, tap); }));
    context->kernels.push_back(
        depthwiseKernel(std::move(d_), std::move(schedule), std::move(args)));
    return {};
  }

private:
  Expected<void> setLeft() {
    Dims strides = stridesOf(x_);
    LeftOperand &left = d_.left;
    left.arg = addArg(x_);
    left.dtype = x_.type.dtype;
    left.outer.assign(d_.outer.size(), 0);
    left.outer[0] = strides[0];
    if (rank_ == 1)
      left.windows.push_back({});
    for (size_t i = 0; i < rank_; ++i)
      left.windows.push_back({x_.dims()[2 + i], w_.dims()[2 + i], anchor.ints("strides")[i],
                              anchor.ints("dilations")[i], anchor.ints("pads")[i], strides[2 + i]});
    if (isFloat(left.dtype)) {
      d_.product = Product::plain(left.dtype == DType::F64 ? DType::F64 : DType::F32);
      return {};
    }
    const Value *zero = operand(3);
    if (zero && numElements(zero->dims()) != 1)
      return error("a zero point for each row of the left operand", op.location);
    // Differences of bytes fit in 16 bits, in which x86-64 multiplies fastest.
    d_.product = Product::wide16(context->target);
    if (d_.product.kind != Product::Kind::Pair16 || bitWidth(left.dtype) > 8)
      d_.product = Product::plain(DType::I32);
    if (const Tensor *constant = constantOf(zero))
      left.shift = -constant->asInt(0);
    else if (zero)
      left.zeroPointArg = static_cast<int>(addArg(*zero));
    return {};
  }

  // Plans the kernel with dot products where it is possible.
  bool planDot() {
    if (!isInteger(d_.left.dtype))
      return false;
    auto narrow = planNarrow({d_.left.dtype, w_.type.dtype, operand(3), operand(4), true},
                             context->target, op.location);
    Contraction c;
    c.name = d_.name;
    c.outer = d_.outer;
    c.rowsY = d_.rowsY;
    c.rowsX = d_.rowsX;
    c.columns = d_.channels;
    c.left = d_.left;
    if (!narrow)
      return false;
    c.product = narrow->product;
    if (!canUseDot(c, context->target))
      return false;
    c.left.channels = d_.channels;
    c.left.channelStride = 1;
    c.left.shift = narrow->leftShift;
    c.left.padding = narrow->leftPadding;
    c.left.zeroPointArg = -1;
    c.epilogue = std::move(d_.epilogue);
    bool arranged = arrangeLeaves(c.epilogue);
    int64_t tapsX = c.left.windows.back().taps;
    auto read = [&](int64_t channel, int64_t y, int64_t x) {
      return static_cast<int64_t>(filterElement(channel, y * tapsX + x));
    };
    addBiasAndCorrection(c, narrow->leftCorrection, arranged, read);
    DotDepthwiseSchedule schedule = dotScheduleOf(c, context->target, arranged);
    c.right.arg = addWeights(packDotFilters(c, schedule, read));
    context->kernels.push_back(
        dotDepthwiseKernel(std::move(c), std::move(schedule), std::move(args)));
    return true;
  }

  // Arranges what the epilogue reads for each channel, if that is all that it reads and constant.
  bool arrangeLeaves(Epilogue &epilogue) {
    const Value *bias = operand(2);
    if (!finishesWholeRows(epilogue, context->target) || (bias && !constantOf(bias)))
      return false;
    std::vector<std::pair<Leaf *, const Tensor *>> arrays;
    for (auto &[value, leaf] : epilogue.leaves) {
      const Dims &strides = leaf.access.strides;
      if (leaf.scalar || leaf.isTable ||
          std::ranges::all_of(strides, [](int64_t stride) { return stride == 0; }))
        continue;
      const Tensor *constant = constantOf(outside(value));
      if (!constant || constant->elements() != d_.channels || bitWidth(constant->dtype()) < 8 ||
          leaf.access.column() != 1 ||
          std::any_of(strides.begin(), strides.end() - 1, [](int64_t s) { return s != 0; }))
        return false;
      arrays.emplace_back(&leaf, constant);
    }
    for (auto [leaf, constant] : arrays) {
      std::span bytes(constant->raw(), constant->bytes());
      leaf->access.arg = addWeights(arranged(bytes, bitWidth(constant->dtype()) / 8));
    }
    return true;
  }

  std::vector<std::byte> arranged(std::span<const std::byte> elements, size_t bytes) const {
    return arrangeChannels(elements, bytes, d_.channels, context->target.lanes(4));
  }

  // bias - leftCorrection * sum of the filter, in i32 as the accumulators.
  void addBiasAndCorrection(Contraction &c, int64_t leftCorrection, bool isArranged,
                            const std::function<int64_t(int64_t, int64_t, int64_t)> &read) {
    const Value *bias = operand(2);
    const Tensor *constant = constantOf(bias);
    if (bias && !constant)
      c.epilogue.addends.push_back({access(*bias, axes_, d_.outer.size() + 3, 1)});
    std::vector<int32_t> sums;
    for (int64_t channel = 0; channel < c.columns; ++channel) {
      int64_t sum = 0;
      for (int64_t y = 0; y < c.left.windows[0].taps; ++y)
        for (int64_t x = 0; x < c.left.windows[1].taps; ++x)
          sum -= leftCorrection * read(channel, y, x);
      if (constant)
        sum += constant->asInt(constant->elements() == 1 ? 0 : channel);
      sums.push_back(static_cast<int32_t>(sum));
    }
    if (std::ranges::all_of(sums, [](int32_t sum) { return sum == 0; }))
      return;
    auto bytes = std::as_bytes(std::span(sums));
    Access access{
        addWeights(isArranged ? arranged(bytes, 4) : std::vector(bytes.begin(), bytes.end())),
        DType::I32, Dims(c.outer.size() + 3, 0)};
    access.strides.back() = 1;
    c.epilogue.addends.push_back({access});
  }

  // Iteration axes: n, outer spatial axes, y, x, channel.
  void setAxes() {
    size_t y = d_.outer.size();
    axes_.push_back({{{0, 1}}, 0});
    axes_.push_back({{{y + 2, 1}}, 0});
    for (size_t i = 0; i < rank_; ++i)
      axes_.push_back({{{i + 2 < rank_ ? 1 + i : i + 1 < rank_ ? y : y + 1, 1}}, 0});
  }

  double filterElement(int64_t channel, int64_t tap) const {
    const Tensor &w = *constantOf(&w_);
    int64_t taps = w.elements() / d_.channels;
    double value = w.asDouble(channel * taps + tap);
    if (const Tensor *zero = constantOf(operand(4)))
      value -= zero->asDouble(zero->elements() == 1 ? 0 : channel);
    return value;
  }

  const Value &x_, &w_;
  size_t rank_;
  Depthwise d_;
  std::vector<LogicalAxis> axes_;
};

} // namespace

Expected<void> planDepthwise(const Op &op, PlanContext &context) {
  return DepthwisePlanner(op, context).run();
}

} // namespace edgecc::native
