// Small changes of good programs: what checkOperands lets pass computes without touching other
// memory (which the sanitizers watch), and what it refuses has a sentence.
#include "tests/unit/emulator/KernelCheck.h"

#include <algorithm>

using namespace edgecc;
using namespace edgecc::emulator;
using edgecc::test::Held;
using edgecc::test::packedMemory;

namespace {

class Disturber {
public:
  explicit Disturber(uint32_t seed) : random(seed) {}

  template <class T> void disturb(T &value) {
    value = static_cast<T>(
        random.oneOf<int64_t>({0, -1, 1, 2, 3, 4, 5, 7, 30, 1 << 30, INT32_MAX, INT64_MAX}));
  }
  template <class T> void disturbOne(std::vector<T> &values) {
    if (values.empty() || random.chance(0.1))
      return values.resize(static_cast<size_t>(random.between(0, 3)));
    disturb(
        values[static_cast<size_t>(random.between(0, static_cast<int64_t>(values.size()) - 1))]);
  }

  // Computes a kernel on operands of these shapes, if it passes.
  void tryOn(const KernelUnion &kernel, const std::vector<Tensor> &tensors, const Tensor &result,
             const std::vector<std::unique_ptr<StageT>> &stages = {}) {
    std::vector<Held> held;
    std::vector<Operand> inputs;
    for (const Tensor &tensor : tensors)
      inputs.push_back(held.emplace_back(packedMemory(tensor, tensor.dims())).operand);
    Held output = packedMemory(result, result.dims());
    auto checked = checkOperands(kernel, stages, inputs, output.operand);
    if (!checked) {
      EXPECT_FALSE(checked.error().message.empty());
      ++refused;
      return;
    }
    ++passed;
    compute(kernel, stages, inputs, output.operand);
    computeRows(kernel, tensors, result, stages);
  }

