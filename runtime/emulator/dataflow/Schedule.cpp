// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Schedule.h"

#include "runtime/emulator/dataflow/Storage.h"

#include <algorithm>
#include <cmath>

namespace edgecc::emulator::dataflow {

Result<Scheduler> Scheduler::make(const ProgramT &program) {
  Scheduler scheduler(program);
  for (size_t i = 0; i < program.dataflow->contexts.size(); ++i) {
    auto pipeline = makePipeline(program, i);
    if (!pipeline)
      return tl::unexpected(pipeline.error());
    scheduler.pipelines_.push_back(std::move(*pipeline));
  }
  return scheduler;
}

double Scheduler::switchUs(size_t context) const {
  if (pipelines_.size() < 2)
    return 0;
  const DataflowMachineT &machine = *program_->device->dataflow;
  return machine.context_switch_us +
         static_cast<double>(pipelines_[context]->weightBytes) / (machine.configuration_gb_s * 1e3);
}

Result<void> Scheduler::callHost(const HostStepT &step, unsigned frame, Storage &storage,
                                 const HostFunction &host) {
  if (!host)
    return fault(FaultKind::HostFailure, "the program has host parts, and nothing to run them",
                 static_cast<int>(step.layer));
  std::vector<std::span<const std::byte>> inputs;
  std::vector<std::span<std::byte>> outputs;
  for (const HostTensor &tensor : step.inputs)
    inputs.push_back(storage.read(tensor, frame));
  for (const HostTensor &tensor : step.outputs)
    outputs.push_back(storage.write(tensor, frame));
  return host(step.part, inputs, outputs);
}

// A program without device work.
Result<Schedule> Scheduler::runOnHost(unsigned frames, Storage *storage,
                                      const HostFunction &host) const {
  Schedule schedule;
  for (unsigned frame = 0; frame < frames; ++frame) {
    for (const auto &step : program_->dataflow->host_steps) {
      if (storage)
        if (auto called = callHost(*step, frame, *storage, host); !called)
          return tl::unexpected(called.error());
      schedule.endUs += hostUs(*program_->device, step->macs, step->elements);
    }
    schedule.frameEndUs.push_back(schedule.endUs);
  }
  return schedule;
}

Result<Schedule> Scheduler::run(unsigned frames, Storage *storage, const HostFunction &host) const {
  if (pipelines_.empty())
    return runOnHost(frames, storage, host);
  Schedule schedule;
  unsigned most = pipelines_.size() == 1 ? frames : batch();
  for (unsigned done = 0; done < frames;) {
    unsigned now = std::min(most, frames - done);
    for (size_t context = 0; context < pipelines_.size(); ++context) {
      const Pipeline &pipeline = *pipelines_[context];
      ContextVisit visit{.context = context, .frames = now, .switchUs = switchUs(context)};
      visit.startUs = schedule.endUs + visit.switchUs;
      VisitOptions options{.frames = now, .startUs = visit.startUs};
      if (storage)
        options.done = [&](const Actor &actor, unsigned frame, int64_t row) -> Result<void> {
          if (actor.kind == ActorKind::Host)
            return callHost(*program_->dataflow->host_steps[actor.index], frame, *storage, host);
          storage->apply(pipeline, actor, frame, row);
          return {};
        };
      auto simulated = simulate(pipeline, options);
      if (!simulated)
        return tl::unexpected(simulated.error());
      if (simulated->deadlocked)
        return tl::unexpected(explainDeadlock(pipeline, options, *simulated));
      schedule.endUs = simulated->endUs;
      visit.visit = std::move(*simulated);
      schedule.visits.push_back(std::move(visit));
    }
    const std::vector<double> &ends = schedule.visits.back().visit.frameEndUs;
    schedule.frameEndUs.insert(schedule.frameEndUs.end(), ends.begin(), ends.end());
    done += now;
  }
  return schedule;
}

Result<Schedule> Scheduler::settle(double &fps) const {
  constexpr double kSettled = 1e-3; // relative change of the rate
  constexpr unsigned kMaxFrames = 256;
  constexpr int64_t kMaxRows = 1 << 24;
  if (pipelines_.size() != 1) {
    auto schedule = run(batch(), nullptr, {});
    if (schedule)
      fps = schedule->endUs > 0 ? batch() * 1e6 / schedule->endUs : 0;
    return schedule;
  }
  int64_t rows = 1;
  for (const Ring &ring : pipelines_[0]->rings)
    rows += ring.shape.rows;
  // Rings fill in the first frames and empty in the last ones: the frames between them count.
  double before = 0;
  for (unsigned frames = 8;; frames *= 2) {
    auto schedule = run(frames, nullptr, {});
    if (!schedule)
      return schedule;
    const auto &ends = schedule->frameEndUs;
    double us = ends[frames / 4 * 3] - ends[frames / 4];
    fps = us > 0 ? frames / 2 * 1e6 / us : 0;
    if (std::abs(fps - before) <= kSettled * fps || frames >= kMaxFrames ||
        rows * frames * 2 > kMaxRows)
      return schedule;
    before = fps;
  }
}

} // namespace edgecc::emulator::dataflow
