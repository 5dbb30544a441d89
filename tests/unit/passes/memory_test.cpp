#include "passes/lower/memory/PackBuffers.h"
#include "tests/unit/passes/MemoryReplay.h"

#include "ir/Text.h"
#include "ir/Verifier.h"
#include "passes/PassManager.h"

#include <gtest/gtest.h>

namespace edgecc {
namespace {

using memory::Chunk;

TEST(PackBuffers, DisjointInTimeShareTheSameBytes) {
  std::vector<Chunk> chunks{{64, {0, 1}}, {128, {2, 3}}, {64, {4, 9}}};
  EXPECT_EQ(memory::lowerBound(chunks), 128);
  EXPECT_EQ(memory::packBuffers(chunks), 128);
}

TEST(PackBuffers, NothingNeedsNothing) {
  std::vector<Chunk> chunks;
  EXPECT_EQ(memory::packBuffers(chunks), 0);
}

// The lower bound can be out of reach, but greedy orders stay near it on lifetimes like a
// network's.
TEST(PackBuffers, RandomLifetimesNeverOverlapAndStayNearTheBound) {
  std::mt19937 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<Chunk> chunks;
    for (int i = 0; i < 60; ++i) {
      int begin = static_cast<int>(random() % 100), length = static_cast<int>(random() % 12);
      chunks.push_back({static_cast<int64_t>(random() % 50 + 1) * 64, {begin, begin + length}});
    }
    int64_t size = memory::packBuffers(chunks);
    EXPECT_GE(size, memory::lowerBound(chunks));
    EXPECT_LE(static_cast<double>(size), 1.10 * static_cast<double>(memory::lowerBound(chunks)));
    for (size_t i = 0; i < chunks.size(); ++i) {
      EXPECT_LE(chunks[i].offset + chunks[i].bytes, size);
      for (size_t j = 0; j < i; ++j)
        if (chunks[i].life.overlaps(chunks[j].life)) {
          EXPECT_TRUE(chunks[i].offset + chunks[i].bytes <= chunks[j].offset ||
                      chunks[j].offset + chunks[j].bytes <= chunks[i].offset);
        }
    }
  }
}

// Plans the text's function and replays it.
std::string replay(const std::string &body, Statistics *statistics = nullptr) {
  auto module = parse("module \"m\" {\n" + body + "}");
  if (!module)
    return str(module.error());
  Registry registry;
  registerBuiltinPasses(registry);
  auto reports = runPasses(**module, *registry.parse("choose-layout,plan-memory"), {});
  if (!reports)
    return str(reports.error());
  if (auto valid = verify(**module); !valid)
    return str(valid.error());
  if (statistics)
    *statistics = reports->back().statistics;
  std::string failure = test::MemoryReplay().run((*module)->main());
  return failure.empty() ? failure : failure + "\n" + print(**module);
}

TEST(PlanMemory, BranchesWriteIntoTheResult) {
  EXPECT_EQ(replay(R"(
  func @main(%0: bool[] "c", %1: f32[4] "x") -> ("y") {
    %2 = Softmax(%1) {axis = 0} : f32[4]
    %3 = If(%0) : f32[4] {
      ^()
      %4 = Exp(%2) : f32[4]
      Yield(%4)
    } {
      ^()
      Yield(%2)
    }
    %5 = Add(%3, %2) : f32[4]
    Yield(%5)
  }
)"),
            "");
}

TEST(PlanMemory, CarriedValuesAreUpdatedInPlaceWhereNothingReadsThemLater) {
  Statistics statistics;
  EXPECT_EQ(replay(R"(
  func @main(%0: bool[] "c", %1: f32[64] "x") -> ("y") {
    %2 = Softmax(%1) {axis = 0} : f32[64]
    %3 = Loop(%0, %2) {fixed_trips = true, max_trips = 3} : f32[64] {
      ^(%4: i64[], %5: bool[], %6: f32[64])
      %7 = Softmax(%6) {axis = 0} : f32[64]
      %8 = Softmax(%7) {axis = 0} : f32[64]
      Yield(%5, %8)
    }
    Yield(%3)
  }
)",
                   &statistics),
            "");
  // State is in the output; one temporary inside the loop, the counter and the conditions.
  EXPECT_LE(statistics.count("arena bytes"), 256 + 4 * 64);
}

