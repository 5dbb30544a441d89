// Which values of a float function are quantised.
#pragma once

#include "ir/Module.h"

#include <functional>
#include <set>

namespace edgecc {

// What an op is to a quantised network.
enum class QuantizationRole : uint8_t {
  None,        // computes in floating point
  Contraction, // products of operands to be quantised: the reason to quantise at all
  Glue,        // computes on quantised operands where it lies between quantised contractions
  Movement,    // moves or selects elements of its first operand, whose scale its result shares
};
// A contraction with an operand that the module's author quantised has none.
QuantizationRole quantizationRole(const Op &op);

// A layer that computes on quantised operands: a contraction, or glue.
bool isQuantizable(const Op &op);

// Whether the module's author quantised this value: a DequantizeLinear defines it.
bool isDequantized(const Value *value);

// The value whose elements `value` holds, above the movement ops that produced it.
Value *quantizationSource(Value *value);

// The f32 operands that `op` reads quantised: the first of a contraction and, where it is not
// constant, the second; all that are not constant of glue.
std::vector<Value *> quantizedOperands(const Op &op);

// Whether the value exists only between an op and the element-wise op behind it, which its only
// user computes in the same loop: of Conv -> Relu, or of Conv -> Add -> Relu, only the result of
// the last is stored. `order` as from opOrder().
bool isFusedAway(const Value *value, const std::map<const Op *, size_t> &order);
std::map<const Op *, size_t> opOrder(const Block &body);

// Where a function computes on integers, given which contractions do. `outputs`: what the function
// yields counts as read by a quantised op.
struct QuantizedPart {
  std::set<const Op *> ops;    // contractions, and the glue on the ways between them
  std::vector<Value *> points; // what they read: sources of their operands, in order of definition
};
QuantizedPart quantizedPart(const Function &function,
                            const std::function<bool(const Op &)> &quantizesContraction,
                            bool outputs = false);

// The points if every contraction and the outputs are quantised, of which those for any other
// choice are a part. `calibrate` observes them, `quantize` puts a QuantizeLinear and a
// DequantizeLinear behind those it needs. Values that the module's author quantised are not among
// them.
std::vector<Value *> quantizationPoints(const Function &function);

} // namespace edgecc
