#include "backends/native/contraction/PlanConv.h"
#include "backends/native/contraction/Cost.h"
#include "backends/native/contraction/Narrow.h"
#include "backends/native/contraction/Pack.h"
#include "backends/native/contraction/Planar.h"
#include "backends/native/winograd/Winograd.h"

#include <fmt/format.h>
#include <numeric>
#include <utility>

namespace edgecc::native {

namespace {

class ConvPlanner : public Planner {
public:
  ConvPlanner(const Op &op, PlanContext &context, const ConvShape &shape)
      : Planner(op, &context), shape_(shape), x_(*operand(0)), w_(*operand(1)),
        rank_(shape.axes.size()), constant_(constantOf(&w_)),
        algorithm_(context.algorithms.of(op.location)) {}

  Expected<void> run() {
    c_.name = shape_.name;
    c_.columns = shape_.columns;
    EDGECC_CHECK(chooseProduct());
    setExtents();
    setLeft();
    setRight();
    // Planar kernels broadcast their few weights, which are then as wide as the sums.
    Product narrow = std::exchange(c_.product, wideColumns(c_.product));
    bool planar = prefersPlanar(c_, context->target) && !(asksForWinograd() && canUseWinograd(c_));
    if (!planar)
      c_.product = narrow;
    setAxes(planar);
    EDGECC_TRY(finished, epilogue(axes_, c_.outer.size() + 3));
    c_.epilogue = std::move(finished);
    bool corrects = constant_ && narrow_.leftCorrection != 0;
    if (const Value *bias = operand(2); bias && !(corrects && constantOf(bias)))
      c_.epilogue.addends.push_back({access(*bias, axes_, c_.outer.size() + 3, 1)});
    if (planar) {
      addPlanarKernel();
      return {};
    }
    if (corrects)
      addCorrection();
    if (addWinogradKernels())
      return {};
    c_.collapse();
    if (constant_)
      c_.product = fasterProduct(c_, context->target);
    Schedule schedule = scheduleOf(c_, context->target);
    if (constant_)
      args[c_.right.arg] = {Storage::Space::Weights, 0,
                            packColumns(c_, schedule, columns_, context->weights)};
    context->kernels.push_back(directKernel(std::move(c_), std::move(schedule), std::move(args)));
    return {};
  }

private:
  int64_t blockSize() const {
    return anchor.kind() == OpKind::Conv ? anchor.integer("block_size") : 0;
  }

  // Of weights [M, C, taps...] with factors [M, C / block, taps...]; k counts taps, then channels.
  void setFactors() {
    const Tensor *scale = constantOf(operand(5));
    int64_t taps = c_.depth() / shape_.channels, channels = shape_.channels;
    columns_.scale = [=, block = blockSize(), columns = shape_.columns](int64_t k, int64_t matrix,
                                                                        int64_t column) {
      int64_t tap = k / channels, from = k % channels / block, row = matrix * columns + column;
      return static_cast<float>(scale->asDouble((row * (channels / block) + from) * taps + tap));
    };
  }

  static Product wideColumns(const Product &product) {
    return isFloat(product.accumulator) ? Product::plain(product.accumulator) : product;
  }

  Expected<void> chooseProduct() {
    DType type = x_.type.dtype;
    if (isFloat(type)) {
      c_.product = floatProduct(type, constant_, shape_.channels % 2 == 0, blockSize(),
                                usesBF16Products(*context));
      return {};
    }
    const Window &x = shape_.axes.back().window;
    EDGECC_TRY(plan, planNarrow({type, w_.type.dtype, operand(3), operand(4), constant_ != nullptr,
                                 constant_, shape_.channels * (x.tapStep == 1 ? x.taps : 1)},
                                context->target, op.location));
    narrow_ = plan;
    if (narrow_.rightZeroAtRunTime) {
      constant_ = nullptr; // gathered, so that the kernel can subtract
      if (shape_.groups > 1 && numElements(operand(4)->dims()) > 1)
        return error("run-time zero points for each channel of grouped weights", op.location);
    }
    c_.product = narrow_.product;
    return {};
  }

  bool asksForWinograd() const {
    return algorithm_ != ConvAlgorithm::Auto && algorithm_ != ConvAlgorithm::Direct;
  }

