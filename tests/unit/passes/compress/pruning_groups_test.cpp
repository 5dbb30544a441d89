// Dependency groups, and the removal of channels: a network without some channels computes the same
// as with the slices of all their parameters set to zero.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"
#include "ir/Verifier.h"
#include "passes/compress/pruning/Budget.h"
#include "passes/compress/pruning/DependencyGroups.h"
#include "tests/unit/passes/compress/PruningModels.h"
#include "tests/unit/passes/compress/RandomPruning.h"

#include <gmock/gmock.h>

namespace edgecc::test {
namespace {

using namespace pruning;
using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<Module> modelOf(const std::string &name) {
  for (const PruningModel &model : pruningModels())
    if (model.name == name) {
      auto module = parse(model.text());
      EXPECT_TRUE(module) << str(module.error()) << model.text();
      randomizeParameters(**module, 1);
      return std::move(*module);
    }
  ADD_FAILURE() << "there is no model " << name;
  return nullptr;
}

// "layer: number of channels, slices of the first along each parameter" for each group.
std::vector<std::string> summary(const std::string &name) {
  auto module = modelOf(name);
  std::vector<std::string> out;
  for (const DependencyGroup &group : findDependencyGroups(*module, module->main()).groups) {
    std::string text = group.layer + ": " + std::to_string(group.channels.size());
    for (size_t a = 0; a < group.axes.size(); ++a)
      if (const Op *op = group.axes[a].value->definingOp(); op && op->parameter)
        text += " " + op->parameter->name + "." + std::to_string(group.axes[a].axis) + "x" +
                std::to_string(group.channels[0][a].size());
    out.push_back(text);
  }
  return out;
}

TEST(DependencyGroups, FollowChannelsThroughTheGraph) {
  EXPECT_THAT(summary("chain"), ElementsAre("a: 8 w0.0x1 w9.1x1"));
  EXPECT_THAT(summary("residual"), ElementsAre("a: 8 w0.0x1 w1.0x1 w1.1x1 w9.1x1"));
  EXPECT_THAT(summary("concat"), ElementsAre("a: 8 w0.0x1 w9.1x1", "b: 4 w1.0x1 w9.1x1"));
  EXPECT_THAT(summary("split"), ElementsAre("a: 4 w0.0x1 w1.1x1", "a: 4 w0.0x1 w9.1x1"));
  EXPECT_THAT(summary("shuffle"), ElementsAre("a: 4 w0.0x2 w9.1x2"));
  EXPECT_THAT(summary("depthwise"), ElementsAre("a: 8 w0.0x1 w1.0x1 w9.1x1"));
  EXPECT_THAT(summary("multiplied"), ElementsAre("a: 8 w0.0x1 w1.0x2 w9.1x2"));
  EXPECT_THAT(summary("grouped"), ElementsAre("a: 4 w0.0x2 w1.1x1", "b: 4 w1.0x2 w9.1x2"));
  EXPECT_THAT(summary("multiplied-transposed"), ElementsAre("a: 8 w0.0x1 w1.0x1 w9.1x2"));
  EXPECT_THAT(summary("paired"), ElementsAre("a: 4 w0.0x2 w1.0x1 w9.1x1"));
  EXPECT_THAT(summary("grouped-transposed"),
              ElementsAre("a: 4 w0.0x2 w1.0x2", "b: 4 w1.1x1 w9.1x2"));
  EXPECT_THAT(summary("flatten"), ElementsAre("a: 8 w0.0x1 w9.0x36"));
  EXPECT_THAT(summary("squeeze-excite"),
              ElementsAre("a: 8 w0.0x1 w1.1x1 w2.0x1 w9.1x1", "b: 4 w1.0x1 w2.1x1"));
  EXPECT_THAT(summary("constants"), ElementsAre("a: 8 w0.0x1 w1.0x1 w2.1x1 w9.1x1"));
  EXPECT_THAT(summary("padded"), ElementsAre("a: 8 w0.0x1 w9.1x1", "Pad: 4 w9.1x1"));
  EXPECT_THAT(summary("pixel-shuffle"), ElementsAre("a: 2 w0.0x4 w9.1x1"));
  EXPECT_THAT(summary("attention"), ElementsAre("q: 4 wq.1x4 wk.1x4 wv.1x4 wo.0x4"));
}

TEST(DependencyGroups, KeepTheOrderOfShuffledChannels) {
  auto module = modelOf("shuffle");
  auto groups = findDependencyGroups(*module, module->main()).groups;
  ASSERT_EQ(groups.size(), 1u);
  for (size_t a = 0; a < groups[0].axes.size(); ++a)
    if (const Op *op = groups[0].axes[a].value->definingOp(); op && op->parameter)
      EXPECT_EQ(groups[0].channels[1][a], op->parameter->name == "w0"
                                              ? (std::vector<int64_t>{1, 5})
                                              : (std::vector<int64_t>{2, 3}));
}

TEST(DependencyGroups, SayWhatCannotBePruned) {
  auto module = modelOf("chain");
  auto found = findDependencyGroups(*module, module->main());
  ASSERT_EQ(found.unprunable.size(), 1u);
  EXPECT_EQ(found.unprunable[0].layer, "y");
  EXPECT_THAT(found.unprunable[0].reason, HasSubstr("output of the model"));
}

TEST(DependencyGroups, RefuseToEmptyAnAxis) {
  auto module = modelOf("chain");
  auto groups = findDependencyGroups(*module, module->main()).groups;
  ChannelSelection all{&groups[0], {0, 1, 2, 3, 4, 5, 6, 7}};
  auto removed = removeChannels(module->main(), std::span(&all, 1));
  ASSERT_FALSE(removed);
  EXPECT_THAT(str(removed.error()), HasSubstr("would leave none"));
  EXPECT_TRUE(verify(*module));
}

TEST(RemoveChannels, ComposesProvenance) {
  auto module = modelOf("chain");
  for (int64_t expected : {2, 3}) { // the original's channel that is second after each removal
    auto groups = findDependencyGroups(*module, module->main()).groups;
    ChannelSelection one{&groups[0], {1}};
    ASSERT_TRUE(removeChannels(module->main(), std::span(&one, 1)));
    for (const auto &op : module->main().body.ops())
      if (op->location == "a")
        EXPECT_EQ(op->result()->provenance.channelMap[1], expected);
  }
  EXPECT_TRUE(verify(*module));
}

class RemovesChannels : public testing::TestWithParam<PruningModel> {};

TEST_P(RemovesChannels, AsIfTheyWereZero) {
  for (uint32_t seed = 0; seed < 8; ++seed) {
    auto module = modelOf(GetParam().name);
    auto groups = findDependencyGroups(*module, module->main());
    RandomSelection selection(groups, 0.4, seed);
    auto zeroed = clone(*module);
    zeroSlices(*zeroed, selection.selections);
    Budget budget(module->main(), Resource::Macs, nullptr);
    for (const auto &[group, channels] : selection.selections)
      for (size_t channel : channels)
        budget.take(*group, channel);
    double expectedMacs = budget.cost();
    auto removed = removeChannels(module->main(), selection.selections);
    ASSERT_TRUE(removed) << str(removed.error());
    auto verified = verify(*module);
    ASSERT_TRUE(verified) << str(verified.error()) << print(*module);
    EXPECT_DOUBLE_EQ(Budget(module->main(), Resource::Macs, nullptr).cost(), expectedMacs);
    Tensor input = randomTensor(module->main().body.argument(0)->type, 100 + seed);
    ReferenceExecutor executor;
    auto got = executor.run(module->main(), std::span(&input, 1));
    auto wanted = executor.run(zeroed->main(), std::span(&input, 1));
    ASSERT_TRUE(got && wanted);
    EXPECT_LT(largestDifference((*got)[0], (*wanted)[0]), 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RemovesChannels, testing::ValuesIn(pruningModels()),
                         [](const auto &info) {
                           std::string name = info.param.name;
                           std::erase(name, '-');
                           return name;
                         });

} // namespace
} // namespace edgecc::test
