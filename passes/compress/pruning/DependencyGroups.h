// Which channels have to be removed together, over a whole function (DepGraph: Fang et al.,
// "DepGraph: Towards Any Structural Pruning", CVPR 2023), from the ops' index maps.
//
// Every index along every axis of every value and parameter is a node; ops tie nodes together
// (AxisRelations.h). A connected component is a channel: the smallest set of slices whose removal
// leaves a well-formed function. It can be removed unless one of its nodes is pinned, as those of
// the model's inputs and outputs are. Channels with the same axes form a group.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"

namespace edgecc::pruning {

struct SlicedAxis {
  const Value *value; // the first Param op's result for a parameter
  unsigned axis;
  bool operator==(const SlicedAxis &) const = default;
};

struct DependencyGroup {
  std::string layer;            // that computes its channels: nameOfLayer(); the first of them
  std::vector<SlicedAxis> axes; // in order of the function
  // channels[c][a]: the indices along axes[a] that channel c takes with it, ascending. Channels are
  // in order of their first index.
  std::vector<std::vector<std::vector<int64_t>>> channels;
};

// A layer whose output channels cannot be removed.
struct Unprunable {
  std::string layer;
  std::string reason; // completes "cannot be pruned because ..."
};

struct DependencyGroups {
  std::vector<DependencyGroup> groups;
  std::vector<Unprunable> unprunable;
};

// Of the function's body, which is one of the module's and not lowered. Every channel of every
// group takes a slice of at least one parameter. Groups may share axes (branches that are
// concatenated), never nodes.
DependencyGroups findDependencyGroups(const Module &module, const Function &function);

// Some channels of one group, by their numbers.
struct ChannelSelection {
  const DependencyGroup *group;
  std::vector<size_t> channels;
};

// What a pruned function is left of: the original's values, and along pruned axes the original's
// index of each element that was kept.
struct Origin {
  std::map<const Value *, const Value *> values;
  std::map<std::pair<const Value *, unsigned>, std::vector<int64_t>> kept;

  // Of a copy with the same ops in the same order, before anything is removed from `function`.
  static Origin ofCopy(const Function &function, const Function &original);
  // Indices along the axis of the original, one for each of the pruned value's.
  std::vector<int64_t> indices(const Value &value, unsigned axis) const;
};

// Removes them all at once from the function that the groups were found in: slices parameters,
// corrects attributes (groups, shapes, starts), types and provenance. No axis may lose all its
// elements; that is an error, and nothing has been changed then. The groups are void afterwards.
// `origin`, if given, is kept true.
Expected<void> removeChannels(Function &function, std::span<const ChannelSelection> selections,
                              Origin *origin = nullptr);

} // namespace edgecc::pruning
