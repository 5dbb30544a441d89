// Shorthands for the IR that op importers emit again and again.
#pragma once

#include "frontend/onnx/NodeContext.h"

namespace edgecc::importer {

// `axis` in [-rank, rank) made non-negative; throws otherwise.
int64_t normalizedAxis(const NodeContext &n, int64_t axis, size_t rank);
// The same for a list, which is sorted; throws if an axis occurs twice.
std::vector<int64_t> normalizedAxes(const NodeContext &n, std::vector<int64_t> axes, size_t rank);
std::vector<int64_t> allAxes(size_t rank);
// Multidirectional broadcasting; throws if the extents do not agree.
Dims broadcastDims(const NodeContext &n, const Dims &a, const Dims &b);

Value *reshape(NodeContext &n, Value *x, Dims dims); // x itself if it has these dims
Value *transpose(NodeContext &n, Value *x, std::vector<int64_t> perm); // x itself for the identity
Value *cast(NodeContext &n, Value *x, DType to);                       // x itself if it is `to`
Value *expand(NodeContext &n, Value *x, Dims dims);                    // x itself if it has them
// Elements start, start + step, ... along one axis.
Value *sliceAxis(NodeContext &n, Value *x, int64_t axis, int64_t start, int64_t size,
                 int64_t step = 1);
Value *concat(NodeContext &n, const std::vector<Value *> &xs, int64_t axis);
Value *reduce(NodeContext &n, OpKind kind, Value *x, std::vector<int64_t> axes, bool keepdims);
// Constant zeros are left to the op's default: `value` null pads with zeros.
Value *padAxes(NodeContext &n, Value *x, const std::vector<int64_t> &low,
               const std::vector<int64_t> &high, Value *value = nullptr,
               const std::string &mode = "constant");
// Swaps the last two axes.
Value *swapLast(NodeContext &n, Value *x);
// [C] as [C, 1, ..., 1], to broadcast along axis 1 of a value of this rank.
Value *perChannel(NodeContext &n, Value *x, size_t rank);

inline Value *add(NodeContext &n, Value *a, Value *b) { return n.emit(OpKind::Add, {a, b}); }
inline Value *sub(NodeContext &n, Value *a, Value *b) { return n.emit(OpKind::Sub, {a, b}); }
inline Value *mul(NodeContext &n, Value *a, Value *b) { return n.emit(OpKind::Mul, {a, b}); }
inline Value *div(NodeContext &n, Value *a, Value *b) { return n.emit(OpKind::Div, {a, b}); }
inline Value *where(NodeContext &n, Value *condition, Value *a, Value *b) {
  return n.emit(OpKind::Where, {condition, a, b});
}
// A scalar of the element type of `like`.
inline Value *scalarLike(NodeContext &n, const Value *like, double value) {
  return n.scalar(like->type.dtype, value);
}

} // namespace edgecc::importer
