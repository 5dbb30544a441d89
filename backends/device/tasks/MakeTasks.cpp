// A function as tasks: what runs on the device, fused, and what runs on the host.
#include "backends/device/tasks/Fusion.h"
#include "backends/device/tasks/Tasks.h"

#include "ir/Extract.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace edgecc::device {

namespace {

// Runs of device work and host parts alternate: device work of depth d needs host parts below d,
// host part d needs device work of depth d at most. So every op has the least depth that it can,
// and there are as few host parts as the dependences allow.
class Partition {
public:
  Partition(const Function &function, const emulator::DeviceT &device, bool convertsOnHost)
      : function_(function), device_(device), convertsOnHost_(convertsOnHost) {}

  // Decides where each op runs. Host ops come with the reason.
  void run() {
    for (const auto &op : function_.body.ops()) {
      if (op->kind() == OpKind::Param || op->kind() == OpKind::Yield)
        continue;
      auto task = taskOf(*op);
      std::string why = task ? whyNotOn(device_, *task) : task.error().front().what;
      if (why.empty() && convertsOnHost_ && isInterfaceConversion(*op))
        why = "converted on the host, a value takes less of the link";
      unsigned depth = 0;
      forEachOperand(*op, [&](const Op *producer) {
        unsigned at = depth_.at(producer);
        depth = std::max(depth, !why.empty() || !reasons_.contains(producer) ? at : at + 1);
      });
      depth_[op.get()] = depth;
      depths_ = std::max(depths_, depth + 1);
      if (!why.empty())
        reasons_[op.get()] = why;
    }
  }

  unsigned depths() const { return depths_; }
  unsigned depthOf(const Op &op) const { return depth_.at(&op); }
  bool isOnHost(const Op &op) const { return reasons_.contains(&op); }
  const std::map<const Op *, std::string> &reasons() const { return reasons_; }

  // Also for the values that an op's regions use.
  template <class Fn> static void forEachOperandValue(const Op &op, Fn &&fn) {
    for (const Value *operand : op.operands())
      if (operand)
        fn(operand);
    for (unsigned i = 0; i < op.numRegions(); ++i)
      walk(op.region(i), [&](const Op &inner) {
        for (const Value *operand : inner.operands())
          if (operand && operand->owningBlock() == op.block())
            fn(operand);
      });
  }

private:
  template <class Fn> static void forEachOperand(const Op &op, Fn &&fn) {
    forEachOperandValue(op, [&](const Value *value) {
      if (const Op *producer = value->definingOp(); producer && !producer->parameter)
        fn(producer);
    });
  }

  // Makes an input of the model narrow, or an output wide, and nothing else.
  static bool isInterfaceConversion(const Op &op) {
    bool narrows = op.kind() == OpKind::QuantizeLinear;
    if (!narrows && op.kind() != OpKind::DequantizeLinear)
      return false;
    return narrows ? op.operand(0)->definingOp() == nullptr
                   : std::ranges::all_of(op.result()->uses(), [](const Use &use) {
                       return use.user->kind() == OpKind::Yield;
                     });
  }

  const Function &function_;
  const emulator::DeviceT &device_;
  bool convertsOnHost_;
  std::map<const Op *, unsigned> depth_;
  std::map<const Op *, std::string> reasons_; // of the ops on the host
  unsigned depths_ = 1;
};

bool isYielded(const Value &value) {
  return std::ranges::any_of(value.uses(),
                             [](const Use &use) { return use.user->kind() == OpKind::Yield; });
}

// The ops as a module of their own, and the task that calls it.
Task hostTask(const Function &function, const std::vector<const Op *> &ops,
              const Partition &partition, Tasks &tasks) {
  std::set<const Op *> inside(ops.begin(), ops.end());
  Task task;
  task.ops = ops;
  task.hostPart = static_cast<int>(tasks.hostParts.size());
  HostPart part;
  for (const Op *op : ops) {
    Partition::forEachOperandValue(*op, [&](const Value *value) {
      const Op *producer = value->definingOp();
      bool isOutside = !producer || (!producer->parameter && !inside.contains(producer));
      if (isOutside && std::ranges::find(task.inputs, value) == task.inputs.end()) {
        task.inputs.push_back(value);
        task.inputDims.push_back(value->dims());
      }
    });
    for (unsigned i = 0; i < op->numResults(); ++i) {
      const Value *result = op->result(i);
      bool leaves = isYielded(*result) || std::ranges::any_of(result->uses(), [&](const Use &use) {
                      const Op *user = use.user;
                      while (user->block()->parentOp()) // a use inside a region
                        user = user->block()->parentOp();
                      return !inside.contains(user);
                    });
      if (leaves)
        task.outputs.push_back(result);
    }
    part.nodes.push_back(op->location);
    part.reasons.push_back(partition.reasons().at(op));
  }
  part.module = extractBetween(function, task.inputs, task.outputs);
  emulator::HostCallT call;
  call.part = static_cast<uint32_t>(task.hostPart);
  task.kernel.Set(std::move(call));
  tasks.hostParts.push_back(std::move(part));
  return task;
}

} // namespace

Expected<Tasks> makeTasks(const Function &function, const emulator::DeviceT &device,
                          const MapOptions &options) {
  // The chips that this models are fed by a host that quantises.
  Partition partition(function, device, options.allowHost && device.dataflow != nullptr);
  partition.run();
  if (!options.allowHost && !partition.reasons().empty()) {
    Diagnostics diagnostics;
    for (const auto &op : function.body.ops())
      if (partition.reasons().contains(op.get()))
        diagnostics.push_back({partition.reasons().at(op.get()), op->location,
                               "without --no-host such ops run on the host"});
    return tl::unexpected(std::move(diagnostics));
  }
  Tasks tasks;
  for (unsigned depth = 0; depth < partition.depths(); ++depth) {
    Fusion fusion(device);
    std::vector<const Op *> onHost;
    for (const auto &op : function.body.ops()) {
      if (op->kind() == OpKind::Param || op->kind() == OpKind::Yield ||
          partition.depthOf(*op) != depth)
        continue;
      if (partition.isOnHost(*op)) {
        onHost.push_back(op.get());
        continue;
      }
      EDGECC_TRY(task, taskOf(*op));
      EDGECC_CHECK(fusion.add(*op, std::move(task)));
    }
    for (Task &task : fusion.take())
      tasks.list.push_back(std::move(task));
    if (!onHost.empty())
      tasks.list.push_back(hostTask(function, onHost, partition, tasks));
  }
  return tasks;
}

} // namespace edgecc::device
