// Removing slices from a function, op by op in order.
#include "ir/OpDef.h"
#include "passes/compress/pruning/DependencyGroups.h"

#include <algorithm>
#include <numeric>
#include <set>

namespace edgecc::pruning {

namespace {

using Indices = std::set<int64_t>;

class Remover {
public:
  Remover(Function &function, std::span<const ChannelSelection> selections, Origin *origin)
      : function_(function), origin_(origin) {
    for (const ChannelSelection &selection : selections)
      for (size_t a = 0; a < selection.group->axes.size(); ++a) {
        const SlicedAxis &sliced = selection.group->axes[a];
        Indices &removed = removed_[{keyOf(*sliced.value), sliced.axis}];
        for (size_t channel : selection.channels) {
          const auto &indices = selection.group->channels[channel][a];
          removed.insert(indices.begin(), indices.end());
        }
        values_[keyOf(*sliced.value)] = sliced.value;
      }
  }

  Expected<void> run() {
    for (const auto &[key, indices] : removed_) {
      const Value &value = *values_.at(key.first);
      if (static_cast<int64_t>(indices.size()) >= value.dims()[key.second])
        return error("removing these channels would leave none along axis " +
                         std::to_string(key.second) + " of " + value.type.str(),
                     value.definingOp() ? value.definingOp()->location : std::string());
    }
    for (const auto &op : function_.body.ops())
      EDGECC_CHECK(update(*op));
    return {};
  }

private:
  static const void *keyOf(const Value &value) {
    const Op *op = value.definingOp();
    return op && op->parameter ? static_cast<const void *>(op->parameter) : &value;
  }

  const Indices *removed(const Value &value, unsigned axis) const {
    auto entry = removed_.find({keyOf(value), axis});
    return entry == removed_.end() || entry->second.empty() ? nullptr : &entry->second;
  }

  int64_t countBelow(const Value &value, unsigned axis, int64_t end) const {
    const Indices *indices = removed(value, axis);
    return indices ? std::distance(indices->begin(), indices->lower_bound(end)) : 0;
  }

  int64_t count(const Value &value, unsigned axis) const {
    return countBelow(value, axis, kMaxExtent);
  }

  Dims newDims(const Value &value) const {
    Dims dims = value.dims();
    for (unsigned i = 0; i < dims.size(); ++i)
      dims[i] -= count(value, i);
    return dims;
  }

  bool isTouched(const Value &value) const { return newDims(value) != value.dims(); }

  Tensor sliced(const Tensor &tensor, unsigned axis, const Indices &gone) const {
    Dims dims = tensor.dims();
    int64_t extent = dims[axis], outer = 1, inner = 1;
    for (unsigned i = 0; i < axis; ++i)
      outer *= dims[i];
    for (unsigned i = axis + 1; i < dims.size(); ++i)
      inner *= dims[i];
    dims[axis] -= static_cast<int64_t>(gone.size());
    Tensor out(tensor.dtype(), dims);
    if (isSubByte(tensor.dtype())) {
      int64_t to = 0;
      for (int64_t i = 0; i < tensor.elements(); ++i)
        if (!gone.contains(i / inner % extent))
          out.setDouble(to++, tensor.asDouble(i));
      return out;
    }
    size_t run = static_cast<size_t>(inner) * bitWidth(tensor.dtype()) / 8;
    std::byte *to = out.mutableRaw();
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < extent; ++i)
        if (!gone.contains(i))
          to = std::copy_n(tensor.raw() + static_cast<size_t>(o * extent + i) * run, run, to);
    return out;
  }

  Expected<void> update(Op &op) {
    if (op.parameter) {
      Parameter &parameter = *op.parameter;
      // The other Param ops of this parameter find it sliced.
      if (op.result()->dims() == parameter.content.dims())
        for (unsigned i = 0; i < op.result()->type.rank(); ++i)
          if (const Indices *gone = removed(*op.result(), i))
            parameter.content = sliced(parameter.content, i, *gone);
      reprovenance(*op.result());
      op.result()->type.dims = parameter.content.dims();
      return {};
    }
    bool isTouchedHere = false;
    for (const Value *operand : op.operands())
      isTouchedHere |= operand && touched_.contains(operand);
    for (unsigned r = 0; r < op.numResults(); ++r)
      isTouchedHere |= isTouched(*op.result(r));
    for (const Value *operand : op.operands())
      isTouchedHere |= operand && constantOf(operand) && isTouchedParameter(*operand);
    if (!isTouchedHere || op.def().is(OpTrait::Terminator))
      return {};
    updateAttributes(op);
    for (unsigned r = 0; r < op.numResults(); ++r)
      reprovenance(*op.result(r));
    EDGECC_TRY(types, inferTypes(op));
    for (unsigned r = 0; r < op.numResults(); ++r) {
      if (types[r].dims != op.result(r)->dims())
        touched_.insert(op.result(r));
      op.result(r)->type = types[r];
    }
    return {};
  }

  bool isTouchedParameter(const Value &value) const {
    for (unsigned i = 0; i < value.type.rank(); ++i)
      if (removed(value, i))
        return true;
    return false;
  }

