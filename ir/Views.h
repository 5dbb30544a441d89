// Which results are mere views of an operand's bytes. Memory planning makes them so and code
// generation then has nothing to emit.
#pragma once

#include "ir/Op.h"

namespace edgecc {

// The storage that `op`'s result would have as a view of its first operand, whose storage is
// `operand`: for Identity, Reorder, Transpose, Slice, Expand, and for Reshape where strides allow.
// None for other ops and where the bytes have to move.
std::optional<Storage> viewOf(const Op &op, const Storage &operand);

// Strides of a reshaped view: none if `newDims` cannot be laid over the elements of (dims, strides)
// in row-major order without moving them.
std::optional<Dims> reshapedStrides(const Dims &dims, const Dims &strides, const Dims &newDims);

// Same place and the same strides wherever an extent is above 1.
bool sameView(const Storage &a, const Storage &b, const Dims &dims);

// Whether `op` needs no code because its result already is the view that it should be.
bool isMaterializedView(const Op &op);

} // namespace edgecc
