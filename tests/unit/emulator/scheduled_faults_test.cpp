// Scheduled programs that are wrong: each is found whatever the timing, and the message says what
// and where. And times that can be checked by hand.
#include "runtime/emulator/Cost.h"
#include "runtime/emulator/Emulator.h"
#include "runtime/emulator/kernels/Kernels.h"

#include <gmock/gmock.h>

namespace edgecc::emulator {
namespace {

using testing::HasSubstr;

// x in the far memory -> (dma) -> a in the near one -> (two vector units) -> b = max(a, 0) -> (dma)
// -> y. 16 floats each.
class ScheduledFaults : public testing::Test {
protected:
  static constexpr int64_t kCount = 16, kBytes = 64;
  enum : uint32_t { kX, kA, kB, kY };     // buffers
  enum : uint32_t { kLoads, kUnits };     // queues
  enum : uint32_t { kNear, kFar };        // memories
  enum : size_t { kLoad, kRelu, kStore }; // instructions

  void SetUp() override {
    program_.device = std::make_unique<DeviceT>();
    program_.device->name = "tiny";
    program_.device->scheduled = std::make_unique<ScheduledMachineT>();
    ScheduledMachineT &machine = *program_.device->scheduled;
    machine.max_streams = 4;
    machine.native_type = "f16";
    addMemory("near", 1024, 8);
    machine.memories.back()->slices = 4;
    addMemory("far", 4096, 1);
    machine.memories.back()->holds_constants = machine.memories.back()->holds_interface = true;
    EngineT &dma = addEngine("dma", EngineKind::Transfer, 2);
    dma.issue_us = 1;
    EngineT &units = addEngine("units", EngineKind::Vector, 4);
    units.rates.push_back(std::make_unique<WorkRateT>());
    units.rates.back()->work = WorkClass::Arithmetic;
    units.rates.back()->units_per_cycle = 1;

    program_.scheduled = std::make_unique<ScheduledProgramT>();
    scheduled().slices = 4;
    addQueue(0, 1);
    addQueue(1, 2);
    addBuffer("x", kFar, 0, BufferRole::Input);
    addBuffer("a", kNear, 0, BufferRole::Scratch);
    addBuffer("b", kNear, 64, BufferRole::Scratch);
    addBuffer("y", kFar, 64, BufferRole::Output);
    program_.layers.push_back(std::make_unique<LayerT>());
    program_.layers.back()->name = "relu1";
    add(kLoads, kX, kA);
    InstructionT &relu = add(kUnits, kA, kB);
    relu.units = 2;
    relu.stages.push_back(std::make_unique<StageT>());
    relu.stages.back()->function = Function::Relu;
    relu.stages.back()->to = ElementType::F32;
    add(kLoads, kB, kY);
    order(kLoad, kRelu);
    order(kRelu, kStore);
  }

  ScheduledProgramT &scheduled() { return *program_.scheduled; }
  InstructionT &at(size_t i) { return *scheduled().instructions[i]; }

  void addMemory(const char *name, uint64_t bytes, double bandwidth) {
    auto memory = std::make_unique<MemoryT>();
    memory->name = name;
    memory->bytes = bytes;
    memory->bandwidth_gb_s = bandwidth * 1e-3; // bytes a microsecond
    program_.device->scheduled->memories.push_back(std::move(memory));
  }
  EngineT &addEngine(const char *name, EngineKind kind, uint32_t count) {
    auto engine = std::make_unique<EngineT>();
    engine->name = name;
    engine->kind = kind;
    engine->count = count;
    engine->clock_mhz = 1;
    engine->memories = {"near", "far"};
    program_.device->scheduled->engines.push_back(std::move(engine));
    return *program_.device->scheduled->engines.back();
  }
  void addQueue(uint32_t engine, uint32_t units) {
    scheduled().queues.push_back(std::make_unique<QueueT>());
    scheduled().queues.back()->engine = engine;
    scheduled().queues.back()->units = units;
  }
  void addBuffer(const char *name, uint32_t memory, uint64_t address, BufferRole role) {
    auto buffer = std::make_unique<BufferT>();
    buffer->name = name;
    buffer->memory = memory;
    buffer->address = address;
    buffer->bytes = kBytes;
    buffer->role = role;
    scheduled().buffers.push_back(std::move(buffer));
  }
  static std::unique_ptr<ViewT> view(uint32_t buffer, int64_t first = 0, int64_t count = kCount) {
    auto view = std::make_unique<ViewT>();
    view->buffer = buffer;
    view->type = ElementType::F32;
    view->offset = first * 4;
    view->dims = {count};
    view->strides = {4};
    return view;
  }
  InstructionT &add(uint32_t queue, uint32_t from, uint32_t to) {
    auto instruction = std::make_unique<InstructionT>();
    instruction->queue = queue;
    instruction->kernel.Set(MapT());
    instruction->inputs.push_back(view(from));
    instruction->outputs.push_back(view(to));
    scheduled().instructions.push_back(std::move(instruction));
    return *scheduled().instructions.back();
  }
  void order(size_t first, size_t second) {
    at(first).signals.push_back(static_cast<uint32_t>(scheduled().barriers.size()));
    at(second).waits.push_back(static_cast<uint32_t>(scheduled().barriers.size()));
    scheduled().barriers.push_back(std::make_unique<BarrierT>());
    scheduled().barriers.back()->producers = 1;
  }

