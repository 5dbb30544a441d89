// What is fused behind a kernel never changes bits; sums that are split over input channels
// neither.
#include "backends/device/tasks/Lowering.h"
#include "tests/unit/emulator/KernelCheck.h"

#include <algorithm>

using namespace edgecc;
using namespace edgecc::test;

namespace {

// A function of values and constants, computed op by op by the reference and as one kernel.
class Chain {
public:
  explicit Chain(Random &random)
      : random_(random), function_(module_.addFunction("main")), builder_(module_, function_.body) {
  }

  Value *argument(Tensor content) {
    Value *value = function_.body.addArgument(content.type());
    known_[value] = arguments_.emplace_back(std::move(content));
    return value;
  }
  Value *constant(Tensor content) {
    Value *value = builder_.constant(content);
    known_[value] = std::move(content);
    constants_.insert(value);
    return value;
  }
  Value *add(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes = {}) {
    Value *value = builder_.create(kind, operands, std::move(attributes));
    ops_.push_back(value->definingOp());
    return value;
  }

  // The first op is the kernel, all others are stages behind it, each through operand `through`.
  void check(const std::vector<unsigned> &through) {
    builder_.yield(std::vector<Value *>{ops_.back()->result()});
    auto expected = ReferenceExecutor().run(function_, arguments_);
    ASSERT_TRUE(expected) << str(expected.error());
    auto task = device::taskOf(*ops_[0]);
    ASSERT_TRUE(task) << str(task.error());
    for (size_t i = 1; i < ops_.size(); ++i) {
      auto stage = device::stageOf(*ops_[i], through[i - 1], *task);
      ASSERT_TRUE(stage) << str(stage.error());
      task->stages.push_back(std::move(*stage));
    }
    KernelCase test{&task->kernel, task->stages, {}, task->inputDims, {}, (*expected)[0]};
    for (const Value *input : task->inputs) {
      test.inputs.push_back(known_.at(input));
      test.isConstant.push_back(constants_.contains(input));
    }
    test::check(random_, test);
  }

private:
  Random &random_;
  Module module_;
  edgecc::Function &function_;
  Builder builder_;
  std::vector<Tensor> arguments_;
  std::map<const Value *, Tensor> known_;
  std::set<const Value *> constants_;
  std::vector<Op *> ops_;
};

Attributes window(int64_t pad) {
  return {{"strides", Ints{1, 1}},
          {"dilations", Ints{1, 1}},
          {"pads", Ints{pad, pad, pad, pad}},
          {"group", int64_t{1}}};
}

TEST(DeviceStages, HalvesAreRoundedAfterEachOp) {
  Random random(1);
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    Chain chain(random);
    int64_t channels = random.between(1, 9), height = random.between(1, 9);
    Value *x = chain.argument(random.tensor(DType::F16, {1, 5, height, 7}));
    Value *w = chain.constant(random.tensor(DType::F16, {channels, 5, 3, 3}));
    Value *y = chain.add(OpKind::Conv, {x, w}, window(1));
    std::vector<unsigned> through;
    for (int64_t stages = random.between(1, 5); stages > 0; --stages) {
      OpKind kind = random.oneOf({OpKind::Relu, OpKind::Sigmoid, OpKind::Add, OpKind::Mul,
                                  OpKind::Sub, OpKind::Div, OpKind::HardSwish});
      if (kind == OpKind::Relu || kind == OpKind::Sigmoid || kind == OpKind::HardSwish) {
        through.push_back(0);
        y = chain.add(kind, {y});
        continue;
      }
      Value *other = random.chance(0.5)
                         ? chain.constant(random.tensor(DType::F16, {channels, 1, 1}))
                         : chain.argument(random.tensor(DType::F16, {1, channels, height, 7}));
      through.push_back(random.chance(0.5) ? 0 : 1);
      y = through.back() == 0 ? chain.add(kind, {y, other}) : chain.add(kind, {other, y});
    }
    chain.check(through);
  }
}

TEST(DeviceStages, QuantisedLayersEndInTheirStages) {
  Random random(2);
  for (int i = 0; i < 100 && !HasFailure(); ++i) {
    Chain chain(random);
    int64_t channels = random.between(1, 9);
    Value *x = chain.argument(random.tensor(DType::U8, {1, 5, 6, 7}));
    Value *w = chain.constant(random.tensor(DType::I8, {channels, 5, 3, 3}));
    Tensor bias(DType::I32, {channels}), scale(DType::F32, {channels});
    for (int64_t c = 0; c < channels; ++c) {
      bias.setDouble(c, static_cast<double>(random.between(-5000, 5000)));
      scale.setDouble(c, std::abs(random.normal()) / 500);
    }
    Value *y = chain.add(
        OpKind::Conv,
        {x, w, chain.constant(bias), chain.constant(Tensor::scalar<uint8_t>(DType::U8, 117))},
        window(1));
    y = chain.add(OpKind::Requantize, {y, chain.constant(scale)},
                  {{"axis", int64_t{1}},
                   {"zero_point", int64_t{-3}},
                   {"low", int64_t{-128}},
                   {"high", int64_t{127}},
                   {"to", DType::I8}});
    y = chain.add(OpKind::TableLookup, {y, chain.constant(random.tensor(DType::I8, {256}))});
    chain.check({0, 0});
  }
}

