// Decomposed recurrent layers compute what the layers do, unrolled and as a Scan.
#include "backends/reference/ReferenceExecutor.h"
#include "ir/Builder.h"
#include "ir/Text.h"
#include "passes/PassManager.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace edgecc {
namespace {

struct Layer {
  const char *name;
  OpKind kind;
  std::string direction;
  std::vector<std::string> activations; // of one direction
  Attributes attributes;
  bool bias, lengths, states, peephole;
};

constexpr int64_t kTime = 5, kBatch = 3, kFeatures = 4, kHidden = 2;

class RecurrentTest : public testing::TestWithParam<Layer> {
protected:
  Tensor random(Dims dims) {
    Tensor tensor(DType::F32, std::move(dims));
    std::normal_distribution<double> normal;
    for (int64_t i = 0; i < tensor.elements(); ++i)
      tensor.setDouble(i, normal(random_));
    return tensor;
  }

  // A function of x, lengths and states with that layer.
  void build(const Layer &layer) {
    int64_t d = layer.direction == "bidirectional" ? 2 : 1;
    int64_t gates = layer.kind == OpKind::LSTM ? 4 : layer.kind == OpKind::GRU ? 3 : 1;
    Function &function = module_.addFunction("main");
    Builder builder(module_, function.body);
    auto input = [&](Tensor tensor) {
      function.inputs.push_back({"i" + std::to_string(inputs_.size()), {}});
      Value *value = function.body.addArgument(tensor.type());
      inputs_.push_back(std::move(tensor));
      return value;
    };
    std::vector<Value *> operands(layer.kind == OpKind::LSTM ? 8 : 6);
    operands[0] = input(random({kTime, kBatch, kFeatures}));
    operands[1] = builder.constant(random({d, gates * kHidden, kFeatures}));
    operands[2] = builder.constant(random({d, gates * kHidden, kHidden}));
    if (layer.bias)
      operands[3] = builder.constant(random({d, 2 * gates * kHidden}));
    if (layer.lengths)
      operands[4] = input(Tensor::of(DType::I32, {kBatch}, std::span<const int32_t>(lengths_)));
    if (layer.states)
      operands[5] = input(random({d, kBatch, kHidden}));
    if (layer.states && layer.kind == OpKind::LSTM)
      operands[6] = input(random({d, kBatch, kHidden}));
    if (layer.peephole)
      operands[7] = builder.constant(random({d, 3 * kHidden}));
    Attributes attributes = layer.attributes;
    std::vector<std::string> activations;
    for (int64_t i = 0; i < d; ++i)
      activations.insert(activations.end(), layer.activations.begin(), layer.activations.end());
    attributes["activations"] = activations;
    attributes["direction"] = layer.direction;
    attributes["hidden_size"] = kHidden;
    Op *op = builder.createOp(layer.kind, operands, attributes);
    std::vector<Value *> results;
    for (unsigned i = 0; i < op->numResults(); ++i) {
      results.push_back(op->result(i));
      function.outputs.push_back({"o" + std::to_string(i), {}});
    }
    builder.yield(results);
  }

  const std::array<int32_t, kBatch> lengths_{5, 0, 3};
  std::mt19937 random_{11};
  Module module_;
  std::vector<Tensor> inputs_;
};

TEST_P(RecurrentTest, KeepsResults) {
  build(GetParam());
  ReferenceExecutor executor;
  auto wanted = executor.run(module_.main(), inputs_);
  ASSERT_TRUE(wanted) << str(wanted.error());
  Registry registry;
  registerBuiltinPasses(registry);
  for (const char *pass : {"decompose-recurrent", "decompose-recurrent{max-unrolled=1}"}) {
    auto copy = clone(module_);
    PassManagerOptions options;
    options.executor = &executor;
    options.verifyEach = true;
    auto reports = runPasses(*copy, *registry.parse(pass), options);
    ASSERT_TRUE(reports) << str(reports.error());
    EXPECT_EQ(reports->front().statistics.count("recurrent layers decomposed"), 1);
    auto actual = executor.run(copy->main(), inputs_);
    ASSERT_TRUE(actual) << str(actual.error()) << print(*copy);
    for (size_t i = 0; i < wanted->size(); ++i)
      for (int64_t k = 0; k < (*wanted)[i].elements(); ++k)
        ASSERT_NEAR((*actual)[i].asDouble(k), (*wanted)[i].asDouble(k), 2e-6)
            << pass << ", result " << i << ", element " << k;
  }
}

const std::vector<std::string> kLstm{"Sigmoid", "Tanh", "Tanh"}, kGru{"Sigmoid", "Tanh"};

INSTANTIATE_TEST_SUITE_P(
    Layers, RecurrentTest,
    testing::Values(
        Layer{"lstm", OpKind::LSTM, "forward", kLstm, {}, true, false, false, false},
        Layer{"lstm_all", OpKind::LSTM, "bidirectional", kLstm, {}, true, true, true, true},
        Layer{"lstm_reverse", OpKind::LSTM, "reverse", kLstm, {}, false, true, true, false},
        Layer{"lstm_coupled",
              OpKind::LSTM,
              "forward",
              kLstm,
              {{"input_forget", true}, {"clip", 0.5}},
              true,
              false,
              true,
              true},
        Layer{"lstm_activations",
              OpKind::LSTM,
              "bidirectional",
              {"HardSigmoid", "ScaledTanh", "Elu"},
              {{"alpha", std::vector<double>{0.3, 0.7, 0.9}},
               {"beta", std::vector<double>{0.4, 0.6}}},
              true,
              false,
              false,
              false},
        Layer{"gru", OpKind::GRU, "forward", kGru, {}, true, false, true, false},
        Layer{"gru_linear",
              OpKind::GRU,
              "bidirectional",
              kGru,
              {{"linear_before_reset", true}},
              true,
              true,
              true,
              false},
        Layer{"gru_reverse", OpKind::GRU, "reverse", kGru, {}, true, true, false, false},
        Layer{"gru_affine",
              OpKind::GRU,
              "forward",
              {"Affine", "Softsign"},
              {{"alpha", std::vector<double>{0.3}}, {"beta", std::vector<double>{0.2}}},
              false,
              false,
              false,
              false},
        Layer{"rnn", OpKind::RNN, "bidirectional", {"Relu"}, {}, true, true, true, false},
        Layer{"rnn_leaky", OpKind::RNN, "reverse", {"LeakyRelu"}, {}, true, false, false, false}),
    [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace edgecc
