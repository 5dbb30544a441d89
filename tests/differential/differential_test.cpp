// Seeded random graphs: native code against the reference backend. EDGECC_DIFFERENTIAL_COUNT sets
// how many, EDGECC_DIFFERENTIAL_SEED the first seed. A graph that fails is minimised and printed as
// text.
#include "tests/differential/Check.h"

#include "ir/Text.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace edgecc::test {
namespace {

uint64_t fromEnvironment(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

class Differential : public testing::TestWithParam<uint64_t> {};

// The whole graph goes to a file, so that it can be compiled by hand.
std::string report(uint64_t seed, const Graph &graph, const std::string &message) {
  Graph smallest = minimize(graph);
  std::string path = "differential_" + std::to_string(seed) + ".ir";
  std::ofstream(path) << print(*smallest.module);
  return message + "minimised (in full in " + path + "): " + checkIsolated(smallest) +
         print(*smallest.module, {.elideAbove = 8});
}

TEST_P(Differential, NativeMatchesReference) {
  constexpr uint64_t kPerShard = 10;
  uint64_t count = fromEnvironment("EDGECC_DIFFERENTIAL_COUNT", 150);
  uint64_t first = fromEnvironment("EDGECC_DIFFERENTIAL_SEED", 1);
  size_t ops = 0;
  for (uint64_t i = GetParam(); i < count; i += kPerShard) {
    auto graph = generate(first + i);
    ASSERT_TRUE(graph) << "seed " << first + i << ": " << str(graph.error());
    ops += graph->module->main().body.ops().size();
    std::string message = checkIsolated(*graph);
    if (!message.empty())
      ADD_FAILURE() << "seed " << first + i << ": " << report(first + i, *graph, message);
  }
  if (count > GetParam())
    EXPECT_GT(ops, 3u) << "the generator made empty graphs";
}

// Graphs that went wrong once.
TEST(DifferentialRegressions, StayFixed) {
  size_t count = 0;
  for (const auto &entry : std::filesystem::directory_iterator(
           std::filesystem::path(EDGECC_SOURCE_DIR) / "tests/differential/regressions")) {
    std::ifstream file(entry.path());
    std::string text(std::istreambuf_iterator<char>(file), {});
    auto module = parse(text, entry.path().filename().string());
    ASSERT_TRUE(module) << str(module.error());
    Graph graph{std::move(*module), {}};
    std::mt19937 random(1);
    for (const auto &argument : graph.module->main().body.arguments()) {
      Tensor &input = graph.inputs.emplace_back(argument->type.dtype, argument->dims());
      for (int64_t i = 0; i < input.elements(); ++i)
        input.setDouble(i, random() * 0x1p-31 - 1);
    }
    EXPECT_EQ(checkIsolated(graph), "") << entry.path();
    ++count;
  }
  EXPECT_GT(count, 0u);
}

INSTANTIATE_TEST_SUITE_P(Shards, Differential, testing::Range<uint64_t>(0, 10));

} // namespace
} // namespace edgecc::test
