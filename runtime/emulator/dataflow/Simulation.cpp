// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Simulation.h"

#include <algorithm>
#include <limits>
#include <queue>

namespace edgecc::emulator::dataflow {

namespace {

struct Event {
  double us;
  uint32_t actor;    // whose row ends
  bool wake = false; // it has none yet: the link's latency is over
  // Equal times in the order of the actors, so that every run is the same.
  bool operator>(const Event &other) const {
    return us != other.us ? us > other.us : actor > other.actor;
  }
};

struct RingState {
  int64_t reserved = 0, produced = 0; // rows, counted over all frames
  std::vector<int64_t> released;      // by each reader

  // A ring without readers never fills.
  int64_t oldest() const {
    return released.empty() ? reserved : *std::ranges::min_element(released);
  }
};

class Simulator {
public:
  Simulator(const Pipeline &pipeline, const VisitOptions &options)
      : pipeline_(pipeline), options_(options), rings_(pipeline.rings.size()),
        now_(options.startUs) {
    visit_.actors.resize(pipeline.actors.size());
    visit_.peaks.resize(rings_.size());
    visit_.frames.resize(pipeline.actors.size());
    visit_.frameEndUs.resize(options.frames, options.startUs);
    for (size_t i = 0; i < rings_.size(); ++i)
      rings_[i].released.resize(pipeline.rings[i].readers.size());
    for (const Actor &actor : pipeline.actors)
      for (const ActorInput &input : actor.inputs)
        if (input.demand)
          rings_[input.ring].released[input.reader] = input.demand->released[0];
  }

  Result<Visit> run() {
    linkReadyUs_ = now_ + pipeline_.linkLatencyUs;
    for (uint32_t i = 0; i < pipeline_.actors.size(); ++i) {
      if (pipeline_.actors[i].kind == ActorKind::Feed)
        events_.push({linkReadyUs_, i, true});
      else
        tryStart(i);
    }
    while (!events_.empty()) {
      Event event = events_.top();
      events_.pop();
      now_ = event.us;
      if (event.wake)
        tryStart(event.actor);
      else if (auto ended = end(event.actor); !ended)
        return tl::unexpected(ended.error());
    }
    visit_.endUs = now_;
    for (double us : visit_.frameEndUs)
      visit_.endUs = std::max(visit_.endUs, us);
    for (const ActorState &state : visit_.actors)
      visit_.deadlocked |= state.reason != WaitReason::Finished;
    return std::move(visit_);
  }

private:
  uint64_t capacity(uint32_t ring) const {
    return options_.capacities.empty() ? pipeline_.rings[ring].capacity : options_.capacities[ring];
  }

  void wait(ActorState &state, WaitReason reason, uint32_t ring = 0, int64_t row = 0) {
    if (state.reason == WaitReason::Nothing)
      state.since = now_;
    state.reason = reason;
    state.waitsFor = ring;
    state.waitsForRow = row;
  }

  void tryStart(uint32_t index) {
    const Actor &actor = pipeline_.actors[index];
    ActorState &state = visit_.actors[index];
    if (state.busy || state.reason == WaitReason::Finished ||
        (actor.kind == ActorKind::Feed && now_ < linkReadyUs_))
      return;
    int64_t frame = state.row / actor.rows, row = state.row % actor.rows;
    for (const ActorInput &input : actor.inputs) {
      int64_t rows = pipeline_.rings[input.ring].shape.rows;
      int64_t needed =
          frame * rows + (input.demand ? input.demand->arrived[static_cast<size_t>(row)] : row + 1);
      if (rings_[input.ring].produced < needed)
        return wait(state, WaitReason::Rows, input.ring, needed - 1);
    }
    if (actor.output >= 0) {
      auto ring = static_cast<uint32_t>(actor.output);
      RingState &to = rings_[ring];
      if (to.reserved - to.oldest() >= static_cast<int64_t>(capacity(ring)))
        return wait(state, WaitReason::Room, ring, state.row);
    }
    if (actor.link != LinkSide::None) {
      bool &taken = linkTaken_[static_cast<size_t>(actor.link)];
      if (taken)
        return wait(state, WaitReason::Link);
      taken = true;
    }
    start(index, row);
  }

