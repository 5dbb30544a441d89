// Dividing a device among models, and the best of many results.
#include "driver/device/explore/Sweep.h"
#include "driver/device/share/Divide.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <random>

namespace edgecc::driver {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Divide, GivesMoreToWhoNeedsMore) {
  // Three units each reach the same with one and two: the first needs three.
  EXPECT_THAT(divide({{1, 2, 3}, {3, 3, 3}}, 4), ElementsAre(3u, 1u));
}

TEST(Divide, LeavesOutWhatCannotRun) {
  EXPECT_THAT(divide({{-1, 2}, {1, 5}}, 3), ElementsAre(2u, 1u));
  EXPECT_THAT(divide({{-1, -1}, {1, 5}}, 3), IsEmpty());
  EXPECT_THAT(divide({{1}, {1}, {1}}, 2), IsEmpty());
}

TEST(Divide, IsAsGoodAsTryingEverything) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    constexpr unsigned kTotal = 7;
    std::vector<std::vector<double>> values(3);
    for (auto &each : values)
      for (unsigned u = 1; u <= kTotal - 2; ++u)
        each.push_back(random() % 8 == 0 ? -1 : static_cast<double>(random() % 20));
    double best = -1;
    for (unsigned a = 1; a <= kTotal; ++a)
      for (unsigned b = 1; a + b < kTotal; ++b)
        for (unsigned c = 1; a + b + c <= kTotal; ++c)
          if (std::max({a, b, c}) <= values[0].size() &&
              std::min({values[0][a - 1], values[1][b - 1], values[2][c - 1]}) >= 0)
            best = std::max(best, std::min({values[0][a - 1], values[1][b - 1], values[2][c - 1]}));
    auto units = divide(values, kTotal);
    if (best < 0) {
      EXPECT_THAT(units, IsEmpty());
      continue;
    }
    ASSERT_EQ(units.size(), 3u);
    EXPECT_LE(units[0] + units[1] + units[2], kTotal);
    double found =
        std::min({values[0][units[0] - 1], values[1][units[1] - 1], values[2][units[2] - 1]});
    EXPECT_EQ(found, best);
  }
}

TEST(Divide, AllDivisionsUseAllUnits) {
  EXPECT_THAT(divisions(2, 4, 100),
              ElementsAre(ElementsAre(1u, 3u), ElementsAre(2u, 2u), ElementsAre(3u, 1u)));
  EXPECT_THAT(divisions(3, 8, 100), testing::SizeIs(21)); // C(7, 2)
  EXPECT_THAT(divisions(3, 8, 5), testing::SizeIs(5));
  EXPECT_THAT(divisions(3, 2, 100), IsEmpty());
}

TEST(Divide, PartsAreMachines) {
  for (const char *name : {"hailo8", "hailo8l", "myriadx", "smallnpu"}) {
    auto device = device::loadDevice(name);
    ASSERT_TRUE(device) << str(device.error());
    unsigned total = divisibleUnits(*device);
    for (unsigned units = 1; units <= total; ++units) {
      auto checked = emulator::checkDevice(partOf(*device, units, 2));
      EXPECT_TRUE(checked) << name << " " << units << ": " << checked.error().message;
    }
  }
}

TEST(Sweep, ReadsListsAndRanges) {
  auto axis = parseSweepAxis("shaves=1,4:8:2");
  ASSERT_TRUE(axis);
  EXPECT_THAT(axis->values, ElementsAre("1", "4", "6", "8"));
  EXPECT_FALSE(parseSweepAxis("shaves=1:0:1"));
  EXPECT_FALSE(parseSweepAxis("shaves=1:2:0"));
  EXPECT_FALSE(parseSweepAxis("nothing=1"));
  EXPECT_FALSE(pointsOf({{"shaves", {"1"}}, {"shaves", {"2"}}}));
  EXPECT_FALSE(pointsOf({{"shaves", std::vector<std::string>(200, "1")},
                         {"batch", std::vector<std::string>(200, "1")}}));
}

TEST(Sweep, TheFrontIsWhatNothingBeats) {
  auto result = [](double latency, double fps, double energy) {
    SweepResult r;
    r.latencyMs = latency;
    r.fps = fps;
    r.energyMj = energy;
    return r;
  };
  std::vector<SweepResult> results{result(1, 10, 5), result(2, 20, 5), result(2, 10, 5),
                                   result(3, 5, 1), result(0.5, 50, 0.5)};
  results[4].failure = "does not fit";
  EXPECT_THAT(paretoFront(results), ElementsAre(0u, 1u, 3u));
}

} // namespace
} // namespace edgecc::driver