  Result<RunReport> run(const RunOptions &options = {}) {
    if (auto checked = checkProgram(program_, 0); !checked)
      return tl::unexpected(checked.error());
    for (int64_t i = 0; i < kCount; ++i)
      x_[static_cast<size_t>(i)] = static_cast<float>(i) - 8;
    y_.assign(kCount, -1);
    std::span<const std::byte> input = std::as_bytes(std::span(x_));
    std::span<std::byte> output = std::as_writable_bytes(std::span(y_));
    return Emulator(program_, {}).run(std::span(&input, 1), std::span(&output, 1), options);
  }

  void expectFault(FaultKind kind, const std::string &text) {
    auto report = run();
    ASSERT_FALSE(report) << "expected: " << text;
    EXPECT_EQ(report.error().kind, kind) << report.error().message;
    EXPECT_THAT(report.error().message, HasSubstr(text));
  }

  ProgramT program_;
  std::vector<float> x_ = std::vector<float>(kCount), y_;
};

TEST_F(ScheduledFaults, TheProgramItselfRuns) {
  auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  for (size_t i = 0; i < kCount; ++i)
    EXPECT_EQ(y_[i], std::max(x_[i], 0.0f));
}

TEST_F(ScheduledFaults, TimesFollowFromTheDescription) {
  auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  // Load: 1 us issue, 64 bytes at 1 byte/us. Relu: 16 elements on two units at one a cycle of a
  // microsecond, but 128 bytes of the near memory at 8 bytes/us. Store as load.
  EXPECT_DOUBLE_EQ(report->latencyUs, (1 + 64) + 16 + (1 + 64));
  EXPECT_DOUBLE_EQ(report->fps, 1e6 / report->latencyUs);
  ASSERT_EQ(report->layers.size(), 1u);
  EXPECT_DOUBLE_EQ(report->layers[0].busyUs, 8);
  EXPECT_DOUBLE_EQ(report->layers[0].stalledUs, 8);
  EXPECT_EQ(report->layers[0].bytes, (std::vector<uint64_t>{256, 128}));
  EXPECT_EQ(report->memories[kNear].peak, 128u);
}

TEST_F(ScheduledFaults, ANextTileOfAStageStartsSooner) {
  auto &units = *program_.device->scheduled->engines[1];
  units.issue_us = 20;
  InstructionT &half = add(kUnits, kA, kB); // once more: the same values
  half.units = 2;
  half.stages.push_back(std::make_unique<StageT>(*at(kRelu).stages[0]));
  std::swap(scheduled().instructions[kStore], scheduled().instructions.back());
  order(kLoad, 2);
  order(2, 3);
  auto apart = run();
  ASSERT_TRUE(apart) << apart.error().message;
  at(2).continues = true;
  auto same = run();
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_DOUBLE_EQ(same->latencyUs, apart->latencyUs); // tile_us: as issue_us
  units.tile_us = 2;
  auto sooner = run();
  ASSERT_TRUE(sooner) << sooner.error().message;
  EXPECT_DOUBLE_EQ(sooner->latencyUs, apart->latencyUs - 18);
  at(2).starts_stage = true;
  expectFault(FaultKind::BadProgram, "continues what its queue has not begun");
  at(2).starts_stage = false;
  at(kRelu).continues = true;
  expectFault(FaultKind::BadProgram, "continues what its queue has not begun");
}

TEST_F(ScheduledFaults, TheFirstLayerWithInfiniteResultsIsNamed) {
  auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_FALSE(report->nonFinite);
  program_.layers.push_back(std::make_unique<LayerT>());
  program_.layers.back()->name = "log1";
  at(kRelu).layer = 1;
  program_.device->scheduled->engines[1]->rates[0]->work = WorkClass::Transcendental;
  at(kRelu).stages[0]->function = Function::Log; // of -8 .. 7
  report = run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_TRUE(report->nonFinite);
  EXPECT_EQ(report->nonFinite->layer, 1);
  EXPECT_TRUE(report->nonFinite->isNaN);
  EXPECT_EQ(report->nonFinite->count, 9u); // eight negative ones and 0
}

TEST_F(ScheduledFaults, StreamsShareTheMemory) {
  scheduled().streams = 2;
  scheduled().slices = 2;
  auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  // The far memory moves 128 bytes a frame; it cannot do more than one frame in 128 us.
  EXPECT_LE(report->fps, 1e6 / 128 + 1e-6);
  EXPECT_GT(report->fps, 1e6 / 146);
  EXPECT_THAT(report->bottleneck, HasSubstr("far bandwidth"));
}

TEST_F(ScheduledFaults, EveryStreamComputesEveryFrame) {
  scheduled().streams = 2;
  scheduled().slices = 2;
  auto report = run({.frames = 5});
  ASSERT_TRUE(report) << report.error().message;
  for (size_t i = 0; i < kCount; ++i)
    EXPECT_EQ(y_[i], std::max(x_[i], 0.0f));
}

TEST_F(ScheduledFaults, MissingBarrier) {
  at(kRelu).waits.clear();
  expectFault(FaultKind::MissingBarrier,
              "nothing orders instruction 1 (Map, layer relu1, queue 1 on units) after instruction "
              "0");
}

TEST_F(ScheduledFaults, MissingBarrierBeforeBytesAreWrittenAgain) {
  addBuffer("c", kNear, 0, BufferRole::Scratch); // where a was, which relu may still read
  add(kLoads, kX, 4);
  std::swap(scheduled().instructions[kStore], scheduled().instructions[3]);
  expectFault(FaultKind::MissingBarrier, "nothing orders");
}

TEST_F(ScheduledFaults, BufferMovedOverAnother) {
  addBuffer("c", kNear, 32, BufferRole::Scratch);
  add(kLoads, kX, 4); // in the loads' queue, before relu starts
  std::swap(scheduled().instructions[kRelu], scheduled().instructions[3]);
  at(kRelu).signals.swap(at(kLoad).signals);
  expectFault(FaultKind::Overlap, "as buffer 1 (a), but buffer 4 (c) was written there");
}

TEST_F(ScheduledFaults, ResultMovedOverItsOwnOperand) {
  scheduled().buffers[kB]->address = 32;
  expectFault(FaultKind::Overlap, "writes buffer 2 (b) over buffer 1 (a) at bytes 32 to 64");
}

TEST_F(ScheduledFaults, BytesThatNothingWrote) {
  at(kLoad).inputs[0] = view(kX, 0, kCount - 1);
  at(kLoad).outputs[0] = view(kA, 0, kCount - 1);
  expectFault(FaultKind::Uninitialized, "reads bytes 60 to 64 of near as buffer 1 (a)");
}

TEST_F(ScheduledFaults, OutputThatIsNotComplete) {
  at(kStore).inputs[0] = view(kB, 1, kCount - 1);
  at(kStore).outputs[0] = view(kY, 1, kCount - 1);
  expectFault(FaultKind::Uninitialized,
              "output buffer 3 (y): nothing was written at bytes 64 to 68");
}

TEST_F(ScheduledFaults, ViewBeyondItsBuffer) {
  at(kRelu).inputs[0] = view(kA, 1, kCount);
  expectFault(FaultKind::OutOfRange, "reaches byte 68 of buffer 1 (a), which has 64");
}

TEST_F(ScheduledFaults, BufferBeyondItsMemory) {
  scheduled().buffers[kB]->address = 1024 - 32;
  expectFault(FaultKind::OverfullMemory, "ends at 1056, beyond the 1024 bytes of near");
}

TEST_F(ScheduledFaults, BufferBeyondTheStreamsShare) {
  scheduled().slices = 1; // 256 bytes
  scheduled().buffers[kB]->address = 256 - 32;
  expectFault(FaultKind::OverfullMemory, "ends at byte 288 of near, of which a stream has 256");
}

TEST_F(ScheduledFaults, StreamsWithMoreSlicesThanThereAre) {
  scheduled().streams = 2; // of 4 slices each
  expectFault(FaultKind::OverfullMemory, "2 streams of 4 slices need more than the 4 of near");
}

TEST_F(ScheduledFaults, StreamsThatDoNotFitTheSharedMemory) {
  scheduled().streams = 4;
  scheduled().slices = 1;
  scheduled().buffers[kY]->address = 4096 - 64;
  expectFault(FaultKind::OverfullMemory, "4 streams need");
}

TEST_F(ScheduledFaults, UnitsTakeTheirSlices) {
  program_.device->scheduled->engines[1]->slices_per_unit = 1; // two units: the upper 512 bytes
  auto fits = run();
  ASSERT_TRUE(fits) << fits.error().message;
  EXPECT_EQ(fits->memories[kNear].peak, 128u + 512u);
  scheduled().buffers[kA]->address = 512;
  expectFault(FaultKind::Overlap, "a vector unit's working memory was written there");
}

TEST_F(ScheduledFaults, DeadlockOfTwoQueues) {
  std::swap(scheduled().instructions[kLoad], scheduled().instructions[kStore]);
  expectFault(FaultKind::Deadlock,
              "instruction 0 (Map, layer relu1, queue 0 on dma) waits for barrier 1, which 0 of 1 "
              "instructions have signalled, but not instruction 1");
}

TEST_F(ScheduledFaults, EngineThatDoesNotReachTheMemory) {
  program_.device->scheduled->engines[1]->memories = {"far"};
  expectFault(FaultKind::BadProgram, "has an operand in near, which units does not reach");
}

TEST_F(ScheduledFaults, EngineThatCannotDoTheWork) {
  at(kRelu).stages[0]->function = Function::Exp; // no rate for transcendental functions
  expectFault(FaultKind::BadProgram, "units cannot run instruction 1");
}

TEST_F(ScheduledFaults, WithoutChecksAWrongScheduleGivesWrongNumbers) {
  program_.device->scheduled->engines[1]->rates[0]->units_per_cycle = 0.01; // slower than a store
  at(kStore).waits.clear();
  std::swap(scheduled().instructions[kRelu], scheduled().instructions[kStore]); // store before relu
  scheduled().barriers[1]->producers = 0;
  at(kStore).signals.clear();
  auto report = run({.checks = false});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_NE(y_[15], 7.0f);
}

// Nothing steps along an axis of one element, so that its stride may be anything; of a damaged
// program it is.
TEST_F(ScheduledFaults, StridesOfSingleElementsDoNotMatter) {
  ASSERT_TRUE(run());
  const std::vector<float> expected = y_;
  for (auto &instruction : scheduled().instructions)
    for (auto *views : {&instruction->inputs, &instruction->outputs})
      for (auto &each : *views) {
        each->dims = {1, kCount};
        each->strides = {int64_t{-1} << 56, 4};
      }
  auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(y_, expected);
}

TEST(ConvolutionCost, FollowsTheVendorsFunction) {
  ConvolutionModeT mode;
  mode.in_block = 16;
  mode.out_block = 16;
  mode.extra_cycles = 31;
  // 64 -> 64 channels, 3 x 3: 4 descriptors of 4 x 9 + 31 cycles for each of 56 x 56 positions.
  EXPECT_DOUBLE_EQ(convolutionCycles(mode, 64, 64, 9, 56 * 56), 56.0 * 56 * 4 * (4 * 9 + 31));
  // Channels are rounded up to blocks.
  EXPECT_DOUBLE_EQ(convolutionCycles(mode, 3, 17, 1, 1), 2.0 * (1 + 31));
}

} // namespace
} // namespace edgecc::emulator
