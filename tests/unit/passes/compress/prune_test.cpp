// The passes prune and sparsify with calibration data.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Text.h"
#include "ir/Verifier.h"
#include "passes/Registry.h"
#include "passes/compress/Passes.h"
#include "passes/compress/pruning/Blocks.h"
#include "passes/compress/pruning/Budget.h"
#include "passes/compress/pruning/CurveCache.h"
#include "passes/compress/pruning/Products.h"
#include "passes/compress/pruning/Select.h"
#include "tests/unit/passes/compress/PruningModels.h"

#include <gmock/gmock.h>

namespace edgecc::test {
namespace {

using testing::HasSubstr;

// Pictures whose channels vary together and smoothly, as real ones do.
class SmoothData : public DataSource {
public:
  explicit SmoothData(uint32_t first, size_t size = 48) : first_(first), size_(size) {}
  size_t size() const override { return size_; }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    Tensor tensor(DType::F32, {1, 3, 6, 6});
    Tensor waves = randomTensor({DType::F32, {9}, 0, {}}, first_ + static_cast<uint32_t>(index));
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      double c = static_cast<double>(i / 36), y = static_cast<double>(i / 6 % 6),
             x = static_cast<double>(i % 6);
      tensor.setDouble(i, waves.asDouble(0) + waves.asDouble(1) * x / 3 +
                              waves.asDouble(2) * y / 3 + 0.2 * waves.asDouble(3) * c +
                              0.3 * std::sin(x * y * waves.asDouble(4) + c));
    }
    return std::vector<Tensor>{tensor};
  }

private:
  uint32_t first_;
  size_t size_;
};

std::unique_ptr<Module> parseAndFill(const PruningModel &model) {
  auto module = parse(model.text());
  EXPECT_TRUE(module) << str(module.error());
  randomizeParameters(**module, 7);
  for (const auto &parameter : (*module)->parameters()) { // about the size that training gives
    double inputs =
        static_cast<double>(parameter->content.elements() / parameter->content.dims()[0]);
    for (int64_t i = 0; i < parameter->content.elements(); ++i)
      parameter->content.setDouble(i, parameter->content.asDouble(i) * std::sqrt(3 / inputs));
  }
  return std::move(*module);
}

// A stem, two residual blocks with 16 channels inside each, and a layer for the output.
std::unique_ptr<Module> residualNetwork() {
  const std::string eight = "f32[1x8x6x6]", sixteen = "f32[1x16x6x6]";
  std::vector<std::pair<std::string, std::string>> weights{{"w0", "f32[8x3x3x3]"}};
  std::string body = convolution("%a", "%x", "%w0", 3, eight) + "%r0 = Relu(%a) : " + eight + "\n";
  for (std::string n : {"1", "2"}) {
    std::string from = "%r" + std::to_string(std::stoi(n) - 1);
    weights.emplace_back("u" + n, "f32[16x8x3x3]");
    weights.emplace_back("v" + n, "f32[8x16x3x3]");
    body += convolution("%b" + n, from, "%u" + n, 3, sixteen) + "%c" + n + " = Relu(%b" + n +
            ") : " + sixteen + "\n" + convolution("%d" + n, "%c" + n, "%v" + n, 3, eight) + "%s" +
            n + " = Add(%d" + n + ", " + from + ") : " + eight + "\n%r" + n + " = Relu(%s" + n +
            ") : " + eight + "\n";
  }
  weights.emplace_back("w9", "f32[5x8x1x1]");
  body += convolution("%y", "%r2", "%w9", 1, "f32[1x5x6x6]");
  return parseAndFill({"net", "f32[1x3x6x6]", weights, body, "%y"});
}

struct Outcome {
  std::unique_ptr<Module> module;
  Compression compression;
  Statistics statistics;
  Expected<void> result;

  size_t progress = 0; // how often it was told

