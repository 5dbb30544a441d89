// Which values of a float function are quantised.
#pragma once

#include "ir/Module.h"

namespace edgecc {

// A layer that computes on quantised operands: a contraction with constant weights, or another op
// with an integer form or a table.
bool isQuantizable(const Op &op);

// The f32 values, in order, between which a quantised network computes: inputs and results of
// quantisable ops, without those that an activation fused into the op before them replaces (of
// Conv -> Relu only the Relu's result). `calibrate` observes them, `quantize` puts a
// QuantizeLinear and a DequantizeLinear behind each.
std::vector<Value *> quantizationPoints(const Function &function);

} // namespace edgecc
