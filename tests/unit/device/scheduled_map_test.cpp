// What the mapper for scheduled machines decides, on small f16 modules for the Myriad X.
#include "backends/device/Device.h"
#include "ir/Text.h"
#include "runtime/emulator/Cost.h"
#include "runtime/emulator/Emulator.h"

#include <algorithm>
#include <gmock/gmock.h>

namespace edgecc::device {
namespace {

using emulator::EngineKind;
using testing::HasSubstr;

class ScheduledMap : public testing::Test {
protected:
  void SetUp() override {
    auto loaded = loadDevice("myriadx");
    ASSERT_TRUE(loaded) << str(loaded.error());
    device_ = *loaded;
  }

  Expected<DeviceCode> map(const std::string &text, const MapOptions &options = {}) {
    auto module = parse(text);
    EXPECT_TRUE(module) << str(module.error());
    module_ = std::move(*module);
    return mapFunction(module_->main(), device_, options);
  }
  const emulator::EngineT &engineOf(const DeviceCode &code, size_t instruction) const {
    const auto &scheduled = *code.program.scheduled;
    return *device_.scheduled
                ->engines[scheduled.queues[scheduled.instructions[instruction]->queue]->engine];
  }
  int64_t count(const DeviceCode &code, EngineKind kind) const {
    int64_t found = 0;
    for (size_t i = 0; i < code.program.scheduled->instructions.size(); ++i)
      found += engineOf(code, i).kind == kind;
    return found;
  }