  explicit Outcome(const std::string &call, bool hasData = true, size_t samples = 48)
      : Outcome(call, residualNetwork(), hasData, samples) {}
  Outcome(const std::string &call, std::shared_ptr<pruning::CurveCache> curves)
      : Outcome(call, residualNetwork(), true, 48, std::move(curves)) {}
  Outcome(const std::string &call, std::unique_ptr<Module> of, bool hasData = true,
          size_t samples = 48, std::shared_ptr<pruning::CurveCache> curves = nullptr)
      : module(std::move(of)) {
    compression.pruningCurves = std::move(curves);
    Registry registry;
    registerBuiltinPasses(registry);
    auto passes = registry.parse(call);
    EXPECT_TRUE(passes) << str(passes.error());
    ReferenceExecutor executor;
    SmoothData data(1000, samples);
    if (hasData)
      compression.data = &data;
    PassContext context{passes->front().options, &executor, nullptr, statistics, &compression};
    context.progress = [&](size_t, size_t) { ++progress; };
    result = passes->front().pass->run(*module, context);
    if (result)
      EXPECT_TRUE(verify(*module));
    compression.data = nullptr;
  }
};

// Mean squared error against the original on pictures that calibration has not seen, relative to
// the energy of the original's output.
double errorOf(const Module &module) {
  auto original = residualNetwork();
  ReferenceExecutor executor;
  SmoothData data(5000);
  double error = 0, energy = 0;
  for (size_t i = 0; i < data.size(); ++i) {
    auto input = data.sample(i);
    auto got = executor.run(module.main(), *input), wanted = executor.run(original->main(), *input);
    EXPECT_TRUE(got && wanted);
    for (int64_t k = 0; k < (*wanted)[0].elements(); ++k) {
      double w = (*wanted)[0].asDouble(k), d = (*got)[0].asDouble(k) - w;
      error += d * d;
      energy += w * w;
    }
  }
  return error / energy;
}

double macsOf(const Module &module) {
  return pruning::Budget(module.main(), pruning::Resource::Macs, nullptr).cost();
}

TEST(Prune, RefitLosesLessThanNoRefit) {
  Outcome plain("prune{target=macs:0.3,align=1,refit=false}");
  Outcome refitted("prune{target=macs:0.3,align=1}");
  ASSERT_TRUE(plain.result && refitted.result);
  EXPECT_LE(macsOf(*refitted.module), 0.7 * macsOf(*residualNetwork()));
  EXPECT_EQ(macsOf(*refitted.module), macsOf(*plain.module));
  EXPECT_LT(errorOf(*refitted.module), 0.5 * errorOf(*plain.module));
  EXPECT_LT(errorOf(*refitted.module), 0.05);
}

TEST(Prune, RefitOnFewSamplesIsNoWorseThanNoRefit) {
  for (size_t samples : {1u, 3u, 10u}) {
    Outcome plain("prune{target=macs:0.2,align=1,refit=false}", true, samples);
    Outcome refitted("prune{target=macs:0.2,align=1}", true, samples);
    ASSERT_TRUE(plain.result && refitted.result);
    EXPECT_LT(errorOf(*refitted.module), errorOf(*plain.module)) << samples << " samples";
  }
}

TEST(Prune, ChoosesBetterByReconstructionThanByMagnitude) {
  Outcome magnitude("prune{target=macs:0.3,align=1,refit=false,criterion=l2}");
  Outcome taylor("prune{target=macs:0.3,align=1,refit=false,criterion=taylor}");
  ASSERT_TRUE(magnitude.result && taylor.result);
  EXPECT_LT(errorOf(*taylor.module), errorOf(*magnitude.module));
}

TEST(Prune, GivesTheSameBytesEachTime) {
  Outcome once("prune{target=macs:0.4,align=1,rounds=2}");
  Outcome again("prune{target=macs:0.4,align=1,rounds=2}");
  ASSERT_TRUE(once.result && again.result);
  EXPECT_EQ(print(*once.module), print(*again.module));
}

