#include "passes/compress/pruning/DependencyGroups.h"

#include "ir/OpDef.h"
#include "passes/compress/Compression.h"
#include "passes/compress/pruning/AxisRelations.h"

#include <algorithm>
#include <numeric>

namespace edgecc::pruning {

namespace {

class UnionFind {
public:
  explicit UnionFind(size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0u); }
  unsigned find(unsigned i) {
    while (parent_[i] != i)
      i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  // The smaller number stands for both, so that the result does not depend on the order.
  void join(unsigned a, unsigned b) {
    a = find(a), b = find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

private:
  std::vector<unsigned> parent_;
};

// Decides for every Split which factor may lose elements, from what is known of whole axes.
class Splits {
public:
  Splits(const AxisRelations &relations) : relations_(relations), axes_(relations.axes().size()) {
    for (const Link &link : relations.links())
      axes_.join(link.a.axis, link.b.axis);
    for (const Pin &pin : relations.pins())
      pinned_.push_back(pin.axis);
  }

  // One factor, or kNoAxis, for each split.
  std::vector<AxisId> choose() {
    const auto &splits = relations_.splits();
    std::vector<AxisId> chosen(splits.size(), kNoAxis);
    std::vector<bool> decided(splits.size());
    for (size_t left = splits.size(); left > 0; --left) {
      refresh();
      size_t next = splits.size();
      for (size_t i = 0; i < splits.size(); ++i) {
        if (decided[i])
          continue;
        bool forced =
            std::ranges::count_if(splits[i].factors, [&](AxisId f) { return !isPinned(f); }) <= 1;
        if (forced || next == splits.size())
          next = i;
        if (forced)
          break;
      }
      decided[next] = true;
      chosen[next] = best(splits[next]);
      for (AxisId factor : splits[next].factors)
        if (factor != chosen[next])
          pinned_.push_back(factor);
    }
    return chosen;
  }

private:
  void refresh() {
    isPinned_.assign(relations_.axes().size(), false);
    isHeads_.assign(relations_.axes().size(), false);
    for (AxisId axis : pinned_)
      isPinned_[axes_.find(axis)] = true;
    for (AxisId axis = 0; axis < relations_.axes().size(); ++axis)
      if (relations_.isHeads(axis))
        isHeads_[axes_.find(axis)] = true;
  }
  bool isPinned(AxisId axis) { return isPinned_[axes_.find(axis)]; }

  // Attention loses whole heads; otherwise the longest axis gives the finest choice.
  AxisId best(const Split &split) {
    AxisId best = kNoAxis;
    auto rank = [&](AxisId axis) {
      return std::pair(bool(isHeads_[axes_.find(axis)]), relations_.axes()[axis].extent);
    };
    for (AxisId factor : split.factors)
      if (!isPinned(factor) && (best == kNoAxis || rank(factor) > rank(best)))
        best = factor;
    return best;
  }

  const AxisRelations &relations_;
  UnionFind axes_;
  std::vector<AxisId> pinned_;
  std::vector<bool> isPinned_, isHeads_;
};

class Finder {
public:
  Finder(const Module &module, const Function &function)
      : function_(function), relations_(module, function) {
    size_t count = 0;
    for (const Axis &axis : relations_.axes()) {
      base_.push_back(static_cast<unsigned>(count));
      count += static_cast<size_t>(axis.extent);
    }
    count_ = count;
  }

  // Values with axes of so many elements in all are not traced.
  static constexpr size_t kMaxNodes = size_t{1} << 28;

  DependencyGroups find() {
    if (count_ > kMaxNodes)
      return {{}, {{function_.name, "the model's axes have too many elements to trace"}}};
    UnionFind nodes(count_);
    for (const Link &link : relations_.links())
      join(nodes, link);
    std::vector<Pin> pins = relations_.pins();
    auto chosen = Splits(relations_).choose();
    for (size_t i = 0; i < chosen.size(); ++i)
      joinSplit(nodes, relations_.splits()[i], chosen[i], pins);

    std::vector<unsigned> pinOf(count_, kNoPin); // of components, by their root
    for (unsigned p = 0; p < pins.size(); ++p)
      for (int64_t i = 0; i < relations_.axes()[pins[p].axis].extent; ++i) {
        unsigned &pin = pinOf[nodes.find(node(pins[p].axis, i))];
        pin = std::min(pin, p);
      }
    collect(nodes, pinOf);
    reportPinned(nodes, pinOf, pins);
    return std::move(out_);
  }

private:
  static constexpr unsigned kNoPin = ~0u;

  unsigned node(AxisId axis, int64_t i) const { return base_[axis] + static_cast<unsigned>(i); }

  void join(UnionFind &nodes, const Link &link) {
    for (int64_t i = 0; i < link.count; ++i) {
      int64_t a = link.a.offset + i * link.a.step, b = link.b.offset + i * link.b.step;
      if (a >= 0 && a < relations_.axes()[link.a.axis].extent && b >= 0 &&
          b < relations_.axes()[link.b.axis].extent)
        nodes.join(node(link.a.axis, a), node(link.b.axis, b));
    }
  }

  void joinSplit(UnionFind &nodes, const Split &split, AxisId chosen, std::vector<Pin> &pins) {
    const std::string reason = "Reshape '" + split.op->location + "' regroups its elements";
    int64_t inner = 1, extent = 0;
    for (size_t f = split.factors.size(); f-- > 0;) {
      AxisId factor = split.factors[f];
      if (factor == chosen) {
        extent = relations_.axes()[factor].extent;
        break;
      }
      inner *= relations_.axes()[factor].extent;
    }
    for (AxisId factor : split.factors)
      if (factor != chosen)
        pins.push_back({factor, reason});
    if (chosen == kNoAxis)
      return pins.push_back({split.whole, reason});
    for (int64_t i = 0; i < relations_.axes()[split.whole].extent; ++i)
      nodes.join(node(split.whole, i), node(chosen, i / inner % extent));
  }

  void collect(UnionFind &nodes, const std::vector<unsigned> &pinOf) {
    // The slices of each component, by value in order of the axes' numbers.
    struct Component {
      std::vector<AxisId> axes;
      std::vector<std::vector<int64_t>> indices;
      bool hasParameter = false;
    };
    std::map<unsigned, Component> components;
    for (AxisId axis = 0; axis < relations_.axes().size(); ++axis) {
      const Axis &info = relations_.axes()[axis];
      if (!info.value)
        continue;
      for (int64_t i = 0; i < info.extent; ++i) {
        unsigned root = nodes.find(node(axis, i));
        if (pinOf[root] != kNoPin)
          continue;
        Component &component = components[root];
        if (component.axes.empty() || component.axes.back() != axis) {
          component.axes.push_back(axis);
          component.indices.emplace_back();
        }
        component.indices.back().push_back(i);
        component.hasParameter |= constantOf(info.value) != nullptr;
      }
    }
    std::map<std::vector<AxisId>, size_t> groupOf;
    for (auto &[root, component] : components) {
      if (!component.hasParameter)
        continue;
      auto [entry, isNew] = groupOf.try_emplace(component.axes, out_.groups.size());
      if (isNew) {
        DependencyGroup &group = out_.groups.emplace_back();
        for (AxisId axis : component.axes)
          group.axes.push_back({relations_.axes()[axis].value, relations_.axes()[axis].axis});
        group.layer = layerOf(group);
      }
      out_.groups[entry->second].channels.push_back(std::move(component.indices));
    }
  }

  // The first contraction that computes one of the axes, else the op of the first value.
  static std::string layerOf(const DependencyGroup &group) {
    std::string first;
    for (const SlicedAxis &sliced : group.axes) {
      const Op *op = sliced.value->definingOp();
      if (!op || op->parameter)
        continue;
      if (op->def().is(OpTrait::Contraction))
        return nameOfLayer(*op);
      if (first.empty())
        first = nameOfLayer(*op);
    }
    return first;
  }

  void reportPinned(UnionFind &nodes, const std::vector<unsigned> &pinOf,
                    const std::vector<Pin> &pins) {
    for (const auto &op : function_.body.ops()) {
      if (!op->def().is(OpTrait::Contraction) || !constantOf(op->operand(1)))
        continue;
      bool isConv = op->kind() != OpKind::MatMul && op->kind() != OpKind::Gemm;
      AxisId axis = relations_.find(*op->result(), isConv ? 1 : op->result()->type.rank() - 1);
      if (axis == kNoAxis)
        continue;
      unsigned pin = kNoPin;
      bool all = true;
      for (int64_t i = 0; i < relations_.axes()[axis].extent; ++i) {
        unsigned at = pinOf[nodes.find(node(axis, i))];
        pin = std::min(pin, at);
        all = all && at != kNoPin;
      }
      if (all)
        out_.unprunable.push_back({nameOfLayer(*op), pins[pin].reason});
    }
  }

  const Function &function_;
  AxisRelations relations_;
  std::vector<unsigned> base_; // number of the first node of each axis
  size_t count_ = 0;
  DependencyGroups out_;
};

} // namespace

DependencyGroups findDependencyGroups(const Module &module, const Function &function) {
  return Finder(module, function).find();
}

} // namespace edgecc::pruning