  emulator::DeviceT device_;
  std::unique_ptr<Module> module_;
};

std::string convolution(const std::string &dims, const std::string &weights,
                        const std::string &result, const std::string &attributes) {
  return "module \"m\" {\n  param @w : f16[" + weights + "] = elided\n  func @main(%0: f16[" +
         dims + "] \"x\") -> (\"y\") {\n    %1 = Param @w : f16[" + weights +
         "]\n    %2 = Conv(%0, %1, _) {" + attributes + "} : f16[" + result +
         "] loc \"conv1\"\n    Yield(%2)\n  }\n}\n";
}

const std::string kPlain = convolution("1x64x28x28", "64x64x3x3", "1x64x28x28",
                                       "dilations = [1, 1], pads = [1, 1, 1, 1], strides = [1, 1]");

TEST_F(ScheduledMap, DividesTheMachineByTheVendorsRules) {
  auto two = map(kPlain);
  ASSERT_TRUE(two) << str(two.error());
  EXPECT_EQ(two->program.scheduled->streams, 2u);
  EXPECT_EQ(two->program.scheduled->slices, 9u);
  EXPECT_EQ(two->program.scheduled->vector_units, 7u);
  auto one = map(kPlain, {.streams = 1});
  ASSERT_TRUE(one) << str(one.error());
  EXPECT_EQ(one->program.scheduled->slices, 19u);
  EXPECT_EQ(one->program.scheduled->vector_units, 16u);
}

TEST_F(ScheduledMap, RefusesUnitsThatTheStreamsDoNotHave) {
  auto code = map(kPlain, {.units = 9, .streams = 2});
  ASSERT_FALSE(code);
  EXPECT_THAT(str(code.error()), HasSubstr("9 units of shaves for each of 2 streams are too many"));
  EXPECT_THAT(str(code.error()), HasSubstr("use at most 8"));
}

TEST_F(ScheduledMap, RunsAConvolutionOnItsEngineWithTransfersAround) {
  auto code = map(kPlain);
  ASSERT_TRUE(code) << str(code.error());
  EXPECT_GT(count(*code, EngineKind::Convolution), 0);
  EXPECT_EQ(count(*code, EngineKind::Vector), 0);
  EXPECT_GT(count(*code, EngineKind::Transfer), 2); // input, weights, output
  ASSERT_EQ(code->program.layers.size(), 1u);
  EXPECT_EQ(code->program.layers[0]->name, "conv1");
  EXPECT_EQ(code->program.layers[0]->macs, uint64_t{64 * 64 * 9 * 28 * 28});
}

TEST_F(ScheduledMap, LoadsTheNextPieceOfWeightsBeforeTheEngineIsDone) {
  auto code = map(convolution("1x256x14x14", "512x256x3x3", "1x512x14x14",
                              "dilations = [1, 1], pads = [1, 1, 1, 1], strides = [1, 1]"));
  ASSERT_TRUE(code) << str(code.error());
  const auto &instructions = code->program.scheduled->instructions;
  size_t convolutions = 0, ahead = 0, loads = 0;
  for (size_t i = 0; i < instructions.size(); ++i) {
    if (engineOf(*code, i).kind == EngineKind::Convolution)
      ++convolutions;
    else if (instructions[i]->inputs[0]->dims.size() == 4)
      ++loads;
    ahead += loads > convolutions + 1;
  }
  EXPECT_GT(convolutions, 2u);
  EXPECT_GT(ahead, convolutions / 2);
}

TEST_F(ScheduledMap, SplitsAGroupedConvolutionIntoAStageForEachGroup) {
  auto code =
      map(convolution("1x32x16x16", "32x8x3x3", "1x32x16x16",
                      "dilations = [1, 1], group = 4, pads = [1, 1, 1, 1], strides = [1, 1]"));
  ASSERT_TRUE(code) << str(code.error());
  const auto &instructions = code->program.scheduled->instructions;
  EXPECT_EQ(std::ranges::count_if(instructions, [](const auto &it) { return it->starts_stage; }),
            4);
}

TEST_F(ScheduledMap, NamesTheRuleThatKeepsALayerOffTheEngine) {
  auto code = map(convolution("1x8x32x32", "8x8x17x17", "1x8x16x16",
                              "dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]"));
  ASSERT_TRUE(code) << str(code.error());
  EXPECT_EQ(count(*code, EngineKind::Convolution), 0);
  EXPECT_THAT(code->notes, testing::Contains(HasSubstr(
                               "conv1 runs on shaves: nce has kernels of 15 at most, not 17")));
}

TEST_F(ScheduledMap, WritesTheOperandsOfAConcatInPlace) {
  auto code = map(R"(module "m" {
  func @main(%0: f16[1x16x8x8] "x") -> ("y") {
    %1 = Relu(%0) : f16[1x16x8x8] loc "relu1"
    %2 = Sigmoid(%0) : f16[1x16x8x8] loc "sigmoid1"
    %3 = Concat(%1, %2) {axis = 1} : f16[1x32x8x8] loc "concat1"
    %4 = Reshape(%3) {shape = [1, 2048]} : f16[1x2048] loc "reshape1"
    Yield(%4)
  }
}
)");
  ASSERT_TRUE(code) << str(code.error());
  EXPECT_EQ(code->program.scheduled->instructions.size(), 2u);
}

const std::string kPooled = R"(module "m" {
  param @w : f16[32x16x3x3] = elided
  func @main(%0: f16[1x16x32x32] "x") -> ("y") {
    %1 = Param @w : f16[32x16x3x3]
    %2 = Conv(%0, %1, _) {dilations = [1, 1], pads = [1, 1, 1, 1], strides = [1, 1]} : f16[1x32x32x32] loc "conv1"
    %3 = Relu(%2) : f16[1x32x32x32] loc "relu1"
    %4, %5 = MaxPool(%3) {kernel = [2, 2], pads = [0, 0, 0, 0], strides = [2, 2], dilations = [1, 1]} : f16[1x32x16x16], i64[1x32x16x16] loc "pool1"
    Yield(%4)
  }
}
)";

