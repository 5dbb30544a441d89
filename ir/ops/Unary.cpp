// Element-wise functions of one operand.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

namespace edgecc::ops {

static OpDef &unary(std::vector<OpDef> &defs, OpKind kind, std::string name, DTypeSet allowed,
                    std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", allowed)
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(sameAsFirst);
}

static Expected<Types> boolLikeFirst(const Op &op) { return one(DType::Bool, dimsOf(op, 0)); }

static Expected<Types> castResult(const Op &op) { return one(op.dtype("to"), dimsOf(op, 0)); }

void declareUnary(std::vector<OpDef> &defs) {
  constexpr DTypeSet kSignedNumbers =
      kFloats | setOf(DType::I8, DType::I16, DType::I32, DType::I64);
  unary(defs, OpKind::Identity, "Identity", kAny, "y = x.").trait(OpTrait::DataMovement);
  unary(defs, OpKind::Abs, "Abs", kNumbers, "y = |x|.");
  unary(defs, OpKind::Acos, "Acos", kFloats, "y = arccos(x), in radians.");
  unary(defs, OpKind::Acosh, "Acosh", kFloats, "y = arcosh(x).");
  unary(defs, OpKind::Asin, "Asin", kFloats, "y = arcsin(x), in radians.");
  unary(defs, OpKind::Asinh, "Asinh", kFloats, "y = arsinh(x).");
  unary(defs, OpKind::Atan, "Atan", kFloats, "y = arctan(x), in radians.");
  unary(defs, OpKind::Atanh, "Atanh", kFloats, "y = artanh(x).");
  unary(defs, OpKind::BitwiseNot, "BitwiseNot", kInts, "Every bit inverted.");
  unary(defs, OpKind::Ceil, "Ceil", kFloats, "Smallest integer not below x.");
  unary(defs, OpKind::Cos, "Cos", kFloats, "y = cos(x), x in radians.");
  unary(defs, OpKind::Cosh, "Cosh", kFloats, "y = cosh(x).");
  unary(defs, OpKind::Erf, "Erf", kFloats,
        "The error function 2/sqrt(pi) * integral of exp(-t^2).");
  unary(defs, OpKind::Exp, "Exp", kFloats, "y = e^x.");
  unary(defs, OpKind::Floor, "Floor", kFloats, "Largest integer not above x.");
  unary(defs, OpKind::IsInf, "IsInf", kFloats, "Whether x is infinite.")
      .attr("detect_negative", true, "true for -inf")
      .attr("detect_positive", true, "true for +inf")
      .result(boolLikeFirst);
  unary(defs, OpKind::IsNaN, "IsNaN", kFloats, "Whether x is not a number.").result(boolLikeFirst);
  unary(defs, OpKind::Log, "Log", kFloats, "Natural logarithm.");
  unary(defs, OpKind::Neg, "Neg", kSignedNumbers, "y = -x; integers wrap.");
  unary(defs, OpKind::Not, "Not", kBool, "Logical negation.");
  unary(defs, OpKind::Reciprocal, "Reciprocal", kFloats, "y = 1 / x.");
  unary(defs, OpKind::Round, "Round", kFloats, "Nearest integer, halves to even.");
  unary(defs, OpKind::Sign, "Sign", kNumbers, "-1, 0 or 1.");
  unary(defs, OpKind::Sin, "Sin", kFloats, "y = sin(x), x in radians.");
  unary(defs, OpKind::Sinh, "Sinh", kFloats, "y = sinh(x).");
  unary(defs, OpKind::Sqrt, "Sqrt", kFloats, "Correctly rounded square root.");
  unary(defs, OpKind::Tan, "Tan", kFloats, "y = tan(x), x in radians.");

  unary(defs, OpKind::Cast, "Cast", kAny,
        "Converts the element type. Float to float rounds to nearest even; float to integer "
        "truncates towards zero (out-of-range values saturate, NaN gives 0); integer to narrower "
        "integer wraps; to bool is x != 0; to f8e8m0 rounds up to the next power of two.")
      .attr("to", AttributeKind::DType, "element type of the result")
      .attr("saturate", true,
            "for 8-bit float results: out-of-range values become the largest "
            "finite value instead of NaN or infinity")
      .result(castResult);
  unary(defs, OpKind::Bitcast, "Bitcast", kAny, "The same bits read as another type of that width.")
      .attr("to", AttributeKind::DType, "element type of the result")
      .require(
          "the result's element type is as wide as the operand's",
          [](const Op &op) { return bitWidth(op.dtype("to")) == bitWidth(typeOf(op, 0).dtype); })
      .result(castResult);
}

} // namespace edgecc::ops
