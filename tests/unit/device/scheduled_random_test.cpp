// Random f16 networks on random scheduled machines, small ones among them: the emulated device
// computes what the reference backend does, bit for bit, with all checks on; and the mapper's
// estimate is what the emulator counts. EDGECC_DEVICE_COUNT sets how many.
#include "tests/unit/device/EmulatedModel.h"
#include "tests/unit/device/HalfGraphs.h"

#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"

#include <cmath>
#include <cstdlib>
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
    nce.units_per_stream = number(0, 2);
    nce.limits->line_buffer_bytes = uint64_t{1} << number(12, 17);
    nce.limits->max_block_taps = number(32, 256);
    nce.limits->max_kernel = number(1, 15);
    nce.limits->dilation = number(0, 1) == 1;
    nce.limits->pooling = number(0, 3) != 0;
    nce.limits->products = number(0, 3) != 0;
    if (number(0, 2) == 0)
      nce.memories.push_back("ddr");
    shaves.slices_per_unit = number(0, 1);
    dma.count = number(1, 4);
    dma.units_per_stream = number(0, 2);
    machine.layer_us = number(0, 50);
    machine.default_units = 0;
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
  auto a = got.data<uint16_t>(), b = expected.data<uint16_t>();
  for (int64_t i = 0; i < expected.elements(); ++i)
    if (a[static_cast<size_t>(i)] != b[static_cast<size_t>(i)]) {
      ++count;
      first = first < 0 ? i : first;
    }
  return fmt::format("{} of {} elements differ, first {}: {} instead of {}", count,
                     expected.elements(), first, got.asDouble(first), expected.asDouble(first));
}

TEST(ScheduledRandom, EmulatedResultsEqualTheReferenceBitForBit) {
  const char *count = std::getenv("EDGECC_DEVICE_COUNT");
  const char *first = std::getenv("EDGECC_DEVICE_FIRST");
  uint64_t graphs = count ? std::strtoull(count, nullptr, 10) : 100;
  uint64_t from = first ? std::strtoull(first, nullptr, 10) : 0;
  for (uint64_t seed = from; seed < from + graphs; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    HalfGraph graph = generateHalf(seed);
    const Function &function = graph.module->main();
    auto expected = ReferenceExecutor().run(function, graph.inputs);
    ASSERT_TRUE(expected) << str(expected.error());
    RandomMachine random(seed);
    emulator::DeviceT device = random.device();
    auto code = device::mapFunction(function, device, random.options());
    ASSERT_TRUE(code) << str(code.error()) << "\n" << print(*graph.module, {.elideAbove = 8});
    auto checked =
        emulator::readProgram(emulator::writeProgram(code->program), code->weights.size());
    ASSERT_TRUE(checked) << checked.error().message << "\n"
                         << print(*graph.module, {.elideAbove = 8});
    code->program = std::move(**checked);
    auto results = emulate(*graph.module, *code, graph.inputs, {.frames = random.number(1, 4)});
    ASSERT_TRUE(results) << str(results.error()) << "\n" << print(*graph.module, {.elideAbove = 8});
    for (size_t i = 0; i < expected->size(); ++i)
      ASSERT_EQ(firstDifference((*results)[i], (*expected)[i]), "")
          << "output " << i << "\n"
          << print(*graph.module, {.elideAbove = 8});
  }
}

} // namespace
} // namespace edgecc::test
