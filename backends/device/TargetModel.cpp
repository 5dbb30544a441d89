// What passes may know of a device.
#include "backends/device/tasks/Tasks.h"

#include "ir/OpDef.h"

#include <algorithm>
#include <limits>

namespace edgecc::device {

namespace {

class DeviceTargetModel : public TargetModel {
public:
  explicit DeviceTargetModel(const emulator::DeviceT &device) : device_(device) {}

  std::string name() const override { return device_.name; }

  // The host runs what the device cannot.
  std::string whyIllegal(const Op &) const override { return {}; }

  double cost(const Op &op) const override {
    return op.numResults() == 0 ? 0 : costIn(op, op.result()->type.dtype, op.result()->type.dtype);
  }

  double costAs(const Op &op, DType activations, DType weights) const override {
    return costIn(op, activations, weights);
  }

  // Blocks of output channels of the engine's modes, or what one pass over a sub-cluster takes.
  int64_t channelMultiple(DType) const override {
    int64_t least = std::numeric_limits<int64_t>::max();
    if (device_.scheduled)
      for (const auto &engine : device_.scheduled->engines)
        for (const auto &mode : engine->modes)
          least = std::min<int64_t>(least, mode->out_block);
    return least == std::numeric_limits<int64_t>::max() ? 8 : least;
  }

  bool prefersChannelsLast() const override { return false; }

private:
  // Nanoseconds on the whole machine.
  double costIn(const Op &op, DType activations, DType weights) const {
    auto task = taskOf(op);
    if (!task)
      return 0; // the host's, or no work at all
    std::vector<std::vector<int64_t>> dims(task->inputDims.begin(), task->inputDims.end());
    emulator::Work work =
        emulator::workOf(task->kernel, task->stages, dims, task->output()->dims());
    if (device_.dataflow) {
      const auto &machine = *device_.dataflow;
      double cycles = emulator::rowCycles(machine, work, bitWidth(activations), bitWidth(weights),
                                          double(machine.clusters) * machine.sub_clusters);
      return cycles / machine.clock_mhz * 1e3;
    }
    double best = std::numeric_limits<double>::infinity();
    for (const auto &engine : device_.scheduled->engines) {
      double perUs = engine->clock_mhz * engine->efficiency * engine->count;
      if (engine->kind == emulator::EngineKind::Convolution && work.macs > 0)
        for (const auto &mode : engine->modes)
          best = std::min(best, static_cast<double>(work.macs) /
                                    (double(mode->in_block) * mode->out_block) / perUs * 1e3);
      for (const auto &rate : engine->rates)
        if (rate->work == work.kind)
          best = std::min(best, work.units / rate->units_per_cycle / perUs * 1e3);
    }
    return best;
  }

  const emulator::DeviceT device_;
};

} // namespace

std::unique_ptr<TargetModel> makeTargetModel(const emulator::DeviceT &device) {
  return std::make_unique<DeviceTargetModel>(device);
}

} // namespace edgecc::device