  // Whether Winograd's method was chosen.
  bool addWinogradKernels() {
    if (anchor.kind() != OpKind::Conv || !constant_ || constant_->dtype() != DType::F32)
      return false;
    const NativeTarget &target = context->target;
    double direct =
        layerCost(anchor, DType::F32, DType::F32, target, ConvAlgorithm::Direct).cycles();
    auto plan = chooseWinograd(c_, algorithm_, direct, target);
    if (!plan)
      return false;
    args[c_.right.arg] = {Storage::Space::Weights, 0,
                          packWinograd(c_, *plan, columns_, context->weights)};
    for (Kernel &kernel : winogradKernels(std::move(c_), std::move(*plan), std::move(args), target))
      context->kernels.push_back(std::move(kernel));
    return true;
  }

  void addPlanarKernel() {
    args[c_.right.arg] = {Storage::Space::Weights, 0,
                          packColumns(c_, planarPacking(c_), columns_, context->weights)};
    Planar planar{c_.name,    c_.product, c_.outer,     c_.rowsY,       c_.rowsX,
                  c_.columns, c_.left,    c_.right.arg, c_.right.outer, std::move(c_.epilogue)};
    PlanarSchedule schedule = scheduleOf(planar, context->target);
    context->kernels.push_back(planarKernel(std::move(planar), schedule, std::move(args)));
  }

  // Outer axes: n, group, phase of each spatial axis, outer spatial axes.
  void setExtents() {
    c_.outer = {x_.dims()[0], shape_.groups};
    for (const SpatialAxis &axis : shape_.axes)
      c_.outer.push_back(axis.phases);
    for (size_t i = 0; i + 2 < rank_; ++i)
      c_.outer.push_back(shape_.axes[i].count);
    c_.rowsY = rank_ >= 2 ? shape_.axes[rank_ - 2].count : 1;
    c_.rowsX = shape_.axes[rank_ - 1].count;
  }

  // Iteration axes: the outer ones, y, then x and column; of a planar kernel, column and x.
  void setAxes(bool planar) {
    size_t y = c_.outer.size(), x = planar ? y + 2 : y + 1, column = planar ? y + 1 : y + 2;
    axes_.push_back({{{0, 1}}, 0});
    axes_.push_back({{{1, shape_.columns}, {column, 1}}, 0});
    for (size_t i = 0; i < rank_; ++i) {
      size_t iteration = i + 2 < rank_ ? 2 + rank_ + i : i + 1 < rank_ ? y : x;
      axes_.push_back({{{iteration, shape_.axes[i].step}, {2 + i, 1}}, shape_.axes[i].first});
    }
  }

  void setLeft() {
    Dims strides = stridesOf(x_);
    LeftOperand &left = c_.left;
    left.arg = addArg(x_);
    left.dtype = x_.type.dtype;
    left.outer.assign(c_.outer.size(), 0);
    left.outer[0] = strides[0];
    left.outer[1] = strides[1] * shape_.channels;
    if (rank_ == 1)
      left.windows.push_back({});
    for (size_t i = 0; i < rank_; ++i) {
      left.windows.push_back(shape_.axes[i].window);
      left.windows.back().stride = strides[2 + i];
    }
    left.channels = shape_.channels;
    left.channelStride = strides[1];
    left.shift = narrow_.leftShift;
    left.padding = narrow_.leftPadding;
    if (narrow_.leftZeroAtRunTime)
      left.zeroPointArg = static_cast<int>(addArg(*operand(3)));
  }

  // Element of the weights that tap 0 of the given phases reads.
  int64_t kernelOrigin(const std::vector<int64_t> &phases) const {
    int64_t origin = 0;
    for (size_t i = 0; i < rank_; ++i)
      if (!shape_.axes[i].firstKernelIndex.empty())
        origin += shape_.axes[i].firstKernelIndex[static_cast<size_t>(phases[i])] *
                  shape_.weights.kernel[i];
    return origin;
  }

