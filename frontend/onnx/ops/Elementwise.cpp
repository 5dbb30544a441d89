// Element-wise ops and activations.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

namespace edgecc::importer {
namespace {

// Ops that are the same in ONNX and in the IR.
template <OpKind kind> void unary(NodeContext &n) { n.setOutput(0, n.emit(kind, {n.input(0)})); }

template <OpKind kind> void binary(NodeContext &n) {
  n.setOutput(0, n.emit(kind, {n.input(0), n.input(1)}));
}

// y = (x0 op x1) op x2 ...
template <OpKind kind> Value *chain(NodeContext &n) {
  Value *result = n.input(0);
  for (unsigned i = 1; i < n.numInputs(); ++i)
    result = n.emit(kind, {result, n.input(i)});
  return result;
}

template <OpKind kind> void variadic(NodeContext &n) { n.setOutput(0, chain<kind>(n)); }

void mean(NodeContext &n) {
  Value *sum = chain<OpKind::Add>(n);
  n.setOutput(0, n.numInputs() == 1 ? sum : div(n, sum, scalarLike(n, sum, n.numInputs())));
}

// One activation with an `alpha`.
template <OpKind kind> void withAlpha(NodeContext &n) {
  Attributes attributes;
  if (n.hasAttribute("alpha"))
    attributes["alpha"] = n.floatAttribute("alpha", 0);
  n.setOutput(0, n.emit(kind, {n.input(0)}, std::move(attributes)));
}

void importHardSigmoid(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::HardSigmoid, {n.input(0)},
                        {{"alpha", n.floatAttribute("alpha", 0.2)},
                         {"beta", n.floatAttribute("beta", 0.5)}}));
}

void importSelu(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::Selu, {n.input(0)},
                        {{"alpha", n.floatAttribute("alpha", 1.67326319217681884765625)},
                         {"gamma", n.floatAttribute("gamma", 1.05070102214813232421875)}}));
}

void importShrink(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::Shrink, {n.input(0)},
                        {{"lambda", n.floatAttribute("lambd", 0.5)},
                         {"bias", n.floatAttribute("bias", 0.0)}}));
}

void importGelu(NodeContext &n) {
  std::string approximate = n.stringAttribute("approximate", "none");
  if (approximate != "none" && approximate != "tanh")
    n.fail("unknown approximation '" + printable(approximate) + "'");
  n.setOutput(0, n.emit(OpKind::Gelu, {n.input(0)}, {{"tanh", approximate == "tanh"}}));
}

void importIsInf(NodeContext &n) {
  n.setOutput(0, n.emit(OpKind::IsInf, {n.input(0)},
                        {{"detect_negative", n.flag("detect_negative", true)},
                         {"detect_positive", n.flag("detect_positive", true)}}));
}

// Up to opset 10 the bounds are attributes.
void importClip(NodeContext &n) {
  Value *x = n.input(0);
  Value *low = n.optionalInput(1), *high = n.optionalInput(2);
  if (n.hasAttribute("min"))
    low = scalarLike(n, x, n.floatAttribute("min", 0));
  if (n.hasAttribute("max"))
    high = scalarLike(n, x, n.floatAttribute("max", 0));
  n.setOutput(0, n.emit(OpKind::Clip, {x, low, high}));
}

void importMod(NodeContext &n) {
  bool fmod = n.flag("fmod", false);
  Value *a = n.input(0);
  if (!fmod && isFloat(a->type.dtype))
    n.fail("the remainder of floating-point numbers needs fmod=1");
  n.setOutput(0, n.emit(OpKind::Mod, {a, n.input(1)}, {{"fmod", fmod}}));
}

void importBitShift(NodeContext &n) {
  std::string direction = n.stringAttribute("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    n.fail("direction must be LEFT or RIGHT");
  n.setOutput(0,
              n.emit(OpKind::BitShift, {n.input(0), n.input(1)}, {{"left", direction == "LEFT"}}));
}

// ONNX leaves open what a float outside of a 4-bit integer's range becomes; its test data wraps.
Value *convert(NodeContext &n, Value *x, DType to) {
  if (isSubByte(to) && isInteger(to) && isFloat(x->type.dtype))
    x = cast(n, x, DType::I32);
  if (x->type.dtype == to)
    return x;
  if (to == DType::F8E8M0 && n.stringAttribute("round_mode", "up") != "up")
    n.fail("float8e8m0 is rounded up only", "use round_mode 'up'");
  return n.emit(OpKind::Cast, {x}, {{"to", to}, {"saturate", n.flag("saturate", true)}});
}

void importCast(NodeContext &n) {
  auto to = n.dtypeAttribute("to");
  if (!to)
    n.fail("attribute 'to' is missing");
  n.setOutput(0, convert(n, n.input(0), *to));
}

void importCastLike(NodeContext &n) {
  n.setOutput(0, convert(n, n.input(0), n.input(1)->type.dtype));
}

void importBitCast(NodeContext &n) {
  auto to = n.dtypeAttribute("to");
  if (!to)
    n.fail("attribute 'to' is missing");
  n.setOutput(0, n.emit(OpKind::Bitcast, {n.input(0)}, {{"to", *to}}));
}

void importIdentity(NodeContext &n) { n.setOutput(0, n.input(0)); }

// Inference drops nothing; the mask keeps every element.
void importDropout(NodeContext &n) {
  Value *x = n.input(0);
  if (n.hasInput(2)) {
    const Tensor &training = n.requireConstant(2, "training_mode");
    bool drops = !n.hasInput(1) || n.requireConstant(1, "the ratio").asDouble(0) != 0;
    if (training.elements() == 1 && training.asInt(0) != 0 && drops)
      n.fail("drops elements at random, as in training", "export the model for inference");
  }
  n.setOutput(0, x);
  if (n.hasOutput(1)) {
    DType maskType = n.opset() < 10 ? x->type.dtype : DType::Bool;
    n.setOutput(1, expand(n, n.scalar(maskType, 1), x->dims()));
  }
}

// The first operand gates the second.
void importSwiGLU(NodeContext &n) {
  Value *gate = n.emit(OpKind::Swish, {n.input(0)}, {{"alpha", n.floatAttribute("alpha", 1.0)}});
  n.setOutput(0, mul(n, gate, n.input(1)));
}

void importQuickGelu(NodeContext &n) {
  n.setOutput(0,
              n.emit(OpKind::Swish, {n.input(0)}, {{"alpha", n.floatAttribute("alpha", 1.702)}}));
}

} // namespace