TEST(Prune, ScoresAModelOnceForAllFractions) {
  auto curves = std::make_shared<pruning::CurveCache>();
  Outcome first("prune{target=macs:0.2,align=1,refit=false}", curves);
  Outcome second("prune{target=macs:0.4,align=1,refit=false}", curves);
  Outcome alone("prune{target=macs:0.4,align=1,refit=false}");
  Outcome other("prune{target=macs:0.4,align=1,refit=false,criterion=activation}", curves);
  ASSERT_TRUE(first.result && second.result && alone.result && other.result);
  EXPECT_GT(first.progress, 0u);
  EXPECT_EQ(second.progress, 0u); // nothing was scored
  EXPECT_EQ(print(*second.module), print(*alone.module));
  EXPECT_GT(other.progress, 0u);
}

TEST(Prune, KeepsMultiplesOfTheAlignment) {
  Outcome aligned("prune{target=macs:0.3,align=4,criterion=activation}");
  ASSERT_TRUE(aligned.result) << str(aligned.result.error());
  for (const auto &op : aligned.module->main().body.ops())
    if (op->kind() == OpKind::Conv && op->location != "y")
      EXPECT_EQ(op->result()->dims()[1] % 4, 0);
  EXPECT_GT(aligned.statistics.count("channels removed"), 0);
}

// The trunk's channels cost least for what they save, but four of them are half of the network.
TEST(Prune, ReachesTheTargetWithoutMuchMoreThanThat) {
  auto module = residualNetwork();
  auto found = pruning::findDependencyGroups(*module, module->main());
  ASSERT_EQ(found.groups.size(), 3u);
  auto chosen = [&](double lossInBlock) {
    std::vector<pruning::Curve> curves;
    std::vector<int64_t> originals;
    for (const auto &group : found.groups) {
      size_t size = group.channels.size();
      pruning::Curve &curve = curves.emplace_back();
      for (size_t i = 0; i < size; ++i)
        curve.order.push_back(i);
      curve.loss.assign(size, size == 8 ? 0.1 : lossInBlock);
      originals.push_back(static_cast<int64_t>(size));
    }
    pruning::Budget budget(module->main(), pruning::Resource::Macs, nullptr);
    auto selections = pruning::selectChannels(budget, found.groups, curves, originals,
                                              0.9 * budget.cost(), {.align = 4});
    EXPECT_EQ(selections.size(), 1u);
    EXPECT_EQ(selections[0].channels.size(), 4u);
    return selections[0].group->channels.size();
  };
  EXPECT_EQ(chosen(0.03), 16u);
  EXPECT_EQ(chosen(0.11), 8u); // here the trunk loses less than a step in a block
}

TEST(Prune, TakesTheSameShareOfEveryLayer) {
  Outcome outcome("prune{target=macs:0.5,align=1,scope=layer,refit=false,criterion=l1}");
  ASSERT_TRUE(outcome.result) << str(outcome.result.error());
  int64_t widest = 0, narrowest = 100;
  for (const auto &op : outcome.module->main().body.ops())
    if (op->location == "b1" || op->location == "b2") {
      widest = std::max(widest, op->result()->dims()[1]);
      narrowest = std::min(narrowest, op->result()->dims()[1]);
    }
  EXPECT_LE(widest - narrowest, 1);
}

TEST(Prune, RemovesWholeBlocks) {
  Outcome outcome("prune{target=macs:0.4,granularity=block}");
  ASSERT_TRUE(outcome.result) << str(outcome.result.error());
  EXPECT_EQ(outcome.statistics.count("residual blocks removed"), 1);
  EXPECT_EQ(pruning::findResidualBlocks(outcome.module->main()).size(), 1u);
  Outcome plain("prune{target=macs:0.4,granularity=block,refit=false}");
  EXPECT_LT(errorOf(*outcome.module), errorOf(*plain.module));
}

TEST(Prune, LowersParametersAndMemory) {
  for (std::string resource : {"params", "memory"}) {
    Outcome outcome("prune{target=" + resource + ":0.2,align=1,refit=false}");
    ASSERT_TRUE(outcome.result) << str(outcome.result.error());
    auto kind = resource == "params" ? pruning::Resource::Params : pruning::Resource::Memory;
    auto original = residualNetwork();
    EXPECT_LE(pruning::Budget(outcome.module->main(), kind, nullptr).cost(),
              0.8 * pruning::Budget(original->main(), kind, nullptr).cost());
  }
}

