#include "passes/lower/Layouts.h"

#include <algorithm>
#include <numeric>

namespace edgecc::layouts {

Order rowMajor(size_t rank) {
  Order order(rank);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Order channelsLast(size_t rank) {
  Order order{0};
  for (size_t i = 2; i < rank; ++i)
    order.push_back(static_cast<int>(i));
  order.push_back(1);
  return order;
}

Order orderOf(const Value &value) {
  return value.type.layout ? value.type.layout->order : rowMajor(value.type.rank());
}

static Order withoutUnits(const Dims &dims, const Order &order) {
  Order kept;
  std::ranges::copy_if(order, std::back_inserter(kept),
                       [&](int axis) { return dims[static_cast<size_t>(axis)] != 1; });
  return kept;
}

bool isSame(const Dims &dims, const Order &a, const Order &b) {
  return withoutUnits(dims, a) == withoutUnits(dims, b);
}

bool isRowMajor(const Value &value) {
  return isSame(value.dims(), orderOf(value), rowMajor(value.type.rank()));
}

void setOrder(Value &value, const Order &order) {
  value.type.layout.reset();
  if (!isSame(value.dims(), order, rowMajor(value.type.rank())))
    value.type.layout = Layout{order, {}, {}};
}

Order transposed(const Order &order, const std::vector<int64_t> &perm) {
  Order out;
  for (int axis : order)
    out.push_back(static_cast<int>(std::ranges::find(perm, axis) - perm.begin()));
  return out;
}

Order beforeTranspose(const Order &order, const std::vector<int64_t> &perm) {
  Order out;
  for (int axis : order)
    out.push_back(static_cast<int>(perm[static_cast<size_t>(axis)]));
  return out;
}

Order withoutAxes(const Order &order, const std::vector<int64_t> &removed) {
  Order out;
  for (int axis : order) {
    if (std::ranges::find(removed, axis) != removed.end())
      continue;
    out.push_back(axis - static_cast<int>(std::ranges::count_if(
                             removed, [&](int64_t other) { return other < axis; })));
  }
  return out;
}

namespace {

struct Group {
  std::vector<int> from, to; // axes, ascending
};

// The finest grouping with equal products, from the innermost axes outwards. Axes of extent 1 join
// a neighbour; none for empty tensors.
std::optional<std::vector<Group>> groupAxes(const Dims &from, const Dims &to) {
  std::vector<Group> groups;
  size_t f = from.size(), t = to.size();
  while (f > 0 || t > 0) {
    Group group;
    int64_t fromSize = 1, toSize = 1;
    do {
      if (f > 0 && (fromSize <= toSize || t == 0)) {
        fromSize *= from[--f];
        group.from.insert(group.from.begin(), static_cast<int>(f));
      } else if (t > 0) {
        toSize *= to[--t];
        group.to.insert(group.to.begin(), static_cast<int>(t));
      } else {
        return std::nullopt;
      }
      if (fromSize == 0 || toSize == 0)
        return std::nullopt;
    } while (fromSize != toSize);
    groups.insert(groups.begin(), std::move(group));
  }
  return groups;
}

} // namespace

std::optional<ReshapedOrder> reshaped(const Dims &from, const Dims &to, const Order &order) {
  auto groups = groupAxes(from, to);
  if (!groups)
    return std::nullopt;
  std::vector<size_t> groupOf(from.size());
  for (size_t g = 0; g < groups->size(); ++g)
    for (int axis : (*groups)[g].from)
      groupOf[static_cast<size_t>(axis)] = g;
  ReshapedOrder out;
  std::vector<bool> done(groups->size(), false);
  size_t current = groups->size();
  auto finish = [&](size_t g) {
    done[g] = true;
    const Group &group = (*groups)[g];
    out.operand.insert(out.operand.end(), group.from.begin(), group.from.end());
    out.result.insert(out.result.end(), group.to.begin(), group.to.end());
  };
  for (int axis : order) {
    if (from[static_cast<size_t>(axis)] == 1)
      continue;
    size_t g = groupOf[static_cast<size_t>(axis)];
    if (g == current)
      continue;
    if (done[g])
      return std::nullopt;
    finish(g);
    current = g;
  }
  // Groups of one element may stand anywhere.
  for (size_t g = 0; g < groups->size(); ++g)
    if (!done[g])
      finish(g);
  return out;
}

} // namespace edgecc::layouts
