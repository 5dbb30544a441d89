// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Cost.h"

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
    work.stageUnits = units;
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
  cost.issueUs = engine.issue_us + (instruction.starts_stage ? machine.layer_us : 0);

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
    // A copy; the memories and the engine's own bandwidth set its time.
    cost.computeUs =
        instruction.kernel.type == Kernel::Map && instruction.stages.empty() ? 0 : kNever;
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
