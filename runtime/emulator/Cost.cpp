// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Cost.h"

#include "runtime/emulator/kernels/Kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc::emulator {

namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

int64_t product(std::span<const int64_t> extents) {
  int64_t result = 1;
  for (int64_t extent : extents)
    result *= extent;
  return result;
}

uint64_t divideUp(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

// Passes over the data that a kernel's definition makes.
constexpr int kSoftmaxPasses = 3;   // maximum, sum of exponentials, quotient
constexpr int kNormalizePasses = 3; // mean, variance, result

Work kernelWork(const KernelUnion &kernel, std::span<const std::vector<int64_t>> inputs,
                std::span<const int64_t> output) {
  Work work;
  auto elements = static_cast<double>(product(output));
  auto read = inputs.empty() ? 0.0 : static_cast<double>(product(inputs[0]));
  work.elements = static_cast<uint64_t>(elements);
  switch (kernel.type) {
  case Kernel::Contraction: {
    const ContractionT &contraction = *kernel.AsContraction();
    if (inputs.size() < 2 || inputs[0].empty() || inputs[1].size() < 2)
      return work;
    double depth = 0; // multiply-accumulates for each result
    if (contraction.product) {
      work.kind = WorkClass::Product;
      depth = static_cast<double>(inputs[0].back());
    } else {
      bool one = inputs[1][1] == 1;
      work.kind = contraction.groups == 1 ? WorkClass::Dense
                  : one                   ? WorkClass::Depthwise
                                          : WorkClass::Grouped;
      depth = static_cast<double>(product(std::span(inputs[1]).subspan(1)));
    }
    if (contraction.pool_kernel > 0) {
      elements =
          static_cast<double>(product(convolvedDims(contraction, inputs[0], inputs[1], output)));
      work.elements = static_cast<uint64_t>(elements);
      work.stageUnits = elements; // one comparison for each
    }
    work.units = elements * depth;
    work.macs = static_cast<uint64_t>(work.units);
    return work;
  }
  case Kernel::Pool: {
    double window = 1;
    for (uint32_t extent : kernel.AsPool()->kernel)
      window *= extent;
    work.kind = WorkClass::Pooling;
    work.units = elements * window;
    return work;
  }
  case Kernel::Reduce:
    work.kind = WorkClass::Reduction;
    work.units = read;
    return work;
  case Kernel::Softmax:
    work.kind = WorkClass::Reduction;
    work.units = read * kSoftmaxPasses;
    return work;
  case Kernel::Normalize:
    work.kind = WorkClass::Reduction;
    work.units = read * kNormalizePasses;
    return work;
  case Kernel::Resize:
    work.kind = WorkClass::Interpolation;
    work.units = elements;
    return work;
  case Kernel::Map:
  case Kernel::Move:
  case Kernel::HostCall:
  case Kernel::NONE:
    work.kind = WorkClass::Movement;
    work.units = elements;
    return work;
  }
  return work;
}

const WorkRateT *rateOf(const EngineT &engine, WorkClass work) {
  for (const auto &rate : engine.rates)
    if (rate->work == work)
      return rate.get();
  return nullptr;
}

// Of one unit.
double cyclesAt(const EngineT &engine, WorkClass work, double units, double &overheadUs) {
  const WorkRateT *rate = rateOf(engine, work);
  if (!rate)
    return kNever;
  overheadUs = std::max(overheadUs, rate->overhead_us);
  return units / rate->units_per_cycle;
}

double vectorUs(const EngineT &engine, const Work &work, unsigned units) {
  double overhead = 0;
  double cycles = cyclesAt(engine, work.kind, work.units, overhead);
  if (work.stageUnits > 0)
    cycles +=
        cyclesAt(engine, work.stagesAreCheap ? WorkClass::Arithmetic : WorkClass::Transcendental,
                 work.stageUnits, overhead);
  return overhead + cycles / (engine.clock_mhz * engine.efficiency * std::max(units, 1u));
}

bool runsFree(const EngineT &engine, std::span<const std::unique_ptr<StageT>> stages) {
  return std::ranges::all_of(stages, [&](const auto &stage) {
    return std::ranges::any_of(engine.activations, [&](const std::string &name) {
      return name == EnumNameFunction(stage->function);
    });
  });
}

double convolutionUs(const EngineT &engine, const InstructionT &instruction,
                     const std::vector<std::vector<int64_t>> &inputs,
                     std::span<const int64_t> output, const Work &work) {
  if (!runsFree(engine, instruction.stages))
    return kNever;
  double cycles = kNever, overhead = 0;
  const ContractionT *contraction = instruction.kernel.AsContraction();
  if (instruction.kernel.type == Kernel::Pool) {
    cycles = cyclesAt(engine, WorkClass::Pooling, work.units, overhead);
  } else if (contraction && instruction.mode < engine.modes.size() && output.size() >= 2 &&
             inputs.size() >= 2) {
    const ConvolutionModeT &mode = *engine.modes[instruction.mode];
    if (contraction->product) {
      auto n = static_cast<uint64_t>(output.back());
      cycles =
          convolutionCycles(mode, static_cast<uint64_t>(inputs[0].back()), n, 1, work.elements / n);
    } else {
      auto channels = static_cast<uint64_t>(inputs[0][1]),
           outputs = static_cast<uint64_t>(output[1]);
      auto taps = static_cast<uint64_t>(product(std::span(inputs[1]).subspan(2)));
      uint64_t positions = work.elements / outputs, groups = std::max(contraction->groups, 1u);
      if (work.kind == WorkClass::Depthwise) {
        // The channels of a block at once, with weights that are zero outside the diagonal
        // (openvino, passes/split_hw_depth_convolution.cpp).
        uint64_t block = std::min<uint64_t>(mode.in_block, channels);
        uint64_t multiplier = std::max<uint64_t>(outputs / channels, 1);
        cycles = static_cast<double>(divideUp(channels, block)) *
                 convolutionCycles(mode, block, block * multiplier, taps, positions);
      } else {
        cycles = static_cast<double>(groups) *
                 convolutionCycles(mode, channels / groups, outputs / groups, taps, positions);
      }
    }
  }
  return overhead + cycles / (engine.clock_mhz * engine.efficiency);
}

// Bytes that an operand is read or written with: each element once, repeated ones too.
uint64_t trafficOf(const ViewT &view) {
  uint64_t elements = 1;
  for (size_t i = 0; i < view.dims.size(); ++i)
    if (view.strides[i] != 0)
      elements *= static_cast<uint64_t>(view.dims[i]);
  return (elements * bitsOf(view.type) + 7) / 8;
}

// A transfer goes through both operands in one order of the elements, run by run of consecutive
// bytes on either side.
struct Runs {
  uint64_t count = 1, bytes = 0; // of each

  uint64_t inUnits(uint64_t unit) const { return count * divideUp(bytes, unit); }
};

struct TransferAxis {
  uint64_t extent;
  int64_t from, to; // strides
};

// In the order of the axes, the innermost first.
Runs runsOf(std::span<const TransferAxis> axes, int64_t TransferAxis::*side, unsigned bits) {
  Runs runs;
  uint64_t length = bits == 4 ? 1 : bits / 8; // in units of the strides
  bool isRun = true;
  for (const TransferAxis &axis : axes) {
    isRun = isRun && static_cast<uint64_t>(std::abs(axis.*side)) == length;
    (isRun ? length : runs.count) *= axis.extent;
  }
  runs.bytes = bits == 4 ? (length + 1) / 2 : length;
  return runs;
}

struct Transfer {
  double us = 0;                  // of the engine's bus
  uint64_t read = 0, written = 0; // bytes, whole bursts
};

// The order is that of one side or the other, whichever takes fewer cycles.
Transfer transferOf(const EngineT &engine, const ViewT &from, const ViewT &to, uint64_t fromBurst,
                    uint64_t toBurst) {
  std::vector<TransferAxis> axes;
  for (size_t i = 0; i < to.dims.size(); ++i) {
    size_t missing = to.dims.size() - std::min(from.dims.size(), to.dims.size());
    bool repeats = i < missing || from.dims[i - missing] == 1;
    if (to.dims[i] > 1)
      axes.push_back({static_cast<uint64_t>(to.dims[i]), repeats ? 0 : from.strides[i - missing],
                      to.strides[i]});
  }
  Transfer best;
  uint64_t leastCycles = 0, leastBytes = std::numeric_limits<uint64_t>::max();
  for (auto side : {&TransferAxis::from, &TransferAxis::to}) {
    std::ranges::stable_sort(axes, {},
                             [&](const TransferAxis &axis) { return std::abs(axis.*side); });
    Runs in = runsOf(axes, &TransferAxis::from, bitsOf(from.type)),
         out = runsOf(axes, &TransferAxis::to, bitsOf(to.type));
    uint64_t bus = std::max(engine.bus_bytes, 1u);
    uint64_t cycles = std::max(in.inUnits(bus), out.inUnits(bus));
    uint64_t read = in.inUnits(fromBurst) * fromBurst, written = out.inUnits(toBurst) * toBurst;
    if (leastBytes != std::numeric_limits<uint64_t>::max() &&
        std::pair(cycles, read + written) >= std::pair(leastCycles, leastBytes))
      continue;
    leastCycles = cycles;
    leastBytes = read + written;
    best.us = engine.bus_bytes > 0
                  ? static_cast<double>(cycles) / (engine.clock_mhz * engine.efficiency)
                  : 0;
    best.read = read;
    best.written = written;
  }
  return best;
}

} // namespace