  void setRight() {
    RightOperand &right = c_.right;
    right.dtype = w_.type.dtype;
    right.outer.assign(c_.outer.size(), 0);
    if (rank_ == 1)
      right.tapStrides.push_back(0);
    for (size_t i = 0; i < rank_; ++i)
      right.tapStrides.push_back(shape_.axes[i].kernelStep * shape_.weights.kernel[i]);
    right.channelStride = shape_.weights.channel;
    right.columnStride = shape_.weights.column;
    if (!constant_) {
      right.kind = RightOperand::Kind::Gathered;
      right.arg = addArg(w_, kernelOrigin(std::vector<int64_t>(rank_, 0)));
      right.outer[1] = shape_.weights.group;
      if (narrow_.rightZeroAtRunTime) {
        right.zeroPointArg = static_cast<int>(addArg(*operand(4)));
        right.zeroPointColumnStride = numElements(operand(4)->dims()) == 1 ? 0 : 1;
      }
      return;
    }
    right.kind = RightOperand::Kind::Packed;
    right.arg = static_cast<unsigned>(args.size());
    args.push_back({Storage::Space::Weights, 0, 0});
    int64_t matrices = 1;
    for (size_t i = rank_; i-- > 0; matrices *= shape_.axes[i].phases)
      right.outer[2 + i] = matrices;
    right.outer[1] = matrices;
    setColumns(matrices);
  }

  void setColumns(int64_t matricesOfGroup) {
    columns_.tensor = constant_;
    columns_.columnStride = shape_.weights.column;
    columns_.zeroPoints = narrow_.rightZeros;
    for (int64_t group = 0; group < shape_.groups; ++group)
      for (int64_t m = 0; m < matricesOfGroup; ++m) {
        std::vector<int64_t> phases(rank_);
        int64_t rest = m;
        for (size_t i = rank_; i-- > 0; rest /= shape_.axes[i].phases)
          phases[i] = rest % shape_.axes[i].phases;
        columns_.matrices.push_back(group * shape_.weights.group + kernelOrigin(phases));
      }
    columns_.k = {0};
    auto extend = [&](int64_t extent, int64_t stride) {
      Dims next;
      for (int64_t base : columns_.k)
        for (int64_t i = 0; i < extent; ++i)
          next.push_back(base + i * stride);
      columns_.k = std::move(next);
    };
    for (size_t i = 0; i < c_.left.windows.size(); ++i)
      extend(c_.left.windows[i].taps, c_.right.tapStrides[i]);
    extend(c_.left.channels, c_.right.channelStride);
    if (blockSize() > 0)
      setFactors();
  }

  // -leftCorrection * sum_k w[k][column], in i32 as the accumulators, and the bias if constant; for
  // each packed matrix.
  void addCorrection() {
    std::vector<int32_t> sums;
    const Tensor *bias = constantOf(operand(2));
    auto matricesOfGroup = columns_.matrices.size() / static_cast<size_t>(shape_.groups);
    for (size_t m = 0; m < columns_.matrices.size(); ++m)
      for (int64_t column = 0; column < shape_.columns; ++column) {
        auto group = static_cast<int64_t>(m / matricesOfGroup);
        auto index = static_cast<size_t>(group * shape_.columns + column);
        const Dims &zeros = narrow_.rightZeros;
        int64_t sum = 0, zero = zeros.empty() ? 0 : zeros[zeros.size() == 1 ? 0 : index];
        for (int64_t k : columns_.k)
          sum += constant_->asInt(columns_.matrices[m] + k + column * columns_.columnStride) - zero;
        sum *= -narrow_.leftCorrection;
        if (bias)
          sum += bias->asInt(bias->elements() == 1 ? 0 : static_cast<int64_t>(index));
        sums.push_back(static_cast<int32_t>(sum));
      }
    Access access{addWeights(std::as_bytes(std::span(sums))), DType::I32, c_.right.outer};
    for (int64_t &stride : access.strides)
      stride *= shape_.columns;
    access.strides.insert(access.strides.end(), {0, 0, 1});
    c_.epilogue.addends.insert(c_.epilogue.addends.begin(), {access});
  }