  // Runs before the result types change.
  void updateAttributes(Op &op) {
    const Value *result = op.numResults() ? op.result() : nullptr;
    switch (op.kind()) {
    case OpKind::Reshape:
    case OpKind::Expand:
      op.set("shape", newDims(*result));
      break;
    case OpKind::Resize:
      op.set("sizes", newDims(*result));
      break;
    case OpKind::Slice: {
      auto starts = op.ints("starts");
      for (unsigned i = 0; i < starts.size(); ++i)
        if (op.ints("sizes")[i] > 0)
          starts[i] = firstKept(op, i);
      op.set("starts", starts);
      op.set("sizes", newDims(*result));
      break;
    }
    case OpKind::Pad: {
      auto pads = op.ints("pads");
      size_t rank = pads.size() / 2;
      for (unsigned i = 0; i < rank; ++i) {
        int64_t extent = result->dims()[i];
        int64_t low = countBelow(*result, i, pads[i]);
        int64_t high = count(*result, i) - countBelow(*result, i, extent - pads[rank + i]);
        pads[i] -= low;
        pads[rank + i] -= high;
      }
      op.set("pads", pads);
      break;
    }
    case OpKind::Conv:
    case OpKind::ConvTranspose:
    case OpKind::DeformConv:
      updateGroups(op);
      break;
    default:
      break;
    }
  }

  // Where the first kept element of the result lies in the operand that is left.
  int64_t firstKept(const Op &op, unsigned axis) const {
    int64_t first = 0;
    if (const Indices *gone = removed(*op.result(), axis))
      while (gone->contains(first))
        ++first;
    int64_t at = op.ints("starts")[axis] + first * op.ints("steps")[axis];
    return at - countBelow(*op.operand(0), axis, at);
  }

  // Either whole groups went, and those that stay are as large as before, or the same place went
  // from every group.
  void updateGroups(Op &op) const {
    if (op.integer("group") == 1)
      return;
    // Operands are sliced already, the result is not.
    bool isTransposed = op.kind() == OpKind::ConvTranspose;
    int64_t channels = isTransposed ? newDims(*op.result())[1] : op.operand(0)->dims()[1];
    op.set("group", channels / op.operand(1)->dims()[1]);
  }

  // Before the value's type changes.
  void reprovenance(Value &value) {
    for (unsigned axis = 0; origin_ && axis < value.type.rank(); ++axis)
      if (const Indices *gone = removed(value, axis)) {
        std::vector<int64_t> left, before = origin_->indices(value, axis);
        for (size_t i = 0; i < before.size(); ++i)
          if (!gone->contains(static_cast<int64_t>(i)))
            left.push_back(before[i]);
        origin_->kept[{&value, axis}] = std::move(left);
      }
    Provenance &provenance = value.provenance;
    for (unsigned axis = 0; axis < value.type.rank(); ++axis) {
      const Indices *gone = removed(value, axis);
      if (!gone || provenance.tensor.empty())
        continue;
      bool isOther = provenance.axis != static_cast<int>(axis);
      if (isOther && (!provenance.channelMap.empty() || !provenance.scale.empty())) {
        provenance = {}; // sliced along two axes: no longer comparable channel by channel
        continue;
      }
      provenance.axis = static_cast<int>(axis);
      if (provenance.channelMap.empty())
        for (int64_t i = 0; i < value.dims()[axis]; ++i)
          provenance.channelMap.push_back(i);
      auto keep = [&](auto &list) {
        if (list.empty())
          return;
        size_t to = 0;
        for (size_t i = 0; i < list.size(); ++i)
          if (!gone->contains(static_cast<int64_t>(i)))
            list[to++] = list[i];
        list.resize(to);
      };
      keep(provenance.channelMap);
      keep(provenance.scale);
    }
  }

  Function &function_;
  Origin *origin_;
  std::map<std::pair<const void *, unsigned>, Indices> removed_;
  std::map<const void *, const Value *> values_;
  std::set<const Value *> touched_;
};

} // namespace

Origin Origin::ofCopy(const Function &function, const Function &original) {
  Origin origin;
  auto pair = [&](const Value *value, const Value *from) { origin.values[value] = from; };
  for (unsigned i = 0; i < function.body.numArguments(); ++i)
    pair(function.body.argument(i), original.body.argument(i));
  auto from = original.body.ops().begin();
  for (const auto &op : function.body.ops()) {
    for (unsigned i = 0; i < op->numResults(); ++i)
      pair(op->result(i), (*from)->result(i));
    ++from;
  }
  return origin;
}

std::vector<int64_t> Origin::indices(const Value &value, unsigned axis) const {
  if (auto entry = kept.find({&value, axis}); entry != kept.end())
    return entry->second;
  std::vector<int64_t> all(static_cast<size_t>(value.dims()[axis]));
  std::iota(all.begin(), all.end(), int64_t{0});
  return all;
}

Expected<void> removeChannels(Function &function, std::span<const ChannelSelection> selections,
                              Origin *origin) {
  return Remover(function, selections, origin).run();
}

} // namespace edgecc::pruning
