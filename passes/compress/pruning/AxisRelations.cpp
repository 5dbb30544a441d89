#include "passes/compress/pruning/AxisRelations.h"

#include "ir/OpDef.h"

#include <algorithm>

namespace edgecc::pruning {

namespace {

// Reshapes of larger blocks than this are not traced, to bound the links.
constexpr int64_t kMaxTraced = int64_t{1} << 21;

const void *keyOf(const Value &value) {
  const Op *op = value.definingOp();
  return op && op->parameter ? static_cast<const void *>(op->parameter) : &value;
}

std::string called(const Op &op) {
  std::string name(op.name());
  return op.location.empty() ? name : name + " '" + op.location + "'";
}

// The terms over loops that run more than once.
std::vector<AxisMap::Term> effective(const AxisMap &map, const IterationSpace &space) {
  std::vector<AxisMap::Term> terms;
  for (const AxisMap::Term &term : map.terms)
    if (space.loops[term.loop].extent > 1)
      terms.push_back(term);
  return terms;
}

// outer * inner extent + inner, as the channels of a grouped convolution.
bool isMixedRadix(const std::vector<AxisMap::Term> &terms, const AxisMap &map,
                  const IterationSpace &space) {
  return terms.size() == 2 && map.offset == 0 && terms[1].coefficient == 1 &&
         terms[0].coefficient == space.loops[terms[1].loop].extent;
}

} // namespace

AxisRelations::AxisRelations(const Module &module, const Function &function) {
  const std::string interface = "it reaches an input or output of the model";
  for (const auto &argument : function.body.arguments())
    pinAll(argument.get(), interface);
  for (const auto &op : function.body.ops())
    addOp(*op);
  for (const Value *value : function.body.yields())
    pinAll(value, interface);
  auto pinParameter = [&](const Op &op) {
    if (op.parameter)
      pinAll(op.result(), "its weights are also used elsewhere");
  };
  for (const auto &other : module.functions()) {
    if (other.get() != &function)
      walk(other->body, pinParameter);
    for (const auto &op : other->body.ops())
      for (unsigned i = 0; i < op->numRegions(); ++i)
        walk(op->region(i), [&](const Op &inner) {
          pinParameter(inner);
          for (const Value *operand : inner.operands())
            if (operand && byKey_.contains(keyOf(*operand)))
              pinAll(operand, "it is used inside " + called(*op));
        });
  }
}

AxisId AxisRelations::newAxis(const Value *value, unsigned axis, int64_t extent) {
  axes_.push_back({value, axis, extent});
  heads_.push_back(false);
  return static_cast<AxisId>(axes_.size() - 1);
}

AxisId AxisRelations::of(const Value &value, unsigned axis) {
  auto [entry, isNew] = byKey_.try_emplace(keyOf(value));
  if (isNew)
    for (unsigned i = 0; i < value.type.rank(); ++i) {
      int64_t extent = value.dims()[i];
      AxisId id = extent > 1 ? newAxis(&value, i, extent) : kNoAxis;
      byKey_.at(keyOf(value)).push_back(id);
      if (id != kNoAxis && (value.type.boundedAxes >> i & 1))
        pin(id, "its extent is known at run time only");
    }
  return byKey_.at(keyOf(value))[axis];
}

AxisId AxisRelations::find(const Value &value, unsigned axis) const {
  auto entry = byKey_.find(keyOf(value));
  return entry == byKey_.end() ? kNoAxis : entry->second[axis];
}

void AxisRelations::link(Link::End a, Link::End b, int64_t count) {
  if (a.axis != kNoAxis && b.axis != kNoAxis && count > 0)
    links_.push_back({a, b, count});
}

void AxisRelations::same(AxisId a, AxisId b) {
  if (a != kNoAxis && b != kNoAxis)
    link({a, 0, 1}, {b, 0, 1}, std::min(axes_[a].extent, axes_[b].extent));
}

void AxisRelations::pin(AxisId axis, std::string reason) {
  if (axis != kNoAxis)
    pins_.push_back({axis, std::move(reason)});
}

void AxisRelations::pinAll(const Value *value, const std::string &reason) {
  for (unsigned i = 0; value && i < value->type.rank(); ++i)
    pin(of(*value, i), reason);
}

void AxisRelations::pinOp(const Op &op, const std::string &reason) {
  for (const Value *operand : op.operands())
    pinAll(operand, reason);
  for (unsigned i = 0; i < op.numResults(); ++i)
    pinAll(op.result(i), reason);
}

void AxisRelations::addOp(const Op &op) {
  if (op.parameter) {
    for (unsigned i = 0; i < op.result()->type.rank(); ++i)
      of(*op.result(), i);
    return;
  }
  if (op.def().is(OpTrait::Terminator))
    return;
  if (op.numRegions())
    return pinOp(op, called(op) + " is not traced");
  if (op.def().space)
    return addSpace(op);
  addSpecial(op);
}

void AxisRelations::addSpace(const Op &op) {
  if (op.kind() == OpKind::MaxPool && op.numResults() > 1 && !op.result(1)->uses().empty())
    return pinOp(op, "positions that " + called(op) + " yields count its channels");
  if (op.kind() == OpKind::DeformConv && op.integer("offset_group") > 1)
    return pinOp(op, called(op) + " has groups of offsets");
  IterationSpace space = *iterationSpace(op);
  bool isContraction = op.def().is(OpTrait::Contraction);
  bool hasWeights = isContraction && constantOf(op.operand(1));
  std::vector<AxisId> loops;
  for (const LoopAxis &loop : space.loops)
    loops.push_back(newAxis(nullptr, 0, loop.extent));
  for (size_t i = 0; i < loops.size(); ++i) {
    if (space.loops[i].kind != LoopAxis::Kind::Reduction)
      continue;
    if (!isContraction)
      pin(loops[i], called(op) + " reduces over it");
    else if (!hasWeights && !constantOf(op.operand(0)))
      pin(loops[i], called(op) + " contracts two activations over it");
  }
  if (op.kind() == OpKind::MatMul && !hasWeights)
    for (size_t i = 0; i + 3 < loops.size(); ++i)
      heads_[loops[i]] = true;

  // Axes of places and kernels, whatever their maps look like where extents or strides are 1.
  bool slides = op.def().findAttribute("strides") != nullptr;
  // Whole groups come and go where an axis counts the groups alone.
  std::vector<bool> countsAlone(loops.size());
  auto forEachMap = [&](auto &&fn) {
    for (unsigned o = 0; o < op.numOperands(); ++o)
      for (unsigned i = 0; op.operand(o) && i < op.operand(o)->type.rank(); ++i)
        fn(*op.operand(o), i,
           o < space.operands.size() && i < space.operands[o].size() ? &space.operands[o][i]
                                                                     : nullptr);
    for (unsigned r = 0; r < op.numResults(); ++r)
      for (unsigned i = 0; i < op.result(r)->type.rank(); ++i)
        fn(*op.result(r), i,
           r < space.results.size() && i < space.results[r].size() ? &space.results[r][i]
                                                                   : nullptr);
  };
  forEachMap([&](const Value &value, unsigned i, const AxisMap *map) {
    if (!map || map->whole || value.dims()[i] <= 1)
      return;
    auto terms = effective(*map, space);
    if (terms.size() == 1)
      countsAlone[terms[0].loop] = true;
  });
  forEachMap([&](const Value &value, unsigned i, const AxisMap *map) {
    AxisId axis = of(value, i);
    if (axis == kNoAxis)
      return;
    if (!map || map->whole)
      return pin(axis, called(op) + " needs all of it");
    if (slides && i > 1)
      return pin(axis, called(op) + " slides a window over it");
    auto terms = effective(*map, space);
    if (terms.empty())
      return pin(axis, called(op) + " picks one of its elements");
    if (terms.size() == 1) {
      auto [loop, step] = terms[0];
      bool canShift = op.kind() == OpKind::Slice || op.kind() == OpKind::Pad;
      if (canShift ? step != 1 && step != -1 : step != 1 || map->offset != 0) {
        pin(loops[loop], called(op) + " steps over its elements");
        return pin(axis, called(op) + " steps over its elements");
      }
      return link({axis, map->offset, step}, {loops[loop], 0, 1}, space.loops[loop].extent);
    }
    if (!isMixedRadix(terms, *map, space)) {
      for (const AxisMap::Term &term : terms)
        pin(loops[term.loop], called(op) + " slides a window over it");
      return pin(axis, called(op) + " slides a window over it");
    }
    unsigned outer = terms[0].loop, inner = terms[1].loop;
    int64_t groups = space.loops[outer].extent, size = space.loops[inner].extent;
    if (countsAlone[outer]) {
      for (int64_t k = 0; k < size; ++k)
        link({axis, k, size}, {loops[outer], 0, 1}, groups);
      pin(loops[inner], "whole groups of " + called(op) + " come and go");
    } else // the same place in every group
      for (int64_t g = 0; g < groups; ++g)
        link({axis, g * size, 1}, {loops[inner], 0, 1}, size);
  });
}

// Axis i of the first operand and of each result (and axis i of operands of the same rank) belong
// together, but the `fixed` ones cannot change.
void AxisRelations::keepOthers(const Op &op, const std::vector<int64_t> &fixed,
                               const std::string &reason) {
  const Value &x = *op.operand(0);
  for (unsigned i = 0; i < x.type.rank(); ++i) {
    bool isFixed = std::ranges::find(fixed, i) != fixed.end();
    if (isFixed)
      pin(of(x, i), reason);
    for (unsigned r = 0; r < op.numResults(); ++r) {
      const Value &y = *op.result(r);
      if (isFixed || y.dims()[i] != x.dims()[i])
        pin(of(y, i), reason);
      else
        same(of(x, i), of(y, i));
    }
  }
}

void AxisRelations::addSpecial(const Op &op) {
  const std::string reason = called(op) + " mixes its elements";
  unsigned rank = op.numOperands() && op.operand(0) ? op.operand(0)->type.rank() : 0;
  std::vector<int64_t> fixed;
  switch (op.kind()) {
  case OpKind::Reshape:
    return addReshape(op);
  case OpKind::Concat:
    return addConcat(op);
  case OpKind::DepthToSpace:
  case OpKind::SpaceToDepth:
    return addBlocks(op);
  case OpKind::LSTM:
  case OpKind::GRU:
  case OpKind::RNN:
    return addRecurrent(op);
  case OpKind::Softmax:
  case OpKind::LogSoftmax:
  case OpKind::Hardmax:
  case OpKind::CumSum:
  case OpKind::CumProd:
    return keepOthers(op, {op.integer("axis")}, reason);
  case OpKind::LRN:
    return keepOthers(op, {1}, reason);
  case OpKind::LayerNormalization:
  case OpKind::RMSNormalization:
    for (int64_t i = op.integer("axis"); i < static_cast<int64_t>(rank); ++i)
      fixed.push_back(i);
    for (unsigned i = 1; i < op.numOperands(); ++i)
      pinAll(op.operand(i), reason);
    return keepOthers(op, fixed, reason);
  case OpKind::InstanceNormalization:
    for (unsigned i = 2; i < rank; ++i)
      fixed.push_back(i);
    same(of(*op.operand(0), 1), of(*op.operand(1), 0));
    same(of(*op.operand(0), 1), of(*op.operand(2), 0));
    return keepOthers(op, fixed, reason);
  case OpKind::Trilu:
    if (op.operand(1))
      pinAll(op.operand(1), reason);
    return keepOthers(op, {static_cast<int64_t>(rank) - 2, static_cast<int64_t>(rank) - 1}, reason);
  case OpKind::Resize:
    for (unsigned i = 0; i < rank; ++i)
      if (op.reals("scales")[i] != 1 || op.ints("sizes")[i] != op.operand(0)->dims()[i] ||
          op.text("coordinate_mode") == "tf_crop_and_resize")
        fixed.push_back(i);
    return keepOthers(op, fixed, reason);
  case OpKind::GridSample:
    pinAll(op.operand(1), reason);
    for (unsigned i = 2; i < rank; ++i) {
      pin(of(*op.operand(0), i), reason);
      pin(of(*op.result(), i), reason);
    }
    pin(of(*op.operand(0), 0), reason);
    pin(of(*op.result(), 0), reason);
    return same(of(*op.operand(0), 1), of(*op.result(), 1));
  case OpKind::Gather: {
    pinAll(op.operand(1), reason);
    auto axis = static_cast<unsigned>(op.integer("axis"));
    unsigned picked = op.operand(1)->type.rank();
    for (unsigned i = 0; i < rank; ++i)
      if (i == axis)
        pin(of(*op.operand(0), i), called(op) + " picks elements of it");
      else
        same(of(*op.operand(0), i), of(*op.result(), i < axis ? i : i + picked - 1));
    for (unsigned i = axis; i < axis + picked; ++i)
      pin(of(*op.result(), i), called(op) + " picks its elements");
    return;
  }
  default:
    return pinOp(op, called(op) + " is not traced");
  }
}

void AxisRelations::addConcat(const Op &op) {
  auto axis = static_cast<unsigned>(op.integer("axis"));
  int64_t offset = 0;
  for (const Value *operand : op.operands()) {
    for (unsigned i = 0; i < operand->type.rank(); ++i)
      if (i != axis)
        same(of(*operand, i), of(*op.result(), i));
    int64_t extent = operand->dims()[axis];
    AxisId from = of(*operand, axis), to = of(*op.result(), axis);
    if (from != kNoAxis)
      link({from, 0, 1}, {to, offset, 1}, extent);
    else if (extent == 1 && to != kNoAxis) {
      // One channel that is all of its operand: it has to stay.
      AxisId single = newAxis(nullptr, 0, 1);
      pin(single, called(op) + " would lose an operand");
      link({single, 0, 1}, {to, offset, 1}, 1);
    }
    offset += extent;
  }
}

void AxisRelations::addBlocks(const Op &op) {
  bool toSpace = op.kind() == OpKind::DepthToSpace;
  const Value &deep = toSpace ? *op.operand(0) : *op.result();
  const Value &wide = toSpace ? *op.result() : *op.operand(0);
  const std::string reason = called(op) + " moves elements between channels and places";
  for (unsigned i = 0; i < deep.type.rank(); ++i)
    if (i != 1) {
      pin(of(deep, i), reason);
      pin(of(wide, i), reason);
    }
  int64_t block = op.integer("blocksize"), channels = wide.dims()[1];
  bool depthFirst = !toSpace || op.text("mode") == "DCR";
  if (channels == 1)
    return pin(of(deep, 1), reason);
  for (int64_t k = 0; k < block * block; ++k)
    link({of(deep, 1), depthFirst ? k * channels : k, depthFirst ? 1 : block * block},
         {of(wide, 1), 0, 1}, channels);
}

// The features that a recurrent op reads are columns of its input weights; all else is fixed.
void AxisRelations::addRecurrent(const Op &op) {
  const std::string reason = called(op) + " is recurrent";
  for (unsigned o = 0; o < op.numOperands(); ++o)
    for (unsigned i = 0; op.operand(o) && i < op.operand(o)->type.rank(); ++i)
      if (o > 1 || i != 2)
        pin(of(*op.operand(o), i), reason);
  for (unsigned r = 0; r < op.numResults(); ++r)
    pinAll(op.result(r), reason);
  same(of(*op.operand(0), 2), of(*op.operand(1), 2));
}

// Cuts both shapes into the shortest blocks with equal products. A block of one axis on either
// side is a split or a merge; more on both sides cannot be traced.
void AxisRelations::addReshape(const Op &op) {
  const Value &x = *op.operand(0), &y = *op.result();
  if (x.type.elements() == 0 || !x.type.isStatic())
    return pinOp(op, called(op) + " is not traced");
  unsigned i = 0, j = 0;
  while (i < x.type.rank() || j < y.type.rank()) {
    std::vector<AxisId> from, to;
    int64_t a = 1, b = 1;
    do {
      bool takeLeft = i < x.type.rank() && (a < b || (a == b && (a == 1 || j == y.type.rank())));
      if (takeLeft) {
        a *= x.dims()[i];
        if (AxisId axis = of(x, i++); axis != kNoAxis)
          from.push_back(axis);
      } else {
        b *= y.dims()[j];
        if (AxisId axis = of(y, j++); axis != kNoAxis)
          to.push_back(axis);
      }
    } while (a != b);
    if (from.empty())
      continue;
    if (from.size() == 1 && to.size() == 1)
      same(from[0], to[0]);
    else if (a <= kMaxTraced && from.size() == 1)
      splits_.push_back({from[0], to, &op});
    else if (a <= kMaxTraced && to.size() == 1)
      splits_.push_back({to[0], from, &op});
    else
      for (const auto &side : {from, to})
        for (AxisId axis : side)
          pin(axis, called(op) + " regroups its elements");
  }
}

} // namespace edgecc::pruning