// relu(x) + dequantize(b): the operand is converted as the side value.
TEST(DeviceStages, SideValuesConvertOperandsOnTheirWay) {
  using namespace edgecc::emulator;
  std::vector<float> x{-1, 2, 3, -4}, y(4);
  std::vector<int8_t> b{1, 2, -3, 4};
  float scale = 0.5f;
  auto operand = [](auto &values, ElementType type, std::vector<int64_t> dims) {
    std::vector<int64_t> strides(dims.size(), static_cast<int64_t>(sizeof(values[0])));
    return Operand{reinterpret_cast<std::byte *>(values.data()), type, std::move(dims),
                   std::move(strides), 0};
  };
  std::vector<float> scales{scale};
  std::vector<Operand> inputs{operand(x, ElementType::F32, {4}), operand(b, ElementType::I8, {4}),
                              operand(scales, ElementType::F32, {1})};
  std::vector<std::unique_ptr<StageT>> stages;
  for (int i = 0; i < 3; ++i)
    stages.push_back(std::make_unique<StageT>());
  stages[0]->function = emulator::Function::Relu;
  stages[1]->function = emulator::Function::Dequantize;
  stages[1]->operands = {2};
  stages[1]->side_input = 1;
  stages[1]->on_side = true;
  stages[2]->function = emulator::Function::Add;
  stages[2]->takes_side = true;
  for (auto &stage : stages)
    stage->to = ElementType::F32;
  KernelUnion kernel;
  kernel.Set(MapT());
  Operand output = operand(y, ElementType::F32, {4});
  auto checked = checkOperands(kernel, stages, inputs, output);
  ASSERT_TRUE(checked) << checked.error().message;
  compute(kernel, stages, inputs, output);
  EXPECT_EQ(y, (std::vector<float>{0.5f, 3, 1.5f, 2}));
  stages[1]->side_input = -1; // no side value to work on
  EXPECT_FALSE(checkOperands(kernel, stages, inputs, output));
}

// The halves of the input channels one after the other, by way of the f32 sums.
TEST(DeviceStages, CarriedSumsAreThoseOfTheWholeConvolution) {
  using namespace edgecc::emulator;
  Random random(3);
  for (int i = 0; i < 50 && !HasFailure(); ++i) {
    int64_t channels = random.between(2, 40), cut = random.between(1, channels - 1);
    Tensor x = random.tensor(DType::F16, {1, channels, 5, 6});
    Tensor w = random.tensor(DType::F16, {7, channels, 3, 3}), b = random.tensor(DType::F16, {7});
    Module module;
    edgecc::Function &function = module.addFunction("main");
    Builder builder(module, function.body);
    Op *op = builder.createOp(OpKind::Conv,
                              std::vector<Value *>{function.body.addArgument(x.type()),
                                                   function.body.addArgument(w.type()),
                                                   function.body.addArgument(b.type())},
                              window(1));
    auto expected = ReferenceExecutor().evaluate(*op, std::vector<Tensor>{x, w, b});
    ASSERT_TRUE(expected);
    auto task = device::taskOf(*op);
    ASSERT_TRUE(task);
    Held xs = packedMemory(x, x.dims()), ws = packedMemory(w, w.dims()),
         bs = packedMemory(b, b.dims());
    Tensor empty(DType::F32, (*expected)[0].dims()), half(DType::F16, empty.dims());
    Held sums = packedMemory(empty, empty.dims()), result = packedMemory(half, half.dims());
    auto part = [](Operand all, size_t axis, int64_t first, int64_t count) {
      all.data += first * all.strides[axis];
      all.dims[axis] = count;
      return all;
    };
    ContractionT &kernel = *task->kernel.AsContraction();
    kernel.sum_type = ElementType::F32;
    for (bool isLast : {false, true}) {
      kernel.carries_in = isLast;
      kernel.has_bias = isLast;
      int64_t first = isLast ? cut : 0, count = isLast ? channels - cut : cut;
      std::vector<Operand> inputs{part(xs.operand, 1, first, count),
                                  part(ws.operand, 1, first, count), bs.operand};
      auto checked = checkOperands(task->kernel, {}, inputs, sums.operand);
      ASSERT_TRUE(checked) << checked.error().message;
      compute(task->kernel, {}, inputs, sums.operand);
    }
    KernelUnion map;
    map.Set(MapT());
    std::vector<std::unique_ptr<StageT>> stages;
    stages.push_back(std::make_unique<StageT>());
    stages[0]->to = ElementType::F16;
    compute(map, stages, std::vector<Operand>{sums.operand}, result.operand);
    expectSame((*expected)[0], result.operand);
  }
}

} // namespace