bool isTranscendental(Function function) {
  switch (function) {
  case Function::Sqrt:
  case Function::Reciprocal:
  case Function::Exp:
  case Function::Log:
  case Function::Erf:
  case Function::Sin:
  case Function::Cos:
  case Function::Tanh:
  case Function::Elu:
  case Function::Celu:
  case Function::Selu:
  case Function::Sigmoid:
  case Function::Swish:
  case Function::Mish:
  case Function::Gelu:
  case Function::GeluTanh:
  case Function::Softplus:
  case Function::Softsign:
  case Function::Div:
  case Function::Pow:
    return true;
  default:
    return false;
  }
}

Work workOf(const KernelUnion &kernel, std::span<const std::unique_ptr<StageT>> stages,
            std::span<const std::vector<int64_t>> inputDims, std::span<const int64_t> outputDims) {
  Work work = kernelWork(kernel, inputDims, outputDims);
  bool cheap = std::ranges::none_of(
      stages, [](const auto &stage) { return isTranscendental(stage->function); });
  double units = static_cast<double>(work.elements) * static_cast<double>(stages.size());
  work.stagesAreCheap = cheap;
  if (kernel.type != Kernel::Map) {
    work.stageUnits += units;
  } else if (!stages.empty()) {
    work.kind = cheap ? WorkClass::Arithmetic : WorkClass::Transcendental;
    work.units = units;
  }
  return work;
}