TEST(Prune, NotesWhatItDid) {
  Outcome outcome("prune{target=macs:0.3,align=1,refit=false}");
  std::string text;
  for (const Note &note : outcome.compression.notes)
    text += note.layer + ": " + note.text + "\n";
  EXPECT_THAT(text, HasSubstr("y: Its channels cannot be pruned because it reaches an input or "
                              "output of the model."));
  EXPECT_THAT(text, HasSubstr(" channels were pruned."));
}

// Weights that two layers share have no least-squares fit for one of them.
TEST(Prune, NotesWhichLayersWereNotRefitted) {
  const std::string eight = "f32[1x8x6x6]";
  Outcome outcome(
      "prune{target=macs:0.2,align=1}",
      parseAndFill(PruningModel{
          "shared",
          "f32[1x3x6x6]",
          {{"w0", "f32[8x3x3x3]"}, {"u", "f32[8x8x1x1]"}, {"w9", "f32[5x8x1x1]"}},
          convolution("%a", "%x", "%w0", 3, eight) + convolution("%b", "%a", "%u", 1, eight) +
              convolution("%c", "%b", "%u", 1, eight) +
              convolution("%y", "%c", "%w9", 1, "f32[1x5x6x6]"),
          "%y"}));
  ASSERT_TRUE(outcome.result) << str(outcome.result.error());
  std::string text;
  for (const Note &note : outcome.compression.notes)
    text += note.layer + ": " + note.text + "\n";
  for (const char *layer : {"b", "c"})
    EXPECT_THAT(text, HasSubstr(std::string(layer) +
                                ": It was not refitted because its weights are used elsewhere"));
  EXPECT_THAT(text, testing::Not(HasSubstr("a: It was not refitted")));
}

TEST(Prune, SaysWhatItCannotDo) {
  Outcome unreachable("prune{target=macs:0.999,max-ratio=0.5}");
  ASSERT_FALSE(unreachable.result);
  EXPECT_THAT(str(unreachable.result.error()), HasSubstr("as far as it gets"));
  Outcome noNorms("prune{criterion=bn-scale}");
  ASSERT_FALSE(noNorms.result);
  EXPECT_THAT(str(noNorms.result.error()), HasSubstr("needs batch norms"));
  Outcome noData("prune{granularity=block}", false);
  ASSERT_FALSE(noData.result);
  EXPECT_THAT(str(noData.result.error()), HasSubstr("--calibrate"));
}

TEST(Sparsify, RefitLosesLessThanNoRefit) {
  Outcome plain("sparsify{ratio=0.6,refit=false}");
  Outcome refitted("sparsify{ratio=0.6}");
  ASSERT_TRUE(plain.result && refitted.result);
  EXPECT_EQ(refitted.statistics.count("weights are zero"),
            plain.statistics.count("weights are zero"));
  EXPECT_LT(errorOf(*refitted.module), 0.8 * errorOf(*plain.module));
  ASSERT_FALSE(plain.compression.notes.empty());
  EXPECT_THAT(plain.compression.notes[0].text, HasSubstr("no time"));
}

TEST(Products, AgreeWithF64) {
  std::srand(1);
  for (Eigen::Index rows : {1, 7, 1500})
    for (Eigen::Index m : {1, 5, 40}) {
      pruning::MatrixF a = pruning::MatrixF::Random(rows, m),
                       b = pruning::MatrixF::Random(rows, 37), c = pruning::MatrixF::Random(9, m);
      pruning::MatrixD wide = a.cast<double>();
      double bound = 1e-6 * static_cast<double>(rows);
      EXPECT_LT((pruning::gramOf(a) - wide.transpose() * wide).cwiseAbs().maxCoeff(), bound);
      EXPECT_LT((pruning::transposedTimes(a, b) - wide.transpose() * b.cast<double>())
                    .cwiseAbs()
                    .maxCoeff(),
                bound);
      EXPECT_LT(
          (pruning::timesTransposed(a, c).cast<double>() - wide * c.cast<double>().transpose())
              .cwiseAbs()
              .maxCoeff(),
          1e-5);
    }
}

} // namespace
} // namespace edgecc::test
