// Random quantised networks on random dataflow machines, small ones among them: the emulated device
// computes what the reference backend makes of the lowered network, bit for bit, for any number of
// frames; nothing deadlocks, and the mapper's estimate is close to what the emulator counts. Some
// machines lack a kind of work, which the host then does in the middle of a network.
// EDGECC_DEVICE_COUNT sets how many.
#include "tests/differential/QuantizedGraphs.h"
#include "tests/support/EmulatedModel.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

namespace edgecc::test {
namespace {

class RandomMachine {
public:
  explicit RandomMachine(uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15u + 3) {}

  emulator::DeviceT device() {
    auto loaded = device::loadDevice("hailo8");
    EXPECT_TRUE(loaded);
    emulator::DataflowMachineT &machine = *loaded->dataflow;
    machine.clusters = number(1, 6);
    machine.sub_clusters = number(2, 24);
    machine.controllers = number(4, 16);
    machine.memory_bytes = uint64_t{1} << number(12, 17);
    machine.max_sub_clusters = number(1, 8);
    machine.max_parts = number(1, 8);
    machine.macs_per_cycle = 1u << number(2, 6);
    machine.row_overhead_cycles = number(0, 40);
    machine.row_alignment = 1u << number(0, 5);
    machine.link->gb_s = number(1, 40) / 10.0;
    machine.link->latency_us = number(0, 3);
    machine.context_switch_us = number(0, 50);
    machine.softmax_layers = number(1, 3);
    loaded->host->call_us = number(0, 20);
    loaded->host->gelements_s = number(1, 40) / 10.0;
    if (number(0, 3) == 0) {
      constexpr emulator::WorkClass kLacking[] = {
          emulator::WorkClass::Pooling, emulator::WorkClass::Reduction,
          emulator::WorkClass::Arithmetic, emulator::WorkClass::Movement,
          emulator::WorkClass::Depthwise};
      auto lacking = kLacking[number(0, 4)];
      std::erase_if(machine.work, [&](const auto &work) { return work->work == lacking; });
    }
    return *loaded;
  }
  device::MapOptions options() {
    device::MapOptions options;
    options.batch = number(1, 4);
    return options;
  }
  uint32_t number(uint32_t low, uint32_t high) {
    return low + static_cast<uint32_t>(random_() % (high - low + 1));
  }

private:
  std::mt19937_64 random_;
};

// Memory is doubled until the largest layer fits.
Expected<device::DeviceCode> mapSomehow(const Module &module, emulator::DeviceT &device,
                                        const device::MapOptions &options) {
  for (int attempt = 0;; ++attempt) {
    auto code = device::mapFunction(module.main(), device, options);
    if (code || attempt == 12)
      return code;
    device.dataflow->memory_bytes *= 2;
  }
}

// A host step that reads a tensor which its own context writes, and writes one that it reads.
bool hasHostBetween(const emulator::DataflowProgramT &program) {
  using emulator::HostTensor, emulator::StreamRole;
  auto among = [](const std::vector<HostTensor> &tensors, const emulator::StreamT &stream) {
    return stream.role == StreamRole::Boundary &&
           std::ranges::any_of(tensors, [&](const HostTensor &tensor) {
             return tensor.role() == StreamRole::Boundary && tensor.index() == stream.port;
           });
  };
  for (const auto &step : program.host_steps) {
    const emulator::ContextT &context = *program.contexts[step->context];
    bool reads = false, writes = false;
    for (uint32_t i = 0; i < context.streams.size(); ++i) {
      bool isWritten =
          std::ranges::any_of(context.nodes, [&](const auto &node) { return node->output == i; });
      reads |= isWritten && among(step->inputs, *context.streams[i]);
      writes |= !isWritten && among(step->outputs, *context.streams[i]);
    }
    if (reads && writes)
      return true;
  }
  return false;
}

TEST(DataflowRandom, EmulatedResultsEqualTheReferenceBitForBit) {
  const char *count = std::getenv("EDGECC_DEVICE_COUNT");
  uint64_t graphs = count ? std::strtoull(count, nullptr, 10) : 60;
  unsigned several = 0;
  unsigned streamed = 0; // through a host part, within a context
  unsigned beyond = 0;
  std::string which;
  for (uint64_t seed = 0; seed < graphs; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    DType type = seed % 4 == 3 ? DType::I16 : seed % 2 ? DType::U8 : DType::I8;
    auto graph = generateQuantized(seed, type);
    ASSERT_TRUE(graph) << str(graph.error());
    auto module = loweredToIntegers(*graph->module);
    ASSERT_TRUE(module) << str(module.error());
    auto expected = ReferenceExecutor().run((*module)->main(), graph->inputs);
    ASSERT_TRUE(expected) << str(expected.error());
    RandomMachine random(seed);
    emulator::DeviceT device = random.device();
    auto code = mapSomehow(**module, device, random.options());
    ASSERT_TRUE(code) << str(code.error()) << "\n" << print(**module);
    auto checked =
        emulator::readProgram(emulator::writeProgram(code->program), code->weights.size());
    ASSERT_TRUE(checked) << checked.error().message;
    code->program = std::move(**checked);
    auto results = emulate(**module, *code, graph->inputs, {.frames = random.number(1, 5)});
    ASSERT_TRUE(results) << str(results.error()) << "\n" << print(**module);
    for (size_t i = 0; i < expected->size(); ++i)
      ASSERT_EQ((*results)[i], (*expected)[i]) << "output " << i << "\n" << print(**module);
    if (code->program.dataflow->contexts.empty())
      continue; // the host computes it all
    several += code->program.dataflow->contexts.size() > 1;
    streamed += hasHostBetween(*code->program.dataflow);
    auto report = emulator::measure(code->program);
    ASSERT_TRUE(report) << report.error().message;
    const emulator::EstimateT &estimate = *code->program.estimate;
    constexpr double kClose = 0.0953; // ln 1.1
    double rate = report->fps / estimate.fps;
    double latency = report->latencyUs / 1e3 / estimate.latency_ms;
    if (std::abs(std::log(rate)) <= kClose && std::abs(std::log(latency)) <= kClose)
      continue;
    ++beyond;
    which += fmt::format("seed {}: rate {:.3f}, latency {:.3f} of {:.1f} us, {} contexts, {} host "
                         "steps\n",
                         seed, rate, latency, report->latencyUs, report->contexts,
                         code->program.dataflow->host_steps.size());
  }
  // Frames of these networks take microseconds, so that a row more or less of waiting shows.
  EXPECT_LE(beyond * 20, graphs) << "estimates are off by more than 10 %:\n" << which;
  EXPECT_GT(several, 0u) << "no network needed several contexts";
  EXPECT_GT(streamed, 0u) << "no network streams through the host";
}

} // namespace
} // namespace edgecc::test
