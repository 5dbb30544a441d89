// Running functions: regions, lifetimes, observation, mistakes of the caller's.
#include "tests/unit/reference/Evaluate.h"

#include <cstring>

using namespace edgecc;
using namespace edgecc::test;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

// A module with an empty main that takes arguments of these types.
struct Program {
  Module module;
  Function &main = module.addFunction("main");
  Builder builder{module, main.body};

  Value *input(Type type) {
    main.inputs.push_back({"x" + std::to_string(main.inputs.size()), {}});
    return main.body.addArgument(std::move(type));
  }
  std::vector<Tensor> run(const std::vector<Tensor> &inputs,
                          const Executor::Observer &observer = {}) {
    auto outputs = ReferenceExecutor().run(main, inputs, observer);
    if (!outputs)
      ADD_FAILURE() << str(outputs.error());
    return outputs ? *outputs : std::vector<Tensor>(4);
  }
  void yield(std::vector<Value *> values) { builder.yield(values); }
};

Type f32Type(Dims dims) { return {DType::F32, std::move(dims), 0, {}}; }

TEST(Executor, RefusesInputsThatDoNotFit) {
  Program program;
  program.yield({program.input(f32Type({2}))});
  ReferenceExecutor executor;
  std::vector<Tensor> none, wrong{f32({3}, {1, 2, 3})};
  EXPECT_THAT(str(executor.run(program.main, none).error()), HasSubstr("takes 1 inputs, not 0"));
  EXPECT_THAT(str(executor.run(program.main, wrong).error()),
              HasSubstr("input x0 is f32[3], not f32[2]"));
}

TEST(Executor, ObservesEveryComputedValueInOrder) {
  Program program;
  Value *x = program.input(f32Type({1}));
  Value *square = program.builder.create(OpKind::Mul, {x, x});
  Value *sum =
      program.builder.create(OpKind::Add, {square, program.builder.constant(f32({1}, {1}))});
  program.yield({sum});
  std::vector<std::pair<const Value *, double>> seen;
  auto outputs = program.run({f32({1}, {3})}, [&](const Value &value, const Tensor &tensor) {
    seen.emplace_back(&value, tensor.asDouble(0));
  });
  EXPECT_EQ(outputs[0].asDouble(0), 10);
  EXPECT_THAT(seen, ElementsAre(std::pair<const Value *, double>(square, 9),
                                std::pair<const Value *, double>(sum, 10)));
}

TEST(Executor, FreesTensorsAfterTheirLastUse) {
  Program program;
  auto bytes = std::make_shared<std::vector<float>>(4, 1.0f);
  const auto *raw = reinterpret_cast<const std::byte *>(bytes->data());
  Value *w = program.builder.constant(Tensor(DType::F32, {4}, bytes, raw));
  Value *shared = program.builder.create(OpKind::Identity, {w}); // holds the same bytes
  Value *y = program.builder.create(OpKind::Neg, {shared});
  program.yield({program.builder.create(OpKind::Neg, {y})});
  long before = bytes.use_count();
  std::vector<long> holders;
  program.run(
      {}, [&](const Value &, const Tensor &) { holders.push_back(bytes.use_count() - before); });
  // The value of the Param, then its alias, then nothing but the parameter itself.
  EXPECT_THAT(holders, ElementsAre(testing::Gt(0), testing::Gt(0), 0));
}

TEST(Executor, BoundedAxesTakeAnyExtentUpToTheMaximum) {
  Program program;
  Type bounded = f32Type({4});
  bounded.boundedAxes = 1;
  Value *x = program.input(bounded);
  program.yield({program.builder.create(OpKind::Neg, {x})});
  EXPECT_THAT(valuesOf(program.run({f32({2}, {1, 2})})[0]), ElementsAre(-1, -2));
  std::vector<Tensor> tooLong{f32({5}, {1, 2, 3, 4, 5})};
  EXPECT_FALSE(ReferenceExecutor().run(program.main, tooLong).has_value());
}

TEST(Executor, OpsOfFixedShapeRefuseActualExtents) {
  Program program;
  Value *positions = program.builder.create(OpKind::NonZero, {program.input(f32Type({4}))});
  program.yield({program.builder.create(OpKind::Reshape, {positions}, {{"shape", Ints{4}}})});
  std::vector<Tensor> inputs{f32({4}, {1, 0, 0, 1})};
  EXPECT_THAT(str(ReferenceExecutor().run(program.main, inputs).error()),
              HasSubstr("extents depend on data"));
}

