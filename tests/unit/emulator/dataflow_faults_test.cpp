// Dataflow programs that are wrong: each is found, and the message says what and where.
#include "runtime/emulator/Emulator.h"
#include "tests/unit/emulator/TinyDevice.h"

#include <gmock/gmock.h>
#include <numeric>

namespace edgecc::emulator {
namespace {

using testing::HasSubstr;

// x [1, 1, 16, 4] -> three 3x1 maxima, one behind the other -> + x. The sum's row r needs row r of
// x and row r + 3 of x by way of the maxima: the skip connection must hold 4 rows, more than a
// window.
class DataflowFaults : public testing::Test {
protected:
  static constexpr int64_t kRows = 16, kWidth = 4;
  static constexpr uint32_t kEnough = 24;

  void SetUp() override {
    program_.device = tinyDataflowDevice();
    DataflowMachineT &machine = *program_.device->dataflow;
    machine.clusters = 2;
    machine.sub_clusters = 5;
    machine.memory_bytes = 4096;

    program_.dataflow = std::make_unique<DataflowProgramT>();
    program_.dataflow->contexts.push_back(std::make_unique<ContextT>());
    addStream("x", StreamRole::Input);
    addStream("m1", StreamRole::Internal);
    addStream("m2", StreamRole::Internal);
    addStream("m3", StreamRole::Internal);
    addStream("y", StreamRole::Output);
    addPool("pool1", 0, 1);
    addPool("pool2", 1, 2);
    addPool("pool3", 2, 3);
    NodeT &sum = addNode("sum", {3, 0}, 4);
    sum.kernel.Set(MapT());
    sum.stages.push_back(std::make_unique<StageT>());
    sum.stages.back()->function = Function::Add;
    sum.stages.back()->to = ElementType::F32;
    sum.stages.back()->operands = {1};
  }

  ContextT &context() { return *program_.dataflow->contexts[0]; }
  StreamT &stream(size_t index) { return *context().streams[index]; }

  void addStream(const char *name, StreamRole role) {
    auto stream = std::make_unique<StreamT>();
    stream->name = name;
    stream->type = ElementType::F32;
    stream->dims = {1, 1, kRows, kWidth};
    stream->row_axis = 2;
    stream->capacity = kEnough;
    stream->address = context().streams.size() * kEnough * kWidth * 4;
    stream->role = role;
    context().streams.push_back(std::move(stream));
  }

  NodeT &addNode(const char *name, std::vector<int> inputs, uint32_t output) {
    auto node = std::make_unique<NodeT>();
    for (int input : inputs) {
      node->inputs.push_back(std::make_unique<FeedT>());
      node->inputs.back()->stream = input;
    }
    node->output = output;
    node->sub_clusters = node->controllers = 1;
    node->layer = static_cast<uint32_t>(program_.layers.size());
    program_.layers.push_back(std::make_unique<LayerT>());
    program_.layers.back()->name = name;
    context().nodes.push_back(std::move(node));
    return *context().nodes.back();
  }

  void addPool(const char *name, int from, uint32_t to) {
    PoolT pool;
    pool.kind = PoolKind::Max;
    pool.kernel = {3, 1};
    pool.strides = pool.dilations = {1, 1};
    pool.pads_low = pool.pads_high = {1, 0};
    pool.ceil_high = {0, 0};
    pool.to = ElementType::F32;
    addNode(name, {from}, to).kernel.Set(std::move(pool));
  }

  Result<void> check() { return checkProgram(program_, 0); }

  Result<RunReport> run(unsigned frames = 3) {
    if (auto checked = check(); !checked)
      return tl::unexpected(checked.error());
    std::vector<float> x(kRows * kWidth);
    std::iota(x.begin(), x.end(), 0.0f);
    y_.assign(x.size(), -1);
    std::span<const std::byte> in = std::as_bytes(std::span(x));
    std::span<std::byte> out = std::as_writable_bytes(std::span(y_));
    return Emulator(program_, {}).run({&in, 1}, {&out, 1}, {.frames = frames});
  }