  const ConvShape &shape_;
  const Value &x_, &w_;
  size_t rank_;
  const Tensor *constant_;
  ConvAlgorithm algorithm_;
  NarrowPlan narrow_;
  Contraction c_;
  ConstantColumns columns_;
  std::vector<LogicalAxis> axes_;
};

std::string kernelName(const char *prefix, const Dims &weights) {
  std::string out = prefix;
  for (size_t i = 2; i < weights.size(); ++i)
    out += (i == 2 ? "_" : "x") + std::to_string(weights[i]);
  return out;
}

} // namespace

Expected<void> planConvolution(const Op &op, PlanContext &context, const ConvShape &shape) {
  return ConvPlanner(op, context, shape).run();
}

Expected<void> planConv(const Op &op, PlanContext &context) {
  Planner planner(op);
  const Op &conv = planner.anchor;
  const Value &x = *planner.operand(0), &w = *planner.operand(1);
  const Dims &y = conv.result()->dims();
  Dims strides = stridesOf(w);
  ConvShape shape;
  shape.name = kernelName("conv", w.dims());
  shape.groups = conv.integer("group");
  shape.channels = w.dims()[1];
  shape.columns = w.dims()[0] / shape.groups;
  shape.weights = {strides[0] * shape.columns, strides[1], strides[0], {}};
  for (size_t i = 0; i + 2 < y.size(); ++i) {
    SpatialAxis axis;
    axis.count = y[i + 2];
    axis.window = {x.dims()[i + 2],           w.dims()[i + 2],      conv.ints("strides")[i],
                   conv.ints("dilations")[i], conv.ints("pads")[i], 0};
    shape.axes.push_back(std::move(axis));
    shape.weights.kernel.push_back(strides[i + 2]);
  }
  return planConvolution(op, context, shape);
}

// --- transposed ---

// Output o = phase + i * stride receives input (o + pad - k * dilation) / stride through kernel
// index k wherever that division is exact: with g = gcd(stride, dilation) these are k0 + j *
// stride / g, and the input index falls by dilation / g from one to the next. Taps run backwards
// here, so that input indices ascend.
static std::vector<SpatialAxis> phasesOf(int64_t in, int64_t out, int64_t kernel, int64_t stride,
                                         int64_t dilation, int64_t pad, bool join) {
  int64_t common = std::gcd(stride, dilation);
  int64_t kernelStep = stride / common, tapStep = dilation / common;
  std::vector<SpatialAxis> phases;
  for (int64_t phase = 0; phase < std::min(stride, out); ++phase) {
    SpatialAxis axis;
    axis.first = phase;
    axis.step = stride;
    axis.count = (out - phase + stride - 1) / stride;
    int64_t first = 0;
    while (first < std::min(kernel, kernelStep) && (phase + pad - first * dilation) % stride != 0)
      ++first;
    int64_t taps = first < std::min(kernel, kernelStep) ? (kernel - first - 1) / kernelStep + 1 : 0;
    int64_t low = 0; // input index of output 0 through the last kernel index
    if (taps > 0)
      low = (phase + pad - first * dilation) / stride - (taps - 1) * tapStep;
    axis.window = {in, taps, 1, tapStep, -low, 0};
    axis.firstKernelIndex = {taps > 0 ? first + (taps - 1) * kernelStep : 0};
    axis.kernelStep = -kernelStep;
    if (join && !phases.empty()) {
      SpatialAxis &last = phases.back();
      if (last.count == axis.count && last.window.taps == taps && last.window.pad == -low) {
        last.firstKernelIndex.push_back(axis.firstKernelIndex[0]);
        ++last.phases;
        continue;
      }
    }
    phases.push_back(std::move(axis));
  }
  return phases;
}

Expected<void> planConvTranspose(const Op &op, PlanContext &context) {
  Planner planner(op);
  const Op &conv = planner.anchor;
  const Value &x = *planner.operand(0), &w = *planner.operand(1);
  const Dims &y = conv.result()->dims();
  Dims strides = stridesOf(w);
  ConvShape shape;
  shape.name = kernelName("convtranspose", w.dims());
  shape.groups = conv.integer("group");
  shape.channels = w.dims()[0] / shape.groups;
  shape.columns = w.dims()[1];
  shape.weights = {strides[0] * shape.channels, strides[0], strides[1], {}};
  std::vector<std::vector<SpatialAxis>> phases;
  for (size_t i = 0; i + 2 < y.size(); ++i) {
    phases.push_back(phasesOf(x.dims()[i + 2], y[i + 2], w.dims()[i + 2], conv.ints("strides")[i],
                              conv.ints("dilations")[i], conv.ints("pads")[i],
                              constantOf(&w) != nullptr));
    shape.weights.kernel.push_back(strides[i + 2]);
  }
  // Every combination of phases is one kernel.
  shape.axes.resize(phases.size());
  std::function<Expected<void>(size_t)> plan = [&](size_t i) -> Expected<void> {
    if (i == phases.size())
      return planConvolution(op, context, shape);
    for (const SpatialAxis &axis : phases[i]) {
      shape.axes[i] = axis;
      EDGECC_CHECK(plan(i + 1));
    }
    return {};
  };
  return plan(0);
}

} // namespace edgecc::native