TEST_F(ScheduledMap, PoolsInTheSameInstructionWhereTheDescriptionAllows) {
  auto code = map(kPooled);
  ASSERT_TRUE(code) << str(code.error());
  ASSERT_EQ(code->program.layers.size(), 1u);
  EXPECT_EQ(code->program.layers[0]->nodes, (std::vector<std::string>{"conv1", "relu1", "pool1"}));
  for (const auto &instruction : code->program.scheduled->instructions)
    EXPECT_EQ(instruction->kernel.AsPool(), nullptr);
  device_.scheduled->engines[0]->limits->pools.clear();
  auto apart = map(kPooled);
  ASSERT_TRUE(apart) << str(apart.error());
  EXPECT_EQ(apart->program.layers.size(), 2u);
  EXPECT_LT(code->program.estimate->latency_ms, apart->program.estimate->latency_ms);
}

// 512 -> 128 channels of twice the size: a copy whose runs are single elements.
const std::string kShuffle = R"(module "m" {
  func @main(%0: f16[1x512x32x32] "x") -> ("y") {
    %1 = DepthToSpace(%0) {blocksize = 2, mode = "CRD"} : f16[1x128x64x64] loc "shuffle1"
    Yield(%1)
  }
}
)";

TEST_F(ScheduledMap, ReordersInTilesOfTheLocalMemory) {
  auto code = map(kShuffle);
  ASSERT_TRUE(code) << str(code.error());
  EXPECT_GT(count(*code, EngineKind::Vector), 1);
  EXPECT_GT(count(*code, EngineKind::Transfer), 2);
  const auto &scheduled = *code->program.scheduled;
  bool isFirst = true;
  for (size_t i = 0; i < scheduled.instructions.size(); ++i) {
    if (engineOf(*code, i).kind != EngineKind::Vector)
      continue;
    const auto &instruction = *scheduled.instructions[i];
    EXPECT_EQ(instruction.starts_stage, isFirst);
    EXPECT_EQ(instruction.continues, !isFirst);
    isFirst = false;
    for (const auto *views : {&instruction.inputs, &instruction.outputs})
      for (const auto &view : *views)
        EXPECT_EQ(scheduled.buffers[view->buffer]->memory, 0u) << "vector units over " << i;
  }
  // All of it passes once over the outer memory, in and out.
  auto report = emulator::measure(code->program);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->memories[1].read + report->memories[1].written, uint64_t{2} << 20);
}

TEST_F(ScheduledMap, ATransferOfSingleElementsTakesACycleForEach) {
  auto transfer = [&](std::vector<int64_t> strides) {
    emulator::InstructionT copy;
    copy.kernel.Set(emulator::MapT());
    for (auto *views : {&copy.inputs, &copy.outputs}) {
      views->push_back(std::make_unique<emulator::ViewT>());
      views->back()->type = emulator::ElementType::F16;
      views->back()->dims = {64, 64};
      views->back()->strides = {128, 2};
    }
    copy.outputs[0]->strides = std::move(strides);
    std::vector<uint32_t> memories{0};
    return emulator::costOf(device_, *device_.scheduled->engines[2], copy, memories);
  };
  auto dense = transfer({128, 2}), strided = transfer({256, 4});
  EXPECT_DOUBLE_EQ(dense.computeUs * 700, 64 * 64 * 2 / 16.0); // 16 bytes a cycle
  EXPECT_DOUBLE_EQ(strided.computeUs * 700, 64 * 64);
  EXPECT_EQ(dense.bytes(0), strided.bytes(0)); // the local memory has no bursts
}

TEST_F(ScheduledMap, StatesWhatAModelNeedsThatIsTooLarge) {
  device_.scheduled->memories[1]->bytes = 64 * 1024;
  auto code = map(kPlain);
  ASSERT_FALSE(code);
  EXPECT_THAT(str(code.error()), HasSubstr("bytes of ddr (73728 of them for weights)"));
}

TEST_F(ScheduledMap, TheSameModelGivesTheSameBytes) {
  auto first = map(kPlain);
  ASSERT_TRUE(first) << str(first.error());
  auto bytes = emulator::writeProgram(first->program);
  auto second = map(kPlain);
  ASSERT_TRUE(second) << str(second.error());
  EXPECT_EQ(emulator::writeProgram(second->program), bytes);
  EXPECT_EQ(second->weights, first->weights);
}

} // namespace
} // namespace edgecc::device
