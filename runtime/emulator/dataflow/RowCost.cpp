// SPDX-License-Identifier: Apache-2.0
//
// cycles = overhead + max(units / rate, stage units / rate of their class),
// rate = sub-clusters x macs_per_cycle x fraction(class) x fraction(precision).
// Layer cycles = MACs / (sub-clusters x 64 x efficiency) is the published rule of thumb for the
// vendor's own allocations (published with its model zoo); the overhead stands for filling and
// draining the line of multipliers with each row. Stages work on what leaves the accumulators while
// the next elements are summed: the slower of both counts.
#include "runtime/emulator/Cost.h"

#include <algorithm>
#include <limits>

namespace edgecc::emulator {

namespace {

const WorkFractionT *fractionOf(const DataflowMachineT &machine, WorkClass work) {
  for (const auto &entry : machine.work)
    if (entry->work == work)
      return entry.get();
  return nullptr;
}

// The entry with the fewest bits that are enough, both sides counted; null if none is.
const PrecisionRateT *precisionOf(const DataflowMachineT &machine, unsigned activationBits,
                                  unsigned weightBits) {
  const PrecisionRateT *best = nullptr;
  for (const auto &entry : machine.precisions)
    if (entry->activation_bits >= activationBits && entry->weight_bits >= weightBits &&
        (!best ||
         entry->activation_bits + entry->weight_bits < best->activation_bits + best->weight_bits))
      best = entry.get();
  return best;
}

} // namespace

double hostUs(const DeviceT &device, uint64_t macs, uint64_t elements) {
  const HostProcessorT *host = device.host.get();
  if (!host)
    return 0;
  return host->call_us + static_cast<double>(macs) / (host->gmacs_s * 1e3) +
         static_cast<double>(elements) / (host->gelements_s * 1e3);
}

unsigned layersOf(const DataflowMachineT &machine, const KernelUnion &kernel) {
  return kernel.type == Kernel::Softmax     ? machine.softmax_layers
         : kernel.type == Kernel::Normalize ? machine.normalization_layers
                                            : 1;
}

double rowCycles(const DataflowMachineT &machine, const Work &row, unsigned activationBits,
                 unsigned weightBits, double subClusters) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const WorkFractionT *work = fractionOf(machine, row.kind);
  const PrecisionRateT *precision = precisionOf(machine, activationBits, weightBits);
  if (!work || !precision)
    return kNever;
  double lanes = machine.macs_per_cycle * (work->needs_sub_clusters ? subClusters : 1);
  double cycles = row.units / (lanes * work->fraction * precision->fraction);
  if (row.stageUnits > 0) {
    const WorkFractionT *stages =
        fractionOf(machine, row.stagesAreCheap ? WorkClass::Arithmetic : WorkClass::Transcendental);
    if (!stages)
      return kNever;
    cycles = std::max(cycles, row.stageUnits / (lanes * stages->fraction));
  }
  return machine.row_overhead_cycles + cycles;
}

} // namespace edgecc::emulator