void addElementwiseOps(OpTable &table) {
  using enum OpKind;
  table.add("Abs", unary<Abs>);
  table.add("Acos", unary<Acos>);
  table.add("Acosh", unary<Acosh>);
  table.add("Asin", unary<Asin>);
  table.add("Asinh", unary<Asinh>);
  table.add("Atan", unary<Atan>);
  table.add("Atanh", unary<Atanh>);
  table.add("BitwiseNot", unary<BitwiseNot>);
  table.add("Ceil", unary<Ceil>);
  table.add("Cos", unary<Cos>);
  table.add("Cosh", unary<Cosh>);
  table.add("Erf", unary<Erf>);
  table.add("Exp", unary<Exp>);
  table.add("Floor", unary<Floor>);
  table.add("IsNaN", unary<IsNaN>);
  table.add("Log", unary<Log>);
  table.add("Neg", unary<Neg>);
  table.add("Not", unary<Not>);
  table.add("Reciprocal", unary<Reciprocal>);
  table.add("Round", unary<Round>);
  table.add("Sign", unary<Sign>);
  table.add("Sin", unary<Sin>);
  table.add("Sinh", unary<Sinh>);
  table.add("Sqrt", unary<Sqrt>);
  table.add("Tan", unary<Tan>);

  table.add("HardSwish", unary<HardSwish>);
  table.add("Mish", unary<Mish>);
  table.add("Relu", unary<Relu>);
  table.add("Sigmoid", unary<Sigmoid>);
  table.add("Softplus", unary<Softplus>);
  table.add("Softsign", unary<Softsign>);
  table.add("Tanh", unary<Tanh>);
  table.add("Celu", withAlpha<Celu>);
  table.add("Elu", withAlpha<Elu>);
  table.add("LeakyRelu", withAlpha<LeakyRelu>);
  table.add("Swish", withAlpha<Swish>);
  table.add("SwiGLU", importSwiGLU);
  table.add("ThresholdedRelu", withAlpha<ThresholdedRelu>);
  table.add("Clip", importClip);
  table.add("Gelu", importGelu);
  table.add("HardSigmoid", importHardSigmoid);
  table.add("PRelu", binary<PRelu>);
  table.add("Selu", importSelu);
  table.add("Shrink", importShrink);
  table.add("IsInf", importIsInf);

  table.add("Add", binary<Add>);
  table.add("And", binary<And>);
  table.add("BitShift", importBitShift);
  table.add("BitwiseAnd", binary<BitwiseAnd>);
  table.add("BitwiseOr", binary<BitwiseOr>);
  table.add("BitwiseXor", binary<BitwiseXor>);
  table.add("Div", binary<Div>);
  table.add("Equal", binary<Equal>);
  table.add("Greater", binary<Greater>);
  table.add("GreaterOrEqual", binary<GreaterOrEqual>);
  table.add("Less", binary<Less>);
  table.add("LessOrEqual", binary<LessOrEqual>);
  table.add("Max", variadic<Max>);
  table.add("Mean", mean);
  table.add("Min", variadic<Min>);
  table.add("Mod", importMod);
  table.add("Mul", binary<Mul>);
  table.add("Or", binary<Or>);
  table.add("Pow", binary<Pow>);
  table.add("Sub", binary<Sub>);
  table.add("Sum", variadic<Add>);
  table.add("Xor", binary<Xor>);
  table.add("Where",
            [](NodeContext &n) { n.setOutput(0, where(n, n.input(0), n.input(1), n.input(2))); });

  table.add("BitCast", importBitCast);
  table.add("Cast", importCast);
  table.add("CastLike", importCastLike);
  table.add("Dropout", importDropout);
  table.add("Identity", importIdentity);
  table.addTo("com.microsoft", "Gelu", importGelu);
  table.addTo("com.microsoft", "QuickGelu", importQuickGelu);
}

} // namespace edgecc::importer
