// Type inference, constraints and index maps that several declarations share.
#pragma once

#include "ir/OpDef.h"

namespace edgecc::ops {

using Types = std::vector<Type>;

// Appends a declaration for `kind` and returns it for chaining.
OpDef &declare(std::vector<OpDef> &defs, OpKind kind, std::string name);

// --- reading operands ---
inline const Type &typeOf(const Op &op, unsigned i) { return op.operand(i)->type; }
inline const Dims &dimsOf(const Op &op, unsigned i) { return op.operand(i)->type.dims; }

// --- results ---
Expected<Types> sameAsFirst(const Op &op);   // type of operand 0, layout dropped
Expected<Types> broadcastAll(const Op &op);  // element type of operand 0, dims broadcast
Expected<Types> broadcastBool(const Op &op); // bool, dims broadcast
Type dense(DType dtype, Dims dims);
inline Expected<Types> one(DType dtype, Dims dims) { return Types{dense(dtype, std::move(dims))}; }

// Multidirectional broadcasting in ONNX's sense; none if the extents do not agree.
std::optional<Dims> broadcast(const Dims &a, const Dims &b);
// Whether `from` can be broadcast to exactly `to`.
bool broadcastsTo(const Dims &from, const Dims &to);

// --- attributes ---
// `axis` in [-rank, rank) made non-negative. The importer normalises, so the IR holds [0, rank).
bool isAxis(int64_t axis, unsigned rank);
// Distinct, ascending, in [0, rank).
bool areAxes(const std::vector<int64_t> &axes, unsigned rank);
bool isPermutation(const std::vector<int64_t> &perm, unsigned rank);
bool allPositive(const std::vector<int64_t> &values);
bool allNonNegative(const std::vector<int64_t> &values);

// Output extent of a window along one axis; negative if the window does not fit.
int64_t windowExtent(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t padLow,
                     int64_t padHigh, bool ceilMode);

// --- index maps ---
// Every axis of `dims` mapped to the loop of the same number.
std::vector<AxisMap> identityMaps(const Dims &dims);
std::vector<LoopAxis> parallelLoops(const Dims &dims);
// Axes of an operand that is broadcast to `result` from the right.
std::vector<AxisMap> broadcastMaps(const Dims &from, const Dims &to);

} // namespace edgecc::ops
