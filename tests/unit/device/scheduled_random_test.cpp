// Random f16 networks on random scheduled machines, small ones among them: the emulated device
// computes what the reference backend does, bit for bit, with all checks on; and the mapper's
// estimate is what the emulator counts. EDGECC_DEVICE_COUNT sets how many.
#include "tests/differential/QuantizedGraphs.h"
#include "tests/support/EmulatedModel.h"
#include "tests/unit/device/HalfGraphs.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <random>

namespace edgecc::test {
namespace {

class RandomMachine {
public:
  explicit RandomMachine(uint64_t seed) : random_(seed * 0xd1342543de82ef95u + 7) {}

  emulator::DeviceT device() {
    auto loaded = device::loadDevice("myriadx");
    EXPECT_TRUE(loaded);
    emulator::ScheduledMachineT &machine = *loaded->scheduled;
    auto &cmx = *machine.memories[0], &ddr = *machine.memories[1];
    cmx.slices = number(8, 20);
    cmx.bytes = uint64_t{cmx.slices} << number(10, 17);
    cmx.extra_bytes = cmx.bytes / cmx.slices / 2;
    cmx.bandwidth_gb_s = number(10, 400);
    ddr.bandwidth_gb_s = number(1, 20);
    cmx.alignment = 1u << number(4, 7);
    auto &nce = *machine.engines[0], &shaves = *machine.engines[1], &dma = *machine.engines[2];
    nce.count = number(1, 4);
    nce.units_per_stream = number(0, std::min(2u, nce.count));
    nce.limits->line_buffer_bytes = uint64_t{1} << number(12, 17);
    nce.limits->max_block_taps = number(32, 256);
    nce.limits->max_kernel = number(1, 15);
    nce.limits->dilation = number(0, 1) == 1;
    nce.limits->pooling = number(0, 3) != 0;
    nce.limits->products = number(0, 3) != 0;
    if (number(0, 2) == 0)
      nce.memories.push_back("ddr");
    if (number(0, 2) == 0)
      nce.limits->pools.clear();
    shaves.slices_per_unit = number(0, 1);
    shaves.tile_us = static_cast<int>(number(0, 2)) - 1;
    ddr.burst_bytes = 1u << number(0, 6);
    dma.count = number(1, 4);
    dma.units_per_stream = number(0, std::min(2u, dma.count));
    dma.bus_bytes = number(0, 1) * 16;
    machine.layer_us = number(0, 50);
    machine.default_units = 0;
    return *loaded;
  }
  // A machine of another description: 8-bit arithmetic, one memory without slices.
  emulator::DeviceT smallDevice() {
    auto loaded = device::loadDevice("smallnpu");
    EXPECT_TRUE(loaded);
    emulator::ScheduledMachineT &machine = *loaded->scheduled;
    machine.memories[0]->bytes = uint64_t{1} << number(13, 19);
    auto &engine = *machine.engines[0];
    if (number(0, 1))
      engine.activations = {"Relu"}; // requantisation on the vector engine
    engine.limits->max_channels = number(4, 64);
    engine.limits->pooling = number(0, 1) == 1;
    return *loaded;
  }
  device::MapOptions options() {
    device::MapOptions options;
    options.streams = number(1, 3);
    options.units = number(0, 2);
    return options;
  }
  uint32_t number(uint32_t low, uint32_t high) {
    return low + static_cast<uint32_t>(random_() % (high - low + 1));
  }

private:
  std::mt19937_64 random_;
};

std::string firstDifference(const Tensor &got, const Tensor &expected) {
  if (got == expected)
    return "";
  int64_t count = 0, first = -1;
  int64_t size = bitWidth(expected.dtype()) / 8;
  for (int64_t i = 0; i < expected.elements(); ++i)
    if (std::memcmp(got.raw() + i * size, expected.raw() + i * size, static_cast<size_t>(size))) {
      ++count;
      first = first < 0 ? i : first;
    }
  return fmt::format("{} of {} elements differ, first {}: {} instead of {}", count,
                     expected.elements(), first, got.asDouble(first), expected.asDouble(first));
}

// Maps, checks and runs; the outputs must be `expected`.
void expectSame(const Module &module, std::span<const Tensor> inputs,
                const emulator::DeviceT &device, const device::MapOptions &options, unsigned frames,
                std::vector<double> &ratios) {
  std::string text = print(module, {.elideAbove = 8});
  auto expected = ReferenceExecutor().run(module.main(), inputs);
  ASSERT_TRUE(expected) << str(expected.error());
  auto code = device::mapFunction(module.main(), device, options);
  ASSERT_TRUE(code) << str(code.error()) << "\n" << text;
  auto checked = emulator::readProgram(emulator::writeProgram(code->program), code->weights.size());
  ASSERT_TRUE(checked) << checked.error().message << "\n" << text;
  code->program = std::move(**checked);
  auto results = emulate(module, *code, inputs, {.frames = frames});
  ASSERT_TRUE(results) << str(results.error()) << "\n" << text;
  for (size_t i = 0; i < expected->size(); ++i)
    ASSERT_EQ(firstDifference((*results)[i], (*expected)[i]), "") << "output " << i << "\n" << text;
  auto report = emulator::measure(code->program);
  ASSERT_TRUE(report) << report.error().message;
  ratios.push_back(report->latencyUs / (1e3 * code->program.estimate->latency_ms));
  EXPECT_GT(ratios.back(), 0.9) << text;
  EXPECT_LT(ratios.back(), 2.5) << text; // loads, stores and vector units at once, each held up
}

// Emulated over estimated latencies. On machines with next to no bandwidth, transfers that hold one
// another up make some differ by more than a tenth.
void expectGoodEstimates(const std::vector<double> &ratios) {
  auto good = std::ranges::count_if(
      ratios, [](double ratio) { return std::abs(std::log(ratio)) < std::log(1.1); });
  EXPECT_GE(good, std::ssize(ratios) * 9 / 10) << good << " of " << ratios.size();
}

uint64_t fromEnvironment(const char *name, uint64_t otherwise) {
  const char *value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

TEST(ScheduledRandom, HalfPrecisionEqualsTheReferenceBitForBit) {
  uint64_t first = fromEnvironment("EDGECC_DEVICE_FIRST", 0);
  uint64_t count = fromEnvironment("EDGECC_DEVICE_COUNT", 200);
  std::vector<double> ratios;
  for (uint64_t seed = first; seed < first + count && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    HalfGraph graph = generateHalf(seed);
    RandomMachine random(seed);
    emulator::DeviceT device = random.device();
    device::MapOptions options = random.options();
    expectSame(*graph.module, graph.inputs, device, options, random.number(1, 4), ratios);
  }
  expectGoodEstimates(ratios);
}

TEST(ScheduledRandom, IntegersEqualTheReferenceBitForBit) {
  uint64_t first = fromEnvironment("EDGECC_DEVICE_FIRST", 0);
  uint64_t count = fromEnvironment("EDGECC_DEVICE_COUNT", 60);
  std::vector<double> ratios;
  for (uint64_t seed = first; seed < first + count && !HasFatalFailure(); ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    auto graph = generateQuantized(seed, seed % 2 ? DType::U8 : DType::I8);
    ASSERT_TRUE(graph) << str(graph.error());
    auto module = loweredToIntegers(*graph->module);
    ASSERT_TRUE(module) << str(module.error());
    RandomMachine random(seed);
    emulator::DeviceT device = random.smallDevice();
    expectSame(**module, graph->inputs, device, {}, random.number(1, 2), ratios);
  }
  expectGoodEstimates(ratios);
}

} // namespace
} // namespace edgecc::test
