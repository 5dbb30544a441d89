// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/scheduled/Scheduled.h"

#include "runtime/emulator/scheduled/Hazards.h"
#include "runtime/emulator/scheduled/Image.h"
#include "runtime/emulator/scheduled/Report.h"

#include <algorithm>

namespace edgecc::emulator {

namespace {

// Frames of each stream after which the rate has settled.
constexpr unsigned kSettled = 6;

struct Prepared {
  Order order;
  std::vector<Cost> costs;
};

Result<Prepared> prepare(const ProgramT &program, bool checks) {
  auto order = orderOf(program);
  if (!order)
    return tl::unexpected(order.error());
  auto costs = costsOf(program);
  if (!costs)
    return tl::unexpected(costs.error());
  if (checks)
    if (auto checked = checkHazards(program, *order); !checked)
      return tl::unexpected(checked.error());
  return Prepared{std::move(*order), std::move(*costs)};
}

RunReport time(const ProgramT &program, const Prepared &prepared, unsigned streams, unsigned frames,
               bool timeline) {
  double latency = 0;
  std::vector<Execution> alone(program.scheduled->instructions.size()), all;
  simulateScheduled(program, prepared.order, prepared.costs, 1, 1, 0,
                    [&](const Execution &execution) {
                      alone[execution.instruction] = execution;
                      latency = execution.endUs;
                      return true;
                    });
  auto together = simulateScheduled(program, prepared.order, prepared.costs, streams, frames,
                                    latency / streams, [&](const Execution &execution) {
                                      if (timeline)
                                        all.push_back(execution);
                                      return true;
                                    });
  RunReport report = reportOf(program, prepared.costs, alone, together, streams, frames, timeline);
  if (timeline)
    report.timeline = spansOf(program, all, streams);
  return report;
}

} // namespace

Result<RunReport> runScheduled(const ProgramT &program, std::span<const std::byte> weights,
                               const HostFunction &host,
                               std::span<const std::span<const std::byte>> inputs,
                               std::span<const std::span<std::byte>> outputs,
                               const RunOptions &options) {
  auto prepared = prepare(program, options.checks);
  if (!prepared)
    return tl::unexpected(prepared.error());
  unsigned streams = options.streams ? options.streams : program.scheduled->streams;
  unsigned frames = std::max(options.frames, 1u);
  std::optional<NonFinite> nonFinite;
  if (options.numerics) {
    // As many streams as have a frame; each holds memories of its own.
    unsigned used = std::min(streams, frames);
    std::vector<Image> images;
    for (unsigned s = 0; s < used; ++s) {
      images.emplace_back(program, weights);
      if (auto set = images.back().setInputs(inputs); !set)
        return tl::unexpected(set.error());
    }
    Result<void> done;
    std::vector<uint32_t> left(used, static_cast<uint32_t>(program.scheduled->instructions.size()));
    simulateScheduled(program, prepared->order, prepared->costs, used, (frames + used - 1) / used,
                      0, [&](const Execution &execution) {
                        Image &image = images[execution.stream];
                        done = image.execute(execution.instruction, host);
                        if (done && --left[execution.stream] == 0) {
                          left[execution.stream] =
                              static_cast<uint32_t>(program.scheduled->instructions.size());
                          done = image.getOutputs(outputs);
                          if (done)
                            done = image.setInputs(inputs); // of the next frame
                        }
                        return done.has_value();
                      });
    if (!done)
      return tl::unexpected(done.error());
    nonFinite = images.front().nonFinite();
  }
  RunReport report =
      time(program, *prepared, streams, frames > 1 ? (frames + streams - 1) / streams : kSettled,
           options.timeline);
  report.nonFinite = nonFinite;
  return report;
}

Result<RunReport> measureScheduled(const ProgramT &program, bool timeline) {
  auto prepared = prepare(program, false);
  if (!prepared)
    return tl::unexpected(prepared.error());
  return time(program, *prepared, program.scheduled->streams, kSettled, timeline);
}

} // namespace edgecc::emulator