  ProgramT program_;
  std::vector<float> y_;
};

TEST_F(DataflowFaults, TheProgramItselfIsRight) {
  auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  for (int64_t row = 0; row < kRows; ++row)
    for (int64_t column = 0; column < kWidth; ++column) {
      auto value = static_cast<float>(row * kWidth + column);
      auto largest = static_cast<float>(std::min(row + 3, kRows - 1) * kWidth + column);
      EXPECT_EQ(y_[static_cast<size_t>(row * kWidth + column)], value + largest);
    }
  EXPECT_GT(report->fps, 0);
  EXPECT_GT(report->latencyUs, 0);
  EXPECT_THAT(report->bottleneck, HasSubstr("pool"));
}

TEST_F(DataflowFaults, SkipConnectionWithTooLittleRoomDeadlocks) {
  stream(0).capacity = 3; // enough for the windows of pool1
  auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, FaultKind::Deadlock);
  EXPECT_GE(report.error().layer, 0);
  EXPECT_THAT(report.error().message, HasSubstr("waits for room in 'x' (3 rows), which 'sum'"));
  EXPECT_THAT(report.error().message, HasSubstr("4 rows of 'x' would do"));
}

TEST_F(DataflowFaults, CapacityThatTheMessageNamesIsTheLeastThatWorks) {
  stream(0).capacity = 2;
  auto report = run();
  ASSERT_FALSE(report);
  const std::string &text = report.error().message;
  size_t end = text.find(" rows of 'x' would do");
  ASSERT_NE(end, std::string::npos) << text;
  auto least = static_cast<uint32_t>(std::stoul(text.substr(text.rfind(' ', end - 1) + 1)));
  stream(0).capacity = least - 1;
  EXPECT_FALSE(run());
  stream(0).capacity = least;
  EXPECT_TRUE(run());
}

TEST_F(DataflowFaults, LayersThatNeedEachOtherDeadlock) {
  context().nodes[0]->inputs[0]->stream = 2; // pool1 reads what pool2 writes
  auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, FaultKind::Deadlock);
  EXPECT_THAT(report.error().message, HasSubstr("No capacity would do"));
}

TEST_F(DataflowFaults, OverlappingRingsAreFound) {
  stream(2).address = stream(1).address + 16;
  auto checked = check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, FaultKind::Overlap);
  EXPECT_THAT(checked.error().message, HasSubstr("m1"));
  EXPECT_THAT(checked.error().message, HasSubstr("m2"));
}

TEST_F(DataflowFaults, WeightsOverRingsAreFound) {
  context().nodes[1]->weight_bytes = 100;
  context().nodes[1]->weight_address = 8;
  EXPECT_EQ(check().error().kind, FaultKind::Overlap);
}

TEST_F(DataflowFaults, RingsBeyondTheMemoryAreFound) {
  stream(4).address = 4096 - 16;
  EXPECT_EQ(check().error().kind, FaultKind::OverfullMemory);
}

TEST_F(DataflowFaults, TooManyControllersAreFound) {
  for (auto &node : context().nodes)
    node->controllers = 2;
  auto checked = check();
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().kind, FaultKind::OverfullMemory);
  EXPECT_THAT(checked.error().message, HasSubstr("8 controllers"));
}

TEST_F(DataflowFaults, TooManySubClustersOfPartsElsewhereAreFound) {
  NodeT &node = *context().nodes[0];
  node.more_parts.push_back(std::make_unique<NodePartT>());
  node.more_parts[0]->cluster = 1;
  node.more_parts[0]->controllers = 1;
  node.more_parts[0]->sub_clusters = 2;
  EXPECT_TRUE(check());
  node.more_parts[0]->sub_clusters = 3; // more than a controller drives
  EXPECT_EQ(check().error().kind, FaultKind::BadProgram);
  node.more_parts[0]->cluster = 2;
  EXPECT_EQ(check().error().kind, FaultKind::BadProgram);
}

TEST_F(DataflowFaults, WorkWithoutRateIsFound) {
  std::erase_if(program_.device->dataflow->work,
                [](const auto &work) { return work->work == WorkClass::Pooling; });
  auto report = run();
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("no rate"));
}

TEST_F(DataflowFaults, CallersTensorsOfOtherSizesAreFound) {
  ASSERT_TRUE(check());
  std::vector<std::byte> bytes(16);
  std::span<const std::byte> in = bytes;
  std::span<std::byte> out = bytes;
  auto report = Emulator(program_, {}).run({&in, 1}, {&out, 1});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, FaultKind::BadInput);
  EXPECT_EQ(Emulator(program_, {}).run({}, {&out, 1}).error().kind, FaultKind::BadInput);
}

} // namespace
} // namespace edgecc::emulator
