// Element-wise functions of two or three operands, with broadcasting.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

namespace edgecc::ops {

static OpDef &binary(std::vector<OpDef> &defs, OpKind kind, std::string name, DTypeSet allowed,
                     std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("a", "T", allowed)
      .in("b", "T", allowed)
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(broadcastAll);
}

void declareBinary(std::vector<OpDef> &defs) {
  using enum OpKind;
  binary(defs, Add, "Add", kNumbers, "a + b; integers wrap.").trait(OpTrait::Commutative);
  binary(defs, Sub, "Sub", kNumbers, "a - b; integers wrap.");
  binary(defs, Mul, "Mul", kNumbers, "a * b; integers wrap.").trait(OpTrait::Commutative);
  binary(defs, Div, "Div", kNumbers,
         "a / b. Integers truncate towards zero; division by zero gives 0, and the smallest value "
         "divided by -1 wraps.");
  binary(defs, Mod, "Mod", kNumbers,
         "Remainder of a / b: with the sign of b, or of a if `fmod`. Integer remainder by zero is "
         "0.")
      .attr("fmod", false, "sign of the dividend, as in C");
  declare(defs, Pow, "Pow")
      .describe("a ^ b in the element type of a.")
      .in("a", "T", kNumbers)
      .in("b", "U", kNumbers)
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result(broadcastAll);
  binary(defs, Max, "Max", kNumbers, "The larger one; NaN if either is.")
      .trait(OpTrait::Commutative);
  binary(defs, Min, "Min", kNumbers, "The smaller one; NaN if either is.")
      .trait(OpTrait::Commutative);
  binary(defs, And, "And", kBool, "Logical and.").trait(OpTrait::Commutative);
  binary(defs, Or, "Or", kBool, "Logical or.").trait(OpTrait::Commutative);
  binary(defs, Xor, "Xor", kBool, "Logical exclusive or.").trait(OpTrait::Commutative);
  binary(defs, BitwiseAnd, "BitwiseAnd", kInts, "Bitwise and.").trait(OpTrait::Commutative);
  binary(defs, BitwiseOr, "BitwiseOr", kInts, "Bitwise or.").trait(OpTrait::Commutative);
  binary(defs, BitwiseXor, "BitwiseXor", kInts, "Bitwise exclusive or.")
      .trait(OpTrait::Commutative);
  binary(defs, BitShift, "BitShift", kInts & ~setOf(DType::I8, DType::I16, DType::I32, DType::I64),
         "a shifted by b bits, filled with zeros; 0 if b is at least the width.")
      .attr("left", AttributeKind::Flag, "direction");
  binary(defs, Equal, "Equal", kNumbers | kBool, "a == b.")
      .trait(OpTrait::Commutative)
      .result(broadcastBool);
  binary(defs, Greater, "Greater", kNumbers, "a > b.").result(broadcastBool);
  binary(defs, GreaterOrEqual, "GreaterOrEqual", kNumbers, "a >= b.").result(broadcastBool);
  binary(defs, Less, "Less", kNumbers, "a < b.").result(broadcastBool);
  binary(defs, LessOrEqual, "LessOrEqual", kNumbers, "a <= b.").result(broadcastBool);
  declare(defs, Where, "Where")
      .describe("a where the condition holds, else b.")
      .in("condition", "", kBool)
      .in("a", "T", kAny)
      .in("b", "T", kAny)
      .trait(OpTrait::Elementwise)
      .maps(elementwiseSpace)
      .result([](const Op &op) -> Expected<Types> {
        EDGECC_TRY(types, broadcastBool(op));
        types[0].dtype = typeOf(op, 1).dtype;
        return types;
      });
}

} // namespace edgecc::ops
