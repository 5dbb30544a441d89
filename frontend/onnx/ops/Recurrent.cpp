// LSTM, GRU and RNN.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace edgecc::importer {
namespace {

// ONNX compares the names of activations without regard to case.
std::string activationName(NodeContext &n, const std::string &name) {
  static constexpr std::array<const char *, 11> kNames = {
      "Relu",       "Tanh",        "Sigmoid", "Affine",   "LeakyRelu", "ThresholdedRelu",
      "ScaledTanh", "HardSigmoid", "Elu",     "Softsign", "Softplus"};
  auto lower = [](std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
  };
  for (const char *known : kNames)
    if (lower(known) == lower(name))
      return known;
  n.fail("unknown activation '" + printable(name) + "'");
}

struct Layer {
  OpKind kind;
  std::vector<std::string> activations; // of one direction
  unsigned numStates;                   // initial states and final states
};

// With layout 1 the batch axis comes first in x, y and the states.
void importRecurrent(NodeContext &n, const Layer &layer, Attributes attributes) {
  bool batchFirst = n.flag("layout", false);
  std::string direction = n.stringAttribute("direction", "forward");
  std::vector<std::string> activations = n.stringsAttribute("activations");
  if (activations.empty())
    for (int i = 0; i < (direction == "bidirectional" ? 2 : 1); ++i)
      activations.insert(activations.end(), layer.activations.begin(), layer.activations.end());
  for (std::string &name : activations)
    name = activationName(n, name);

  Value *x = n.input(0), *recurrence = n.input(2);
  if (recurrence->dims().size() != 3)
    n.mismatch("the recurrence weights must have rank 3, are " + recurrence->type.str());
  if (x->dims().size() != 3)
    n.mismatch("the input sequence must have rank 3, is " + x->type.str());
  auto stateOperand = [&](unsigned i) {
    Value *state = n.optionalInput(i);
    if (state && batchFirst && state->dims().size() == 3)
      state = transpose(n, state, {1, 0, 2});
    return state;
  };
  std::vector<Value *> operands{batchFirst ? transpose(n, x, {1, 0, 2}) : x,
                                n.input(1),
                                recurrence,
                                n.optionalInput(3),
                                n.optionalInput(4),
                                stateOperand(5)};
  if (layer.numStates == 2)
    operands.insert(operands.end(), {stateOperand(6), n.optionalInput(7)});

  attributes["hidden_size"] = n.intAttribute("hidden_size", recurrence->dims()[2]);
  attributes["direction"] = direction;
  attributes["activations"] = std::move(activations);
  attributes["alpha"] = n.floatsAttribute("activation_alpha");
  attributes["beta"] = n.floatsAttribute("activation_beta");
  attributes["clip"] = n.floatAttribute("clip", 0.0);
  auto results = n.emitAll(layer.kind, operands, std::move(attributes));
  n.setOutput(0, batchFirst ? transpose(n, results[0], {2, 0, 1, 3}) : results[0]);
  for (unsigned i = 1; i <= layer.numStates; ++i)
    n.setOutput(i, batchFirst ? transpose(n, results[i], {1, 0, 2}) : results[i]);
}

void importLSTM(NodeContext &n) {
  importRecurrent(n, {OpKind::LSTM, {"Sigmoid", "Tanh", "Tanh"}, 2},
                  {{"input_forget", n.flag("input_forget", false)}});
}

void importGRU(NodeContext &n) {
  importRecurrent(n, {OpKind::GRU, {"Sigmoid", "Tanh"}, 1},
                  {{"linear_before_reset", n.flag("linear_before_reset", false)}});
}

void importRNN(NodeContext &n) { importRecurrent(n, {OpKind::RNN, {"Tanh"}, 1}, {}); }

} // namespace

void addRecurrentOps(OpTable &table) {
  table.add("GRU", importGRU);
  table.add("LSTM", importLSTM);
  table.add("RNN", importRNN);
}

} // namespace edgecc::importer