TEST(Executor, IfUsesValuesFromOutside) {
  Program program;
  Value *condition = program.input({DType::Bool, {}, 0, {}});
  Value *x = program.input(f32Type({1}));
  auto branch = [&](Block &block, OpKind kind) {
    Builder inner(program.module, block);
    std::vector<Value *> values{inner.create(kind, {x})};
    inner.yield(values);
  };
  auto op = program.builder.tryCreate(OpKind::If, {condition}, {}, [&](Op &created) {
    branch(created.region(0), OpKind::Neg);
    branch(created.region(1), OpKind::Abs);
    return Expected<void>();
  });
  ASSERT_TRUE(op.has_value()) << str(op.error());
  program.yield({(*op)->result()});
  EXPECT_EQ(program.run({boolean({}, {1}), f32({1}, {-3})})[0].asDouble(0), 3);
  EXPECT_EQ(program.run({boolean({}, {0}), f32({1}, {-5})})[0].asDouble(0), 5);
}

// Doubles a carried value while it is below 10 and stacks what it was; at most 8 trips.
struct DoublingLoop : Program {
  DoublingLoop() {
    Value *start = input(f32Type({}));
    Value *go = builder.constant(boolean({}, {1}));
    Value *limit = builder.constant(f32({}, {10}));
    auto op = builder.tryCreate(
        OpKind::Loop, {go, start}, {{"max_trips", int64_t{8}}, {"fixed_trips", false}},
        [&](Op &created) {
          Block &body = created.region(0);
          body.addArgument({DType::I64, {}, 0, {}});
          body.addArgument({DType::Bool, {}, 0, {}});
          Value *carried = body.addArgument(f32Type({}));
          Builder inner(module, body);
          Value *twice = inner.create(OpKind::Add, {carried, carried});
          std::vector<Value *> values{inner.create(OpKind::Less, {twice, limit}), twice, carried};
          inner.yield(values);
          return Expected<void>();
        });
    if (!op)
      ADD_FAILURE() << str(op.error());
    else
      yield({(*op)->result(0), (*op)->result(1)});
  }
};

TEST(Executor, LoopEndsByItsConditionOrItsTrips) {
  DoublingLoop loop;
  auto outputs = loop.run({f32({}, {3})});
  EXPECT_EQ(outputs[0].asDouble(0), 12);
  EXPECT_THAT(valuesOf(outputs[1]), ElementsAre(3, 6)); // the actual number of trips
  outputs = loop.run({f32({}, {0})});
  EXPECT_EQ(outputs[1].dims(), (Dims{8}));
}

TEST(Executor, ScanReadsAndFillsBackwards) {
  Program program;
  Value *start = program.input(f32Type({}));
  Value *xs = program.input(f32Type({3}));
  auto op = program.builder.tryCreate(
      OpKind::Scan, {start, xs},
      {{"num_scans", int64_t{1}}, {"reverse_inputs", Ints{1}}, {"reverse_outputs", Ints{1}}},
      [&](Op &created) {
        Block &body = created.region(0);
        Value *state = body.addArgument(f32Type({})), *x = body.addArgument(f32Type({}));
        Builder inner(program.module, body);
        Value *sum = inner.create(OpKind::Add, {state, x});
        std::vector<Value *> values{sum, sum};
        inner.yield(values);
        return Expected<void>();
      });
  ASSERT_TRUE(op.has_value()) << str(op.error());
  program.yield({(*op)->result(0), (*op)->result(1)});
  auto outputs = program.run({f32({}, {100}), f32({3}, {1, 2, 4})});
  EXPECT_EQ(outputs[0].asDouble(0), 107);
  EXPECT_THAT(valuesOf(outputs[1]), ElementsAre(107, 106, 104));
}

TEST(Executor, UnalignedParametersAreReadRight) {
  auto bytes = std::make_shared<std::vector<std::byte>>(9);
  float values[2] = {1.5f, -2.5f};
  std::memcpy(bytes->data() + 1, values, 8);
  Program program;
  Value *w = program.builder.constant(Tensor(DType::F32, {2}, bytes, bytes->data() + 1));
  program.yield({program.builder.create(OpKind::Neg, {w})});
  EXPECT_THAT(valuesOf(program.run({})[0]), ElementsAre(-1.5, 2.5));
}

} // namespace
