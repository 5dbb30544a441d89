// Orders of axes in memory, for layout choice.
#pragma once

#include "ir/Op.h"

namespace edgecc::layouts {

// Logical axes from the outermost to the innermost in memory.
using Order = std::vector<int>;

Order rowMajor(size_t rank);
Order channelsLast(size_t rank); // {0, 2, 3, ..., 1}

// The order of a value, row-major if it has no layout.
Order orderOf(const Value &value);

// Whether both orders put the elements in the same places: axes of extent 1 do not count.
bool isSame(const Dims &dims, const Order &a, const Order &b);
bool isRowMajor(const Value &value);

// Sets the value's layout; one that is row-major in effect becomes none.
void setOrder(Value &value, const Order &order);

// The order of Transpose's result as a view of an operand in `order`, and the order that the
// operand must have for the result to have `order`.
Order transposed(const Order &order, const std::vector<int64_t> &perm);
Order beforeTranspose(const Order &order, const std::vector<int64_t> &perm);

// The order without the axes in `removed`, the others renumbered.
Order withoutAxes(const Order &order, const std::vector<int64_t> &removed);

// How a Reshape can keep an order. Its axes fall into groups of the same size on both sides; where
// the axes of each group are neighbours in memory, the groups keep their places. `operand` is the
// operand's order with the axes of each group ascending: the result is a view of that.
struct ReshapedOrder {
  Order operand;
  Order result;
};
// None if a group's axes are torn apart in memory.
std::optional<ReshapedOrder> reshaped(const Dims &from, const Dims &to, const Order &order);

} // namespace edgecc::layouts