TEST(PlanMemory, AStateThatIsReadAfterTheNextOneIsComputedSurvives) {
  EXPECT_EQ(replay(R"(
  func @main(%0: bool[] "c", %1: f32[4] "x") -> ("y", "z") {
    %2, %3 = Loop(%0, %1, %1) {fixed_trips = true, max_trips = 3} : f32[4], f32[4] {
      ^(%4: i64[], %5: bool[], %6: f32[4], %7: f32[4])
      %8 = Softmax(%6) {axis = 0} : f32[4]
      %9 = Add(%6, %8) : f32[4]
      Yield(%5, %8, %9)
    }
    Yield(%2, %3)
  }
)"),
            "");
}

TEST(PlanMemory, StatesMayChangePlaces) {
  EXPECT_EQ(replay(R"(
  func @main(%0: bool[] "c", %1: f32[4] "x", %2: f32[4] "z") -> ("y", "w") {
    %3, %4 = Loop(%0, %1, %2) {fixed_trips = true, max_trips = 3} : f32[4], f32[4] {
      ^(%5: i64[], %6: bool[], %7: f32[4], %8: f32[4])
      Yield(%6, %8, %7)
    }
    Yield(%3, %4)
  }
)"),
            "");
}

TEST(PlanMemory, ViewsOfAStateSurviveItsUpdate) {
  EXPECT_EQ(replay(R"(
  func @main(%0: bool[] "c", %1: f32[4] "x") -> ("y", "s") {
    %2, %3 = Loop(%0, %1) {fixed_trips = true, max_trips = 3} : f32[4], f32[3x2] {
      ^(%4: i64[], %5: bool[], %6: f32[4])
      %7 = Slice(%6) {sizes = [2], starts = [1], steps = [1]} : f32[2]
      %8 = Softmax(%6) {axis = 0} : f32[4]
      Yield(%5, %8, %7)
    }
    Yield(%2, %3)
  }
)"),
            "");
}

TEST(PlanMemory, InitialValuesThatAreNeededLaterAreCopied) {
  EXPECT_EQ(replay(R"(
  func @main(%0: bool[] "c", %1: f32[4] "x") -> ("y", "z") {
    %2 = Softmax(%1) {axis = 0} : f32[4]
    %3 = Reshape(%2) {shape = [2, 2]} : f32[2x2]
    %4 = Loop(%0, %2) {fixed_trips = true, max_trips = 2} : f32[4] {
      ^(%5: i64[], %6: bool[], %7: f32[4])
      %8 = Add(%7, %2) : f32[4]
      Yield(%6, %8)
    }
    Yield(%4, %3)
  }
)"),
            "");
}

TEST(PlanMemory, ScansReadSlicesAndStackResults) {
  EXPECT_EQ(replay(R"(
  func @main(%0: f32[5x4] "x", %1: f32[4] "h") -> ("last", "all") {
    %2 = Softmax(%0) {axis = 1} : f32[5x4]
    %3, %4 = Scan(%1, %2) {num_scans = 1} : f32[4], f32[5x4] {
      ^(%5: f32[4], %6: f32[4])
      %7 = Add(%5, %6) : f32[4]
      %8 = Tanh(%7) : f32[4]
      Yield(%8, %8)
    }
    Yield(%3, %4)
  }
)"),
            "");
}

TEST(PlanMemory, NestedConcatsLieInEachOther) {
  Statistics statistics;
  EXPECT_EQ(replay(R"(
  func @main(%0: f32[1x16x8x8] "x") -> ("y") {
    %1 = Softmax(%0) {axis = 1} : f32[1x16x8x8]
    %2 = LogSoftmax(%1) {axis = 1} : f32[1x16x8x8]
    %3 = Concat(%1, %2) {axis = 1} : f32[1x32x8x8]
    %4 = Softmax(%3) {axis = 1} : f32[1x32x8x8]
    %5 = Concat(%1, %2, %4) {axis = 1} : f32[1x64x8x8]
    Yield(%5)
  }
)",
                   &statistics),
            "");
  EXPECT_EQ(statistics.count("arena bytes"), 0); // all of it is in the output
}

} // namespace
} // namespace edgecc