double convolutionCycles(const ConvolutionModeT &mode, uint64_t inChannels, uint64_t outChannels,
                         uint64_t taps, uint64_t positions) {
  double descriptors = static_cast<double>(divideUp(outChannels, mode.out_block));
  double each =
      static_cast<double>(divideUp(inChannels, mode.in_block)) * static_cast<double>(taps) +
      mode.extra_cycles;
  return static_cast<double>(positions) * descriptors * each;
}

Cost costOf(const DeviceT &device, const EngineT &engine, const InstructionT &instruction,
            std::span<const uint32_t> memoryOf) {
  const ScheduledMachineT &machine = *device.scheduled;
  Cost cost;
  bool continues = instruction.continues && engine.tile_us >= 0;
  cost.issueUs = (continues ? engine.tile_us : engine.issue_us) +
                 (instruction.starts_stage ? machine.layer_us : 0);

  std::vector<std::vector<int64_t>> inputs;
  for (const auto &view : instruction.inputs) {
    inputs.push_back(view->dims);
    cost.read[memoryOf[view->buffer]] += trafficOf(*view);
  }
  for (const auto &view : instruction.outputs)
    cost.written[memoryOf[view->buffer]] += trafficOf(*view);
  if (const ContractionT *contraction = instruction.kernel.AsContraction();
      contraction && contraction->carries_in && !instruction.outputs.empty())
    cost.read[memoryOf[instruction.outputs[0]->buffer]] += trafficOf(*instruction.outputs[0]);

  Work work;
  if (!instruction.outputs.empty())
    work = workOf(instruction.kernel, instruction.stages, inputs, instruction.outputs[0]->dims);
  switch (engine.kind) {
  case EngineKind::Convolution:
    cost.computeUs =
        instruction.outputs.empty()
            ? kNever
            : convolutionUs(engine, instruction, inputs, instruction.outputs[0]->dims, work);
    break;
  case EngineKind::Vector:
    cost.computeUs = vectorUs(engine, work, instruction.units);
    break;
  case EngineKind::Transfer:
    // A copy: the memories set its time, and its bus. It moves whole bursts, where vector and
    // convolution engines gather what they need before it leaves.
    if (instruction.kernel.type != Kernel::Map || !instruction.stages.empty() ||
        instruction.inputs.size() != 1 || instruction.outputs.size() != 1) {
      cost.computeUs = kNever;
    } else {
      const ViewT &from = *instruction.inputs[0], &to = *instruction.outputs[0];
      uint32_t source = memoryOf[from.buffer], target = memoryOf[to.buffer];
      Transfer transfer = transferOf(engine, from, to, machine.memories[source]->burst_bytes,
                                     machine.memories[target]->burst_bytes);
      cost.computeUs = transfer.us;
      cost.read = cost.written = {};
      cost.read[source] = transfer.read;
      cost.written[target] = transfer.written;
    }
    break;
  case EngineKind::Host:
    // The way there and back; the host's own time is not the device's.
    cost.computeUs = instruction.kernel.type == Kernel::HostCall ? 0 : kNever;
    if (const HostLinkT *link = device.host_link.get()) {
      uint64_t bytes = 0;
      for (size_t i = 0; i < kMaxMemories; ++i)
        bytes += cost.bytes(i);
      cost.computeUs += 2 * link->latency_us + static_cast<double>(bytes) / (link->gb_s * 1e3);
    }
    break;
  }
  if (engine.bandwidth_gb_s > 0) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < machine.memories.size(); ++i)
      if (machine.memories[i]->slices <= 1)
        bytes += cost.bytes(i);
    cost.computeUs = std::max(cost.computeUs,
                              static_cast<double>(bytes) /
                                  (engine.bandwidth_gb_s * 1e3 * std::max(instruction.units, 1u)));
  }
  cost.macs = work.macs;
  cost.energyPj = static_cast<double>(work.macs) * engine.energy_pj_per_mac +
                  static_cast<double>(work.elements) * engine.energy_pj_per_element;
  for (size_t i = 0; i < machine.memories.size(); ++i)
    cost.energyPj += static_cast<double>(cost.bytes(i)) * machine.memories[i]->energy_pj_per_byte;
  return cost;
}

double aloneUs(const DeviceT &device, const Cost &cost) {
  double work = cost.computeUs;
  const auto &memories = device.scheduled->memories;
  for (size_t i = 0; i < memories.size(); ++i) // 1 GB/s is 10^3 bytes a microsecond
    work = std::max(work, static_cast<double>(cost.bytes(i)) / (memories[i]->bandwidth_gb_s * 1e3));
  return cost.issueUs + work;
}

} // namespace edgecc::emulator