  test::Random random;
  int passed = 0, refused = 0;

private:
  // The same by rows, of which only those needed are at hand.
  void computeRows(const KernelUnion &kernel, const std::vector<Tensor> &tensors,
                   const Tensor &result, const std::vector<std::unique_ptr<StageT>> &stages) {
    const Dims &dims = result.dims();
    auto axis = static_cast<int>(random.between(0, static_cast<int64_t>(dims.size()) - 1));
    std::vector<Dims> inputDims;
    std::vector<int> axes;
    for (const Tensor &tensor : tensors) {
      inputDims.push_back(tensor.dims());
      auto rank = static_cast<int64_t>(tensor.rank());
      axes.push_back(static_cast<int>(random.between(-1, std::min<int64_t>(rank - 1, axis))));
    }
    for (int64_t row = 0; row < dims[static_cast<size_t>(axis)]; ++row) {
      std::vector<Held> held;
      std::vector<Operand> inputs;
      std::vector<RowRange> ranges;
      for (size_t i = 0; i < tensors.size(); ++i) {
        ranges.push_back(rowsNeeded(kernel, stages, i, inputDims[i], axes[i], dims, axis, row));
        int64_t rows = axes[i] < 0 ? 1 : inputDims[i][static_cast<size_t>(axes[i])];
        int64_t first = std::clamp<int64_t>(ranges[i].first, 0, rows);
        int64_t end = std::clamp<int64_t>(ranges[i].last + 1, first, rows);
        held.push_back(test::rowMemory(tensors[i], inputDims[i], axes[i], first, end - first));
        inputs.push_back(held.back().operand);
      }
      Dims one = dims;
      one[static_cast<size_t>(axis)] = 1;
      Held output = test::rowMemory(Tensor(result.dtype(), one), one, axis, 0, 1);
      computeRow(kernel, stages, inputs, ranges, inputDims, axes, output.operand, dims, axis, row);
    }
  }
};

TEST(HostileKernels, WindowsAndStages) {
  Disturber disturber(1);
  test::Random &random = disturber.random;
  auto disturbWindow = [&](auto &kernel) {
    for (int64_t changes = random.between(0, 2); changes > 0; --changes) {
      switch (random.between(0, 3)) {
      case 0:
        disturber.disturbOne(kernel.strides);
        break;
      case 1:
        disturber.disturbOne(kernel.dilations);
        break;
      case 2:
        disturber.disturbOne(kernel.pads_low);
        break;
      default:
        disturber.disturbOne(kernel.pads_high);
      }
    }
  };
  for (int i = 0; i < 3000; ++i) {
    KernelUnion kernel;
    bool isPool = random.chance(0.4);
    Dims x{1, 4, 6, 8}, w{6, 4, 3, 2}, y{1, isPool ? 4 : 6, 6, 4};
    if (isPool) {
      PoolT pool;
      pool.kind = static_cast<PoolKind>(random.between(0, 3));
      pool.kernel = {3, 2};
      pool.strides = {1, 2};
      pool.dilations = {1, 1};
      pool.pads_low = {1, 0};
      pool.pads_high = {1, 0};
      pool.ceil_high = {0, 0};
      pool.to = ElementType::F16;
      if (random.chance(0.3))
        disturber.disturbOne(pool.kernel);
      disturbWindow(pool);
      kernel.Set(std::move(pool));
    } else {
      ContractionT conv;
      conv.strides = {1, 2};
      conv.dilations = {1, 1};
      conv.pads_low = {1, 0};
      conv.pads_high = {1, 0};
      conv.has_bias = random.chance(0.5);
      conv.sum_type = ElementType::F16;
      if (random.chance(0.5))
        conv.kernel = {3, 2};
      if (random.chance(0.2))
        disturber.disturb(conv.groups);
      disturbWindow(conv);
      kernel.Set(std::move(conv));
    }
    if (random.chance(0.3))
      y[static_cast<size_t>(random.between(0, 3))] = random.between(1, 6);
    if (random.chance(0.2))
      x[static_cast<size_t>(random.between(0, 3))] = random.between(1, 8);
    std::vector<std::unique_ptr<StageT>> stages;
    if (random.chance(0.5)) {
      stages.push_back(std::make_unique<StageT>());
      stages[0]->function = static_cast<emulator::Function>(random.between(0, 50));
      stages[0]->to = random.oneOf({ElementType::F16, ElementType::F16, ElementType::I8});
      stages[0]->operands.resize(static_cast<size_t>(random.between(0, 2)),
                                 static_cast<uint32_t>(random.between(0, 4)));
      stages[0]->params.resize(static_cast<size_t>(random.between(0, 3)), 3);
    }
    disturber.tryOn(kernel,
                    {random.tensor(DType::F16, x), random.tensor(DType::F16, w),
                     random.tensor(DType::F16, {6}), random.tensor(DType::F32, {4})},
                    Tensor(DType::F16, y), stages);
  }
  EXPECT_GT(disturber.passed, 300);
  EXPECT_GT(disturber.refused, 300);
}

TEST(HostileKernels, Products) {
  Disturber disturber(2);
  test::Random &random = disturber.random;
  for (int i = 0; i < 1000; ++i) {
    ContractionT product;
    product.product = true;
    product.sum_type = ElementType::I32;
    product.w_zero_points = static_cast<int32_t>(random.between(-1, 3));
    product.has_bias = random.chance(0.3);
    disturber.disturb(product.x_zero_point);
    disturber.disturb(product.w_zero_point);
    KernelUnion kernel;
    kernel.Set(std::move(product));
    int64_t k = random.between(1, 3);
    disturber.tryOn(kernel,
                    {random.tensor(DType::U16, {2, 3, k}), random.tensor(DType::I4, {3, 5}),
                     random.tensor(DType::I32, {random.oneOf<int64_t>({1, 5})})},
                    Tensor(DType::I32, {2, 3, random.between(4, 5)}));
  }
  EXPECT_GT(disturber.passed, 50);
  EXPECT_GT(disturber.refused, 50);
}

TEST(HostileKernels, Copies) {
  Disturber disturber(3);
  test::Random &random = disturber.random;
  for (int i = 0; i < 3000; ++i) {
    MoveT move;
    for (int64_t copies = random.between(1, 3); copies > 0; --copies) {
      auto copy = std::make_unique<CopyT>();
      copy->dims = {2, 2, 5, 3};
      copy->from_strides = {30, 15, 3, 1};
      copy->to_strides = {6, 1, 12, 2};
      for (int64_t changes = random.between(0, 2); changes > 0; --changes) {
        switch (random.between(0, 5)) {
        case 0:
          disturber.disturbOne(copy->dims);
          break;
        case 1:
          disturber.disturbOne(copy->from_strides);
          break;
        case 2:
          disturber.disturbOne(copy->to_strides);
          break;
        case 3:
          disturber.disturb(copy->from_offset);
          break;
        case 4:
          disturber.disturb(copy->to_offset);
          break;
        default:
          copy->input = static_cast<uint32_t>(random.between(0, 2));
        }
      }
      move.copies.push_back(std::move(copy));
    }
    KernelUnion kernel;
    kernel.Set(std::move(move));
    disturber.tryOn(kernel,
                    {random.tensor(DType::F16, {1, 4, 5, 3}), random.tensor(DType::F16, {60})},
                    Tensor(DType::F16, {1, 1, 10, 6}));
  }
  EXPECT_GT(disturber.passed, 300);
  EXPECT_GT(disturber.refused, 300);
}

TEST(HostileKernels, AxesAndIndices) {
  Disturber disturber(4);
  test::Random &random = disturber.random;
  for (int i = 0; i < 3000; ++i) {
    Tensor x = random.tensor(DType::F32, {2, 4, 3}), scale = random.tensor(DType::F32, {4, 1});
    Dims y = x.dims();
    KernelUnion kernel;
    switch (random.between(0, 3)) {
    case 0: {
      ReduceT reduce;
      reduce.kind = static_cast<ReduceKind>(random.between(0, 11));
      reduce.axes = {1};
      reduce.to = ElementType::F32;
      y[1] = 1;
      if (random.chance(0.4))
        disturber.disturbOne(reduce.axes);
      kernel.Set(std::move(reduce));
      break;
    }
    case 1: {
      SoftmaxT softmax;
      softmax.axis = 2;
      softmax.to = ElementType::F32;
      if (random.chance(0.4))
        disturber.disturb(softmax.axis);
      kernel.Set(std::move(softmax));
      break;
    }
    case 2: {
      NormalizeT normalize;
      normalize.kind = static_cast<NormalizeKind>(random.between(0, 2));
      normalize.axis = static_cast<uint32_t>(random.between(0, 2));
      normalize.has_scale = random.chance(0.5);
      normalize.has_bias = random.chance(0.2);
      normalize.to = ElementType::F32;
      if (random.chance(0.3))
        disturber.disturb(normalize.groups);
      if (random.chance(0.3))
        disturber.disturb(normalize.axis);
      kernel.Set(std::move(normalize));
      break;
    }
    default: {
      ResizeT resize;
      auto axis = std::make_unique<ResizeAxisT>();
      axis->axis = 1;
      axis->taps = 2;
      axis->indices = {0, 1, 1, 2, 2, 3, 3, 3};
      axis->weights.assign(8, 0.5);
      if (random.chance(0.3))
        disturber.disturbOne(axis->indices);
      if (random.chance(0.3))
        disturber.disturb(axis->taps);
      if (random.chance(0.3))
        disturber.disturb(axis->axis);
      resize.axes.push_back(std::move(axis));
      resize.to = ElementType::F32;
      kernel.Set(std::move(resize));
    }
    }
    if (random.chance(0.2))
      y[static_cast<size_t>(random.between(0, 2))] = random.between(1, 4);
    disturber.tryOn(kernel, {x, scale}, Tensor(DType::F32, y));
  }
  EXPECT_GT(disturber.passed, 300);
  EXPECT_GT(disturber.refused, 300);
}

} // namespace
