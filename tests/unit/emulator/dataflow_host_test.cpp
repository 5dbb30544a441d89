// Dataflow programs with the host in the middle, and several programs at the same time.
#include "runtime/emulator/Emulator.h"
#include "runtime/emulator/Together.h"
#include "tests/unit/emulator/TinyDevice.h"

#include <cstring>
#include <gmock/gmock.h>
#include <numeric>

namespace edgecc::emulator {
namespace {

using testing::HasSubstr;

constexpr int64_t kRows = 16, kWidth = 4;

// x [1, 1, 16, 4] -> first = x + x -> the host: boundary 1 = boundary 0 + 1 -> y = that + first.
class DataflowHost : public testing::Test {
protected:
  void SetUp() override {
    program_.device = tinyDataflowDevice();
    program_.device->host = std::make_unique<HostProcessorT>();
    program_.device->host->gmacs_s = 1;
    program_.device->host->gelements_s = 1;
    program_.device->host->call_us = 2;
    program_.device->dataflow->link->gb_s = 0.1;
    program_.dataflow = std::make_unique<DataflowProgramT>();
    program_.dataflow->contexts.push_back(std::make_unique<ContextT>());
    program_.dataflow->boundaries.assign(2, kRows * kWidth * 4);
    addStream("x", StreamRole::Input, 0);
    addStream("first", StreamRole::Boundary, 0);
    addStream("from the host", StreamRole::Boundary, 1);
    addStream("y", StreamRole::Output, 0);
    addSum("double", 0, 0, 1);
    addSum("last", 2, 1, 3);
    auto step = std::make_unique<HostStepT>();
    step->inputs = {HostTensor(StreamRole::Boundary, 0)};
    step->outputs = {HostTensor(StreamRole::Boundary, 1)};
    step->layer = static_cast<uint32_t>(program_.layers.size());
    program_.layers.push_back(std::make_unique<LayerT>());
    program_.layers.back()->name = "increment";
    step->elements = 2 * kRows * kWidth;
    program_.host_parts = 1;
    program_.dataflow->host_steps.push_back(std::move(step));
  }

  ContextT &context() { return *program_.dataflow->contexts[0]; }

  void addStream(const char *name, StreamRole role, uint32_t port) {
    auto stream = std::make_unique<StreamT>();
    stream->name = name;
    stream->type = ElementType::F32;
    stream->dims = {1, 1, kRows, kWidth};
    stream->row_axis = 2;
    stream->capacity = 64;
    stream->address = context().streams.size() * 64 * kWidth * 4;
    stream->role = role;
    stream->port = port;
    context().streams.push_back(std::move(stream));
  }

  void addSum(const char *name, int a, int b, uint32_t to) {
    auto node = std::make_unique<NodeT>();
    for (int input : {a, b}) {
      node->inputs.push_back(std::make_unique<FeedT>());
      node->inputs.back()->stream = input;
    }
    node->kernel.Set(MapT());
    node->stages.push_back(std::make_unique<StageT>());
    node->stages.back()->function = Function::Add;
    node->stages.back()->to = ElementType::F32;
    node->stages.back()->operands = {1};
    node->output = to;
    node->sub_clusters = node->controllers = 1;
    node->layer = static_cast<uint32_t>(program_.layers.size());
    program_.layers.push_back(std::make_unique<LayerT>());
    program_.layers.back()->name = name;
    context().nodes.push_back(std::move(node));
  }

  Result<RunReport> run(unsigned frames) {
    if (auto checked = checkProgram(program_, 0); !checked)
      return tl::unexpected(checked.error());
    std::vector<float> x(kRows * kWidth);
    std::iota(x.begin(), x.end(), 0.0f);
    y_.assign(x.size(), -1);
    std::span<const std::byte> in = std::as_bytes(std::span(x));
    std::span<std::byte> out = std::as_writable_bytes(std::span(y_));
    HostFunction increment = [&](unsigned, auto inputs, auto outputs) -> Result<void> {
      ++calls_;
      for (size_t i = 0; i < outputs[0].size(); i += sizeof(float)) {
        float value = 0;
        std::memcpy(&value, inputs[0].data() + i, sizeof value);
        value += 1;
        std::memcpy(outputs[0].data() + i, &value, sizeof value);
      }
      return {};
    };
    return Emulator(program_, {}, increment).run({&in, 1}, {&out, 1}, {.frames = frames});
  }

  ProgramT program_;
  std::vector<float> y_;
  unsigned calls_ = 0;
};

TEST_F(DataflowHost, AContextStreamsThroughTheHost) {
  auto report = run(9);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(calls_, 9u);
  for (size_t i = 0; i < y_.size(); ++i)
    EXPECT_EQ(y_[i], 4 * static_cast<float>(i) + 1);
}

TEST_F(DataflowHost, TheHostTakesItsTime) {
  auto before = measure(program_);
  ASSERT_TRUE(before) << before.error().message;
  program_.device->host->call_us = 500;
  auto after = measure(program_);
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_NEAR(after->latencyUs - before->latencyUs, 498, 1e-6);
  EXPECT_NEAR(after->fps, 1e6 / (500 + 2e-3 * kRows * kWidth), 2);
  EXPECT_THAT(after->bottleneck, HasSubstr("the host"));
  ASSERT_EQ(after->engines.back().name, "host");
  EXPECT_NEAR(after->engines.back().busy, 1, 0.01);
}

// All of a frame must wait beside the host: 16 rows.
TEST_F(DataflowHost, TooLittleRoomBesideTheHostDeadlocks) {
  context().streams[1]->capacity = 8;
  auto report = run(2);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, FaultKind::Deadlock);
  EXPECT_THAT(report.error().message, HasSubstr("the host with 'increment'"));
}

TEST_F(DataflowHost, AHostPartThatWaitsForItselfDeadlocks) {
  program_.dataflow->host_steps[0]->inputs.push_back(HostTensor(StreamRole::Boundary, 1));
  auto report = run(1);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().kind, FaultKind::Deadlock);
}

TEST_F(DataflowHost, ProgramsShareTheLink) {
  auto alone = measure(program_);
  ASSERT_TRUE(alone);
  const ProgramT *both[] = {&program_, &program_};
  auto together = measureTogether(both);
  ASSERT_TRUE(together) << together.error().message;
  ASSERT_EQ(together->programs.size(), 2u);
  // Each frame takes the link for as long as before.
  for (const TogetherUse &use : together->programs) {
    EXPECT_NEAR(use.fps, alone->fps / 2, alone->fps * 0.02);
    EXPECT_GT(use.latencyUs, alone->latencyUs);
  }
  EXPECT_GT(together->linkInBusy, 0.9);
}

TEST_F(DataflowHost, OneProgramTogetherIsAsFastAsAlone) {
  auto alone = measure(program_);
  ASSERT_TRUE(alone);
  const ProgramT *one[] = {&program_};
  auto together = measureTogether(one);
  ASSERT_TRUE(together) << together.error().message;
  EXPECT_NEAR(together->programs[0].fps, alone->fps, alone->fps * 0.02);
}

} // namespace
} // namespace edgecc::emulator
