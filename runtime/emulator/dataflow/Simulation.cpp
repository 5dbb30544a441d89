// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Simulation.h"

#include <algorithm>

namespace edgecc::emulator::dataflow {

int64_t Simulator::RingState::oldest() const {
  return released.empty() ? reserved : *std::ranges::min_element(released);
}

Simulator::Simulator(EventLoop &loop, uint32_t index, const Pipeline &pipeline,
                     const VisitOptions &options)
    : loop_(loop), index_(index), pipeline_(pipeline), options_(options),
      rings_(pipeline.rings.size()), now_(options.startUs) {
  loop.visits.resize(std::max<size_t>(loop.visits.size(), index + 1));
  loop.visits[index] = this;
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

void Simulator::begin() {
  linkReadyUs_ = now_ + pipeline_.linkLatencyUs;
  for (uint32_t i = 0; i < pipeline_.actors.size(); ++i) {
    if (pipeline_.actors[i].kind == ActorKind::Feed)
      push(linkReadyUs_, i, true);
    else
      tryStart(i);
  }
}

Result<void> Simulator::handle(const Event &event) {
  now_ = event.us;
  if (!event.wake)
    return end(event.actor);
  tryStart(event.actor);
  return {};
}

Visit Simulator::take() {
  loop_.visits[index_] = nullptr;
  visit_.endUs = now_;
  for (double us : visit_.frameEndUs)
    visit_.endUs = std::max(visit_.endUs, us);
  for (const ActorState &state : visit_.actors)
    visit_.deadlocked |= state.reason != WaitReason::Finished;
  return std::move(visit_);
}

void Simulator::push(double us, uint32_t actor, bool wake) {
  loop_.events.push({us, index_, actor, wake});
}

uint64_t Simulator::capacity(uint32_t ring) const {
  return options_.capacities.empty() ? pipeline_.rings[ring].capacity : options_.capacities[ring];
}

void Simulator::wait(ActorState &state, WaitReason reason, uint32_t ring, int64_t row) {
  if (state.reason == WaitReason::Nothing)
    state.since = now_;
  state.reason = reason;
  state.waitsFor = ring;
  state.waitsForRow = row;
}

void Simulator::tryStart(uint32_t index) {
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
  if (actor.shared != Shared::None) {
    bool &taken = loop_.taken[static_cast<size_t>(actor.shared)];
    if (taken)
      return wait(state, WaitReason::Turn);
    taken = true;
  }
  start(index, row);
}

void Simulator::start(uint32_t index, int64_t row) {
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
  push(now_ + us, index, false);
}

Result<void> Simulator::end(uint32_t index) {
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
  if (actor.shared != Shared::None)
    passOn(index, actor.shared);
  tryStart(index);
  if (actor.output >= 0)
    for (const Reader &reader : pipeline_.rings[static_cast<size_t>(actor.output)].readers)
      tryStart(reader.actor);
  for (const ActorInput &input : actor.inputs)
    tryStart(pipeline_.rings[input.ring].writer);
  return {};
}

// Row `row` of a frame is done: what only it needed may go.
void Simulator::release(const ActorInput &input, int64_t frame, int64_t row, int64_t rowsOfActor) {
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

void Simulator::endFrame(uint32_t index, unsigned frame) {
  visit_.frames[index].back().endUs = now_;
  double latency = pipeline_.actors[index].kind == ActorKind::Drain ? pipeline_.linkLatencyUs : 0;
  visit_.frameEndUs[frame] = std::max(visit_.frameEndUs[frame], now_ + latency);
  if (frame + 1 == options_.frames) {
    visit_.actors[index].reason = WaitReason::Finished;
    ++finished_;
  }
}

bool Simulator::offer(Shared shared, int64_t after, int64_t last) {
  for (int64_t i = after + 1; i <= last; ++i) {
    auto actor = static_cast<uint32_t>(i);
    if (pipeline_.actors[actor].shared != shared)
      continue;
    tryStart(actor);
    if (loop_.taken[static_cast<size_t>(shared)])
      return true;
  }
  return false;
}

// Whoever waits for it gets it in turn, beginning after the actor that had it.
void Simulator::passOn(uint32_t index, Shared shared) {
  loop_.taken[static_cast<size_t>(shared)] = false;
  if (offer(shared, index, int64_t{actors()} - 1))
    return;
  size_t count = loop_.visits.size();
  for (size_t step = 1; step < count; ++step) {
    Simulator *other = loop_.visits[(index_ + step) % count];
    if (!other)
      continue;
    other->now_ = now_;
    if (other->offer(shared, -1, int64_t{other->actors()} - 1))
      return;
  }
  offer(shared, -1, index);
}

Result<Visit> simulate(const Pipeline &pipeline, const VisitOptions &options) {
  EventLoop loop;
  Simulator simulator(loop, 0, pipeline, options);
  simulator.begin();
  while (!loop.events.empty()) {
    Event event = loop.events.top();
    loop.events.pop();
    if (auto handled = simulator.handle(event); !handled)
      return tl::unexpected(handled.error());
  }
  return simulator.take();
}

} // namespace edgecc::emulator::dataflow
