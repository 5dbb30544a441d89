// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Together.h"

#include "runtime/emulator/dataflow/Schedule.h"

#include <algorithm>
#include <cmath>

namespace edgecc::emulator {

using namespace dataflow;

namespace {

constexpr uint32_t kLoaded = UINT32_MAX; // instead of an actor: the weights of a context are there

// One program: its contexts in turn, batch after batch.
class Tenant {
public:
  Tenant(EventLoop &loop, uint32_t index, const Scheduler &scheduler, unsigned frames)
      : loop_(loop), index_(index), scheduler_(scheduler), frames_(frames) {}

  bool isDone() const { return ends_.size() >= frames_; }
  bool isStreaming() const { return scheduler_.contexts() == 1; }
  const std::vector<double> &ends() const { return ends_; }
  const std::vector<double> &starts() const { return starts_; }
  const std::array<double, kSharedCount> &busyUs() const { return busyUs_; }
  double loadingUs() const { return loadingUs_; }
  unsigned group() const { return isStreaming() ? 1 : scheduler_.batch(); }

  // Begins the next context; `loaderFreeUs`: when the last load of any program ends.
  void next(double us, double &loaderFreeUs) {
    double load = scheduler_.switchUs(context_);
    if (load == 0)
      return visit(us);
    loaderFreeUs = std::max(loaderFreeUs, us) + load;
    loadingUs_ += load;
    loop_.events.push({loaderFreeUs, index_, kLoaded});
  }

  void visit(double us) {
    unsigned left = frames_ - static_cast<unsigned>(ends_.size());
    options_ = {.frames = isStreaming() ? frames_ : std::min(left, scheduler_.batch()),
                .startUs = us};
    simulator_.emplace(loop_, index_, scheduler_.pipeline(context_), options_);
    simulator_->begin();
  }

  // Whether the visit ended with this event.
  bool handle(const Event &event) {
    (void)simulator_->handle(event); // computes nothing, so that nothing fails
    if (!simulator_->hasEnded())
      return false;
    Visit visit = simulator_->take();
    const Pipeline &pipeline = scheduler_.pipeline(context_);
    if (context_ == 0)
      for (unsigned frame = 0; frame < options_.frames; ++frame)
        starts_.push_back(startOf(visit, pipeline, frame));
    for (size_t i = 0; i < pipeline.actors.size(); ++i)
      if (Shared shared = pipeline.actors[i].shared; shared != Shared::None)
        busyUs_[static_cast<size_t>(shared)] += visit.actors[i].busyUs;
    context_ = (context_ + 1) % scheduler_.contexts();
    if (context_ == 0)
      ends_.insert(ends_.end(), visit.frameEndUs.begin(), visit.frameEndUs.end());
    return true;
  }

  Fault deadlock() {
    Visit visit = simulator_->take();
    return explainDeadlock(scheduler_.pipeline(context_), options_, visit);
  }

private:
  static double startOf(const Visit &visit, const Pipeline &pipeline, unsigned frame) {
    double us = visit.frameEndUs[frame];
    for (size_t i = 0; i < pipeline.actors.size(); ++i)
      us = std::min(us, visit.frames[i][frame].startUs);
    return us;
  }

