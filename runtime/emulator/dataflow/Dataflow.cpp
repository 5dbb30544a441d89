// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Dataflow.h"

#include "runtime/emulator/dataflow/Report.h"
#include "runtime/emulator/dataflow/Storage.h"

namespace edgecc::emulator {

using namespace dataflow;

namespace {

Result<RunReport> report(const Scheduler &scheduler, Schedule *steadyOut = nullptr) {
  auto first = scheduler.run(1, nullptr, {});
  if (!first)
    return tl::unexpected(first.error());
  double fps = 0;
  auto steady = scheduler.settle(fps);
  if (!steady)
    return tl::unexpected(steady.error());
  RunReport result = reportOf(scheduler, *first, *steady, fps);
  if (steadyOut)
    *steadyOut = std::move(*steady);
  return result;
}

} // namespace

Result<RunReport> runDataflow(const ProgramT &program, std::span<const std::byte> weights,
                              const HostFunction &host,
                              std::span<const std::span<const std::byte>> inputs,
                              std::span<const std::span<std::byte>> outputs,
                              const RunOptions &options) {
  constexpr unsigned kMaxFrames = 1 << 16;
  if (options.frames < 1 || options.frames > kMaxFrames)
    return fault(FaultKind::BadInput, "the number of frames is not between 1 and 65536");
  auto scheduler = Scheduler::make(program);
  if (!scheduler)
    return tl::unexpected(scheduler.error());
  std::optional<Storage> storage;
  if (options.numerics) {
    unsigned kept =
        std::min(options.frames,
                 program.dataflow->contexts.size() > 1 ? program.dataflow->batch : kHostFrames);
    auto made = Storage::make(program, weights, inputs, outputs, kept);
    if (!made)
      return tl::unexpected(made.error());
    storage = std::move(*made);
  }
  auto schedule = scheduler->run(options.frames, storage ? &*storage : nullptr, host);
  if (!schedule)
    return tl::unexpected(schedule.error());
  auto result = report(*scheduler);
  if (result && options.timeline)
    result->timeline = timelineOf(*scheduler, *schedule);
  return result;
}

Result<RunReport> measureDataflow(const ProgramT &program, bool timeline) {
  auto scheduler = Scheduler::make(program);
  if (!scheduler)
    return tl::unexpected(scheduler.error());
  Schedule steady;
  auto result = report(*scheduler, &steady);
  if (result && timeline)
    result->timeline = timelineOf(*scheduler, steady);
  return result;
}

} // namespace edgecc::emulator
