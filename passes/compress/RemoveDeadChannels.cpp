// Removes channels that carry nothing. A channel that is constant (a zero filter, a batch norm with
// scale zero, a filter that reads constants only) moves into the bias of the layers behind:
//   W [x; v] + b = W_x x + (b + W_v v),
// exact where they do not pad, or where v = 0. A channel that no layer reads with a weight other
// than zero is then removed together with all that makes it, by the dependency groups of pruning.
#include "passes/channels/ConstantChannels.h"
#include "passes/channels/LinearLayer.h"
#include "passes/compress/Passes.h"
#include "passes/compress/pruning/DependencyGroups.h"

#include "ir/OpDef.h"

#include <algorithm>
#include <map>

namespace edgecc {

namespace {

// Moves the constant columns of one layer into its bias.
void foldConstants(Module &module, LinearLayer layer, const ConstantChannels &constants,
                   Statistics &statistics) {
  const Value &x = *layer.op->operand(0);
  const bool whole = readsNoPadding(*layer.op) && layer.takesBias;
  auto bias = biasOf(layer);
  std::vector<double> keep(static_cast<size_t>(layer.inputs), 1.0), columns(keep.size(), 0.0);
  std::vector<bool> used(keep.size(), false);
  layer.forEachWeight([&](int64_t i, size_t, size_t column) {
    used[column] = used[column] || layer.weights->asDouble(i) != 0;
  });
  bool folds = false, shifts = false;
  for (size_t c = 0; c < keep.size(); ++c) {
    auto value = constants.at(x, layer.inputAxis, static_cast<int64_t>(c));
    if (!value || !used[c])
      continue;
    if (*value != 0 && (!whole || !bias)) {
      statistics.add("constant channels kept: zeros beyond the border differ from them");
      continue;
    }
    keep[c] = 0;
    columns[c] = *value;
    folds = true;
    shifts = shifts || *value != 0;
    statistics.add("constant channels folded into biases");
  }
  if (!folds)
    return;
  if (shifts) {
    layer.forEachWeight([&](int64_t i, size_t row, size_t column) {
      (*bias)[row] += layer.gain * layer.weights->asDouble(i) * columns[column];
    });
    setBias(module, layer, *bias);
  }
  setWeights(module, layer, scaledWeights(layer, {}, keep));
}

// Which rows read a column with a weight other than zero.
struct Readers {
  static constexpr size_t kMost = 8; // more are not told apart
  std::vector<std::vector<size_t>> rows;

  explicit Readers(const LinearLayer &layer) : rows(static_cast<size_t>(layer.inputs)) {
    layer.forEachWeight([&](int64_t i, size_t row, size_t column) {
      auto &list = rows[column];
      if (list.size() <= kMost && layer.weights->asDouble(i) != 0 &&
          std::ranges::find(list, row) == list.end())
        list.push_back(row);
    });
  }
};

class DeadChannels {
public:
  explicit DeadChannels(const Function &function) {
    for (const auto &op : function.body.ops())
      if (auto layer = linearLayer(*op))
        readers_.emplace(op.get(), std::pair(*layer, Readers(*layer)));
  }

  // Whether the rest of the function is the same without channel `c`.
  bool isDead(const pruning::DependencyGroup &group, size_t c) const {
    for (size_t a = 0; a < group.axes.size(); ++a) {
      if (group.channels[c][a].empty())
        continue;
      for (const Use &use : group.axes[a].value->uses())
        if (!toleratesRemoval(*use.user, use.operand, group, c, a))
          return false;
    }
    return true;
  }

private:
  using Indices = std::vector<int64_t>;

  // The channel's indices along an axis; null if it takes none.
  static const Indices *indices(const pruning::DependencyGroup &group, size_t c, const Value *value,
                                unsigned axis) {
    for (size_t a = 0; a < group.axes.size(); ++a)
      if (group.axes[a] == pruning::SlicedAxis{value, axis} && !group.channels[c][a].empty())
        return &group.channels[c][a];
    return nullptr;
  }
  static bool touches(const pruning::DependencyGroup &group, size_t c, const Value *value) {
    for (size_t a = 0; a < group.axes.size(); ++a)
      if (group.axes[a].value == value && !group.channels[c][a].empty())
        return true;
    return false;
  }

  // `op` reads the channel along axis `a` of the group: what is left of its result is unchanged.
  bool toleratesRemoval(const Op &op, unsigned operand, const pruning::DependencyGroup &group,
                        size_t c, size_t a) const {
    auto layer = readers_.find(&op);
    if (layer != readers_.end()) {
      const auto &[linear, readers] = layer->second;
      if (operand != 0) // weights and biases go with their rows and columns
        return touches(group, c, op.operand(0)) || touches(group, c, op.result());
      if (group.axes[a].axis != linear.inputAxis)
        return touches(group, c, op.result());
      const Indices *rows = indices(group, c, op.result(), linear.outputAxis);
      return std::ranges::all_of(group.channels[c][a], [&](int64_t column) {
        return std::ranges::all_of(readers.rows[static_cast<size_t>(column)], [&](size_t row) {
          return rows && std::ranges::binary_search(*rows, static_cast<int64_t>(row));
        });
      });
    }
    // Everything else has to work channel by channel.
    bool apart = op.def().is(OpTrait::Elementwise) || op.def().is(OpTrait::DataMovement) ||
                 op.def().is(OpTrait::Reduction) || op.kind() == OpKind::MaxPool ||
                 op.kind() == OpKind::AveragePool || op.kind() == OpKind::LpPool ||
                 op.kind() == OpKind::Resize || op.kind() == OpKind::BatchNormalization ||
                 op.kind() == OpKind::InstanceNormalization;
    return apart && touches(group, c, op.result());
  }

  std::map<const Op *, std::pair<LinearLayer, Readers>> readers_;
};

// Removes what is dead by now. Returns how many channels.
Expected<size_t> removeDead(Module &module, Function &function) {
  auto groups = pruning::findDependencyGroups(module, function);
  DeadChannels dead(function);
  std::vector<pruning::ChannelSelection> selections;
  size_t removed = 0;
  for (const auto &group : groups.groups) {
    std::vector<size_t> channels;
    for (size_t c = 0; c < group.channels.size(); ++c)
      if (dead.isDead(group, c))
        channels.push_back(c);
    if (channels.size() == group.channels.size())
      channels.pop_back(); // an axis keeps at least one element
    if (channels.empty())
      continue;
    removed += channels.size();
    selections.push_back({&group, std::move(channels)});
  }
  if (!selections.empty())
    EDGECC_CHECK(pruning::removeChannels(function, selections));
  return removed;
}

} // namespace

Expected<void> removeDeadChannels(Module &module, PassContext &context) {
  Function &function = module.main();
  ConstantChannels constants(function.body);
  for (Op *op : function.body.snapshot())
    if (auto layer = linearLayer(*op))
      foldConstants(module, *layer, constants, context.statistics);
  // What made only dead channels is dead in turn: from the back to the front.
  for (;;) {
    EDGECC_TRY(removed, removeDead(module, function));
    if (removed == 0)
      return {};
    context.statistics.add("channels removed", static_cast<int64_t>(removed));
  }
}

} // namespace edgecc
