// The declaration of an op: everything that builder, verifier, printer, parser, documentation and
// the rooms' tables derive from. Declarations live in ir/ops/, one family a file.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/IndexMap.h"
#include "ir/Op.h"

#include <functional>

namespace edgecc {

struct OperandDef {
  std::string name;
  // Operands with the same non-empty type variable have the same element type.
  std::string typeVariable;
  DTypeSet allowed = kAny;
  bool optional = false; // may be absent: null, or left out at the end
  bool variadic = false; // the last operand may repeat; at least once unless it is also optional
  std::string doc;
};

// The largest magnitude of an integer attribute: products of two of them, or of one with an extent,
// fit in int64_t. Importers clamp what stands for "no limit".
inline constexpr int64_t kMaxAttribute = int64_t{1} << 31;

// In the order of Attribute's alternatives.
enum class AttributeKind : uint8_t { Flag, Int, Float, String, Ints, Floats, Strings, DType };
AttributeKind kindOf(const Attribute &attribute);
std::string_view describe(AttributeKind kind); // "a list of integers"

struct AttributeDef {
  std::string name;
  AttributeKind kind;
  std::optional<Attribute> defaultValue; // none: required
  std::string doc;
};

// A predicate with a sentence. The sentence is the error message and the documentation.
struct Constraint {
  std::string sentence; // "kernel, strides and dilations are positive"
  std::function<bool(const Op &)> holds;
};

// a * b and a + b of numbers that are not negative; the largest int64_t if that is too large.
int64_t saturatingMul(int64_t a, int64_t b);
int64_t saturatingAdd(int64_t a, int64_t b);

// Saturates at the largest int64_t.
struct Cost {
  int64_t macs = 0;  // multiply-accumulates
  int64_t flops = 0; // other arithmetic, one per result element unless declared
  int64_t bytes = 0; // operands read once and results written once
};

enum class OpTrait : uint32_t {
  Elementwise = 1,  // result element i depends on operand elements i only (with broadcasting)
  Commutative = 2,  // of its first two operands
  DataMovement = 4, // copies elements unchanged
  Contraction = 8,  // its iteration space counts multiply-accumulates
  Terminator = 16,
  Reduction = 32,   // reduces over `axes`
  LoweredOnly = 64, // appears only during and after lower/; cannot be exported to ONNX
};

struct OpDef {
  OpKind kind{};
  std::string name;
  std::string doc;
  std::vector<OperandDef> operands;
  std::vector<AttributeDef> attributes;
  std::vector<Constraint> constraints;
  uint32_t traits = 0;
  unsigned minResults = 1, maxResults = 1;
  unsigned regions = 0;
  // Result types from operands, attributes and regions. Runs after the operand types, attributes
  // and constraints have been checked.
  std::function<Expected<std::vector<Type>>(const Op &)> infer;
  std::function<IterationSpace(const Op &)> space; // may be empty
  std::function<int64_t(const Op &)> flops;        // may be empty

  bool is(OpTrait trait) const { return traits & static_cast<uint32_t>(trait); }
  const AttributeDef *findAttribute(std::string_view name) const;

  // --- for declarations ---
  OpDef &describe(std::string text);
  OpDef &in(std::string name, std::string typeVariable, DTypeSet allowed, std::string doc = {});
  OpDef &optionalIn(std::string name, std::string typeVariable, DTypeSet allowed,
                    std::string doc = {});
  OpDef &variadicIn(std::string name, std::string typeVariable, DTypeSet allowed,
                    std::string doc = {});
  OpDef &attr(std::string name, AttributeKind kind, std::string doc); // required
  OpDef &attr(std::string name, Attribute defaultValue, std::string doc);
  OpDef &outs(unsigned min, unsigned max);
  OpDef &trait(OpTrait trait);
  OpDef &withRegions(unsigned count); // exactly `count`
  OpDef &require(std::string sentence, std::function<bool(const Op &)> holds);
  OpDef &result(std::function<Expected<std::vector<Type>>(const Op &)> infer);
  OpDef &maps(std::function<IterationSpace(const Op &)> space);
  OpDef &countFlops(std::function<int64_t(const Op &)> flops);
};

const OpDef &defOf(OpKind kind);
const OpDef *findOpDef(std::string_view name);
Cost costOf(const Op &op);

// Checks one op against its declaration: operand count and types, attributes, constraints; returns
// the result types it must have.
Expected<std::vector<Type>> inferTypes(const Op &op);

// The index of the operand called `name` in the declaration; asserts that there is one.
unsigned operandIndex(OpKind kind, std::string_view name);

} // namespace edgecc
