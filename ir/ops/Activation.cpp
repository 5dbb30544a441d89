// Activation functions.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

namespace edgecc::ops {

static OpDef &activation(std::vector<OpDef> &defs, OpKind kind, std::string name, std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", kFloats)
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(sameAsFirst);
}

void declareActivation(std::vector<OpDef> &defs) {
  activation(defs, OpKind::Celu, "Celu", "max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).")
      .attr("alpha", 1.0, "");
  declare(defs, OpKind::Clip, "Clip")
      .describe("min(max(x, low), high); an absent bound does not limit. NaN stays NaN.")
      .in("x", "T", kNumbers)
      .optionalIn("low", "T", kNumbers, "scalar")
      .optionalIn("high", "T", kNumbers, "scalar")
      .require("the bounds are scalars",
               [](const Op &op) {
                 for (unsigned i : {1u, 2u})
                   if (op.operand(i) && op.operand(i)->type.elements() != 1)
                     return false;
                 return true;
               })
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(sameAsFirst);
  activation(defs, OpKind::Elu, "Elu", "x if x >= 0 else alpha * (exp(x) - 1).")
      .attr("alpha", 1.0, "");
  activation(defs, OpKind::Gelu, "Gelu",
             "x * Phi(x) with the normal distribution function Phi; with `tanh` the approximation "
             "0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).")
      .attr("tanh", false, "use the tanh approximation");
  activation(defs, OpKind::HardSigmoid, "HardSigmoid", "max(0, min(1, alpha * x + beta)).")
      .attr("alpha", 0.2, "")
      .attr("beta", 0.5, "");
  activation(defs, OpKind::HardSwish, "HardSwish", "x * max(0, min(1, x / 6 + 0.5)).");
  activation(defs, OpKind::LeakyRelu, "LeakyRelu", "x if x >= 0 else alpha * x.")
      .attr("alpha", 0.01, "");
  activation(defs, OpKind::Mish, "Mish", "x * tanh(softplus(x)).");
  declare(defs, OpKind::PRelu, "PRelu")
      .describe("x if x >= 0 else slope * x; slope broadcasts to x.")
      .in("x", "T", kNumbers)
      .in("slope", "T", kNumbers)
      .require("slope can be broadcast to the shape of x",
               [](const Op &op) { return broadcastsTo(dimsOf(op, 1), dimsOf(op, 0)); })
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(sameAsFirst);
  declare(defs, OpKind::Relu, "Relu")
      .describe("max(x, 0). NaN stays NaN.")
      .in("x", "T", kNumbers)
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(sameAsFirst);
  activation(defs, OpKind::Selu, "Selu", "gamma * x if x > 0 else gamma * alpha * (exp(x) - 1).")
      .attr("alpha", 1.67326319217681884765625, "")
      .attr("gamma", 1.05070102214813232421875, "");
  declare(defs, OpKind::Shrink, "Shrink")
      .describe("x + bias if x < -lambda; x - bias if x > lambda; else 0.")
      .in("x", "T", kNumbers)
      .attr("lambda", 0.5, "")
      .attr("bias", 0.0, "")
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(sameAsFirst);
  activation(defs, OpKind::Sigmoid, "Sigmoid", "1 / (1 + exp(-x)).");
  activation(defs, OpKind::Softplus, "Softplus", "log(1 + exp(x)).");
  activation(defs, OpKind::Softsign, "Softsign", "x / (1 + |x|).");
  activation(defs, OpKind::Swish, "Swish", "x * sigmoid(alpha * x); SiLU for alpha = 1.")
      .attr("alpha", 1.0, "");
  activation(defs, OpKind::Tanh, "Tanh", "Hyperbolic tangent.");
  activation(defs, OpKind::ThresholdedRelu, "ThresholdedRelu", "x if x > alpha else 0.")
      .attr("alpha", 1.0, "");
}

} // namespace edgecc::ops