  EventLoop &loop_;
  uint32_t index_;
  const Scheduler &scheduler_;
  unsigned frames_;
  size_t context_ = 0;
  VisitOptions options_;
  std::optional<Simulator> simulator_;
  std::vector<double> starts_, ends_; // of frames
  std::array<double, kSharedCount> busyUs_{};
  double loadingUs_ = 0;
};

// Frames of each program, so that all of them have much to do for about as long.
Result<std::vector<unsigned>> framesOf(std::span<const Scheduler> schedulers) {
  constexpr unsigned kFrames = 48, kBatches = 6, kMostFrames = 4096;
  constexpr int64_t kMostRows = 1 << 22;
  std::vector<double> rates;
  double horizonUs = 0;
  for (const Scheduler &scheduler : schedulers) {
    double fps = 0;
    auto alone = scheduler.settle(fps);
    if (!alone)
      return tl::unexpected(alone.error());
    rates.push_back(std::max(fps, 1e-3));
    unsigned least = scheduler.contexts() == 1 ? kFrames : kBatches * scheduler.batch();
    horizonUs = std::max(horizonUs, least * 1e6 / rates.back());
  }
  std::vector<unsigned> frames;
  for (size_t i = 0; i < schedulers.size(); ++i) {
    const Scheduler &scheduler = schedulers[i];
    int64_t rows = 1;
    for (size_t context = 0; context < scheduler.contexts(); ++context)
      for (const Ring &ring : scheduler.pipeline(context).rings)
        rows += ring.shape.rows;
    unsigned group = scheduler.contexts() == 1 ? 1 : scheduler.batch();
    double wanted = std::ceil(horizonUs * rates[i] / 1e6 / group) * group;
    double most = std::max<double>(std::min<double>(kMostFrames, kMostRows / rows), 4 * group);
    frames.push_back(static_cast<unsigned>(std::min(wanted, most)));
  }
  return frames;
}

// Rate and latency in the middle half of the time until `endUs`, when rings neither fill nor empty;
// whole batches.
TogetherUse useOf(const Tenant &tenant, double endUs) {
  TogetherUse use;
  const auto &ends = tenant.ends();
  size_t group = tenant.group(), first = group - 1, last = group - 1;
  for (size_t i = group - 1; i < ends.size(); i += group) {
    if (ends[i] < endUs / 4)
      first = i;
    if (ends[i] <= endUs * 3 / 4)
      last = i;
  }
  if (last <= first) // too slow for that: since the beginning
    first = SIZE_MAX;
  size_t from = first == SIZE_MAX ? 0 : first + 1;
  double us = ends[last] - (from == 0 ? 0 : ends[first]);
  use.fps = us > 0 ? static_cast<double>(last + 1 - from) * 1e6 / us : 0;
  for (size_t i = from; i <= last; ++i)
    use.latencyUs += (ends[i] - tenant.starts()[i]) / static_cast<double>(last + 1 - from);
  return use;
}

} // namespace

Result<TogetherReport> measureTogether(std::span<const ProgramT *const> programs) {
  std::vector<Scheduler> schedulers;
  for (const ProgramT *program : programs) {
    if (!program->dataflow || program->dataflow->contexts.empty())
      return fault(FaultKind::BadInput, "a program does nothing on a dataflow device");
    auto scheduler = Scheduler::make(*program);
    if (!scheduler)
      return tl::unexpected(scheduler.error());
    schedulers.push_back(std::move(*scheduler));
  }
  auto frames = framesOf(schedulers);
  if (!frames)
    return tl::unexpected(frames.error());
  EventLoop loop;
  loop.visits.resize(programs.size());
  std::vector<Tenant> tenants;
  for (uint32_t i = 0; i < programs.size(); ++i)
    tenants.emplace_back(loop, i, schedulers[i], (*frames)[i]);
  double loaderFreeUs = 0, endUs = 0;
  for (Tenant &tenant : tenants)
    tenant.next(0, loaderFreeUs);
  while (!loop.events.empty()) {
    Event event = loop.events.top();
    loop.events.pop();
    Tenant &tenant = tenants[event.visit];
    if (event.actor == kLoaded) {
      tenant.visit(event.us);
    } else if (tenant.handle(event)) {
      if (!tenant.isDone())
        tenant.next(event.us, loaderFreeUs);
      else if (endUs == 0)
        endUs = event.us; // from here on it is easier for the others
    }
  }
  TogetherReport report;
  for (Tenant &tenant : tenants)
    if (!tenant.isDone())
      return tl::unexpected(tenant.deadlock());
  double allUs = 0;
  for (const Tenant &tenant : tenants) {
    report.programs.push_back(useOf(tenant, endUs));
    allUs = std::max(allUs, tenant.ends().back());
  }
  for (const Tenant &tenant : tenants) {
    const auto &busy = tenant.busyUs();
    report.linkInBusy += busy[static_cast<size_t>(Shared::LinkIn)] / allUs;
    report.linkOutBusy += busy[static_cast<size_t>(Shared::LinkOut)] / allUs;
    report.hostBusy += busy[static_cast<size_t>(Shared::Host)] / allUs;
    report.loadingBusy += tenant.loadingUs() / allUs;
  }
  return report;
}

} // namespace edgecc::emulator
