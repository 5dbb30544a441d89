// Recurrent layers, as in ONNX with layout 0 (time, batch, features).
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

static int64_t directionsOf(const Op &op) {
  return op.text("direction") == "bidirectional" ? 2 : 1;
}

// Checks w [D, gates * H, I], r [D, gates * H, H], b [D, 2 * gates * H], lengths [B] and states
// [D, B, H]; operand 6 and beyond belong to the LSTM.
static bool recurrentShapes(const Op &op, int64_t gates) {
  if (typeOf(op, 0).rank() != 3)
    return false;
  int64_t d = directionsOf(op), h = op.integer("hidden_size"), b = dimsOf(op, 0)[1];
  if (h <= 0 || dimsOf(op, 1) != Dims{d, gates * h, dimsOf(op, 0)[2]} ||
      dimsOf(op, 2) != Dims{d, gates * h, h})
    return false;
  return (!op.operand(3) || dimsOf(op, 3) == Dims{d, 2 * gates * h}) &&
         (!op.operand(4) || dimsOf(op, 4) == Dims{b}) &&
         (!op.operand(5) || dimsOf(op, 5) == Dims{d, b, h}) &&
         (!op.operand(6) || dimsOf(op, 6) == Dims{d, b, h}) &&
         (!op.operand(7) || dimsOf(op, 7) == Dims{d, 3 * h});
}

static bool knownActivations(const Op &op, size_t perDirection) {
  static const char *const kNames[] = {
      "Relu",       "Tanh",        "Sigmoid", "Affine",   "LeakyRelu", "ThresholdedRelu",
      "ScaledTanh", "HardSigmoid", "Elu",     "Softsign", "Softplus"};
  const auto &names = std::get<std::vector<std::string>>(op.attributes().at("activations"));
  if (names.size() != perDirection * static_cast<size_t>(directionsOf(op)))
    return false;
  return std::all_of(names.begin(), names.end(), [](const std::string &name) {
    return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
  });
}

static Types states(const Op &op, unsigned count) {
  const Dims &x = dimsOf(op, 0);
  int64_t d = directionsOf(op), h = op.integer("hidden_size");
  DType dtype = typeOf(op, 0).dtype;
  Types types{dense(dtype, {x[0], d, x[1], h})};
  for (unsigned i = 0; i < count; ++i)
    types.push_back(dense(dtype, {d, x[1], h}));
  return types;
}

static OpDef &recurrent(std::vector<OpDef> &defs, OpKind kind, std::string name, int64_t gates,
                        size_t activations, std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", kFloats, "[time, batch, features]")
      .in("w", "T", kFloats, "[directions, gates * hidden, features]")
      .in("r", "T", kFloats, "[directions, gates * hidden, hidden]")
      .optionalIn("b", "T", kFloats, "[directions, 2 * gates * hidden]: of w, then of r")
      .optionalIn("lengths", "", setOf(DType::I32), "[batch]; absent: all of time")
      .optionalIn("initial_h", "T", kFloats, "[directions, batch, hidden]; absent: 0")
      .attr("hidden_size", AttributeKind::Int, "")
      .attr("direction", std::string("forward"), "forward, reverse or bidirectional")
      .attr("activations", AttributeKind::Strings, "names, for each direction in turn")
      .attr("alpha", std::vector<double>{}, "parameters of the activations")
      .attr("beta", std::vector<double>{}, "parameters of the activations")
      .attr("clip", 0.0, "limit of the activations' arguments; 0: none")
      .require("direction is forward, reverse or bidirectional",
               [](const Op &op) {
                 const auto &d = op.text("direction");
                 return d == "forward" || d == "reverse" || d == "bidirectional";
               })
      .require("w, r, b, lengths and the initial states fit x and hidden_size",
               [gates](const Op &op) { return recurrentShapes(op, gates); })
      .require("activations are known and complete for each direction",
               [activations](const Op &op) { return knownActivations(op, activations); })
      .countFlops([](const Op &op) {
        int64_t steps = 2 * dimsOf(op, 0)[0] * dimsOf(op, 0)[1];
        return saturatingMul(steps, typeOf(op, 1).elements() + typeOf(op, 2).elements());
      });
}

void declareRecurrent(std::vector<OpDef> &defs) {
  recurrent(defs, OpKind::LSTM, "LSTM", 4, 3,
            "Long short-term memory; gates in the order i, o, f, c. Results: all hidden states "
            "[time, directions, batch, hidden], last hidden state, last cell state.")
      .optionalIn("initial_c", "T", kFloats, "[directions, batch, hidden]; absent: 0")
      .optionalIn("peephole", "T", kFloats, "[directions, 3 * hidden] in the order i, o, f")
      .attr("input_forget", false, "couple the input and forget gates")
      .outs(3, 3)
      .result([](const Op &op) { return Expected<Types>(states(op, 2)); });
  recurrent(defs, OpKind::GRU, "GRU", 3, 2,
            "Gated recurrent unit; gates in the order z, r, h. Results: all hidden states [time, "
            "directions, batch, hidden] and the last one.")
      .attr("linear_before_reset", false, "apply the reset gate after the recurrent product")
      .outs(2, 2)
      .result([](const Op &op) { return Expected<Types>(states(op, 1)); });
  recurrent(defs, OpKind::RNN, "RNN", 1, 1,
            "Elman network: h = f(x w' + h r' + b). Results as GRU's.")
      .outs(2, 2)
      .result([](const Op &op) { return Expected<Types>(states(op, 1)); });
}

} // namespace edgecc::ops