  void start(uint32_t index, int64_t row) {
    const Actor &actor = pipeline_.actors[index];
    ActorState &state = visit_.actors[index];
    if (state.reason != WaitReason::Nothing && row > 0)
      state.stalledUs += now_ - state.since;
    state.reason = WaitReason::Nothing;
    state.busy = true;
    if (row == 0)
      visit_.frames[index].push_back({now_, now_});
    if (actor.output >= 0) {
      RingState &to = rings_[static_cast<size_t>(actor.output)];
      ++to.reserved;
      uint64_t &peak = visit_.peaks[static_cast<size_t>(actor.output)];
      peak = std::max(peak, static_cast<uint64_t>(std::max<int64_t>(0, to.reserved - to.oldest())));
    }
    double us = actor.durationUs(row);
    state.busyUs += us;
    events_.push({now_ + us, index});
  }

  Result<void> end(uint32_t index) {
    const Actor &actor = pipeline_.actors[index];
    ActorState &state = visit_.actors[index];
    int64_t frame = state.row / actor.rows, row = state.row % actor.rows;
    if (options_.done)
      if (auto done = options_.done(actor, static_cast<unsigned>(frame), row); !done)
        return done;
    state.busy = false;
    ++state.row;
    if (actor.output >= 0)
      ++rings_[static_cast<size_t>(actor.output)].produced;
    for (const ActorInput &input : actor.inputs)
      release(input, frame, row, actor.rows);
    if (row + 1 == actor.rows)
      endFrame(index, static_cast<unsigned>(frame));
    if (actor.link != LinkSide::None)
      passLink(index, actor.link);
    tryStart(index);
    if (actor.output >= 0)
      for (const Reader &reader : pipeline_.rings[static_cast<size_t>(actor.output)].readers)
        tryStart(reader.actor);
    for (const ActorInput &input : actor.inputs)
      tryStart(pipeline_.rings[input.ring].writer);
    return {};
  }

  // Row `row` of a frame is done: what only it needed may go.
  void release(const ActorInput &input, int64_t frame, int64_t row, int64_t rowsOfActor) {
    int64_t rows = pipeline_.rings[input.ring].shape.rows;
    int64_t &released = rings_[input.ring].released[input.reader];
    if (!input.demand) {
      released = frame * rows + row + 1;
      return;
    }
    bool lastRow = row + 1 == rowsOfActor;
    released = lastRow ? (frame + 1) * rows + input.demand->released[0]
                       : frame * rows + input.demand->released[static_cast<size_t>(row) + 1];
  }

  void endFrame(uint32_t index, unsigned frame) {
    visit_.frames[index].back().endUs = now_;
    double latency = pipeline_.actors[index].kind == ActorKind::Drain ? pipeline_.linkLatencyUs : 0;
    visit_.frameEndUs[frame] = std::max(visit_.frameEndUs[frame], now_ + latency);
    if (frame + 1 == options_.frames)
      visit_.actors[index].reason = WaitReason::Finished;
  }

  // Whoever waits for the link gets it in turn, beginning after the actor that had it.
  void passLink(uint32_t index, LinkSide side) {
    linkTaken_[static_cast<size_t>(side)] = false;
    auto count = static_cast<uint32_t>(pipeline_.actors.size());
    for (uint32_t step = 1; step <= count; ++step) {
      uint32_t other = (index + step) % count;
      if (pipeline_.actors[other].link == side) {
        tryStart(other);
        if (linkTaken_[static_cast<size_t>(side)])
          return;
      }
    }
  }

  const Pipeline &pipeline_;
  const VisitOptions &options_;
  std::vector<RingState> rings_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::array<bool, 2> linkTaken_{};
  double now_, linkReadyUs_ = 0;
  Visit visit_;
};

} // namespace

Result<Visit> simulate(const Pipeline &pipeline, const VisitOptions &options) {
  return Simulator(pipeline, options).run();
}

} // namespace edgecc::emulator::dataflow
