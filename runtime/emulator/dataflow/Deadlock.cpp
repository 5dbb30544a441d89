// SPDX-License-Identifier: Apache-2.0
//
// Whoever cannot go on waits for rows, and so for the ring's writer, or for room, and so for the
// reader that is furthest behind. Following that from any actor ends in a cycle: its rings are too
// small. With other rings unlimited, more room never delays anybody (the network is a marked
// graph), so the least capacity that would do can be found by bisection.
#include "runtime/emulator/dataflow/Simulation.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::emulator::dataflow {

namespace {

class Explainer {
public:
  Explainer(const Pipeline &pipeline, const VisitOptions &options, const Visit &visit)
      : pipeline_(pipeline), visit_(visit), capacities_(options.capacities) {
    if (capacities_.empty())
      for (const Ring &ring : pipeline.rings)
        capacities_.push_back(ring.capacity);
    timing_.frames = options.frames;
  }

  Fault run() {
    std::vector<uint32_t> cycle = cycleOf(visit_);
    std::string text = fmt::format("context {}: deadlock.", pipeline_.context);
    for (uint32_t actor : cycle)
      text += " " + sentence(actor);
    if (std::string advice = adviceFor(); !advice.empty())
      text += " " + advice;
    int layer = -1;
    for (uint32_t actor : cycle)
      layer = layer < 0 ? pipeline_.actors[actor].layer : layer;
    return {FaultKind::Deadlock, text, layer};
  }

private:
  std::string nameOf(uint32_t ring) const {
    return fmt::format("'{}'", pipeline_.rings[ring].name);
  }
  std::string actorName(uint32_t index) const {
    const Actor &actor = pipeline_.actors[index];
    switch (actor.kind) {
    case ActorKind::Feed:
      return fmt::format("the host's transfer of '{}'", actor.name);
    case ActorKind::Drain:
      return fmt::format("the transfer of '{}' to the host", actor.name);
    case ActorKind::Host:
      return fmt::format("the host with '{}'", actor.name);
    case ActorKind::Node:
      break;
    }
    return fmt::format("'{}'", actor.name);
  }

  // The reader that holds the oldest row of a ring.
  uint32_t slowestReader(const Visit &visit, uint32_t ring) const {
    const auto &readers = pipeline_.rings[ring].readers;
    auto position = [&](const Reader &reader) {
      const Actor &actor = pipeline_.actors[reader.actor];
      int64_t rows = pipeline_.rings[ring].shape.rows;
      int64_t done = visit.actors[reader.actor].row;
      int64_t frame = done / actor.rows, row = done % actor.rows;
      const RowDemand *demand = actor.inputs[reader.input].demand;
      return frame * rows + (demand ? demand->released[static_cast<size_t>(row)] : row);
    };
    return std::ranges::min_element(readers, {}, position)->actor;
  }

  uint32_t blockerOf(const Visit &visit, uint32_t actor) const {
    const ActorState &state = visit.actors[actor];
    return state.reason == WaitReason::Room ? slowestReader(visit, state.waitsFor)
                                            : pipeline_.rings[state.waitsFor].writer;
  }

  // The actors of a cycle, each waiting for the next.
  std::vector<uint32_t> cycleOf(const Visit &visit) const {
    auto blocked = std::ranges::find_if(visit.actors, [](const ActorState &state) {
      return state.reason == WaitReason::Rows || state.reason == WaitReason::Room;
    });
    auto at = static_cast<uint32_t>(blocked - visit.actors.begin());
    std::vector<size_t> seenAt(visit.actors.size(), SIZE_MAX);
    std::vector<uint32_t> path;
    while (seenAt[at] == SIZE_MAX) {
      seenAt[at] = path.size();
      path.push_back(at);
      at = blockerOf(visit, at);
    }
    path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(seenAt[at]));
    return path;
  }

  std::string sentence(uint32_t index) const {
    const ActorState &state = visit_.actors[index];
    int64_t rows = pipeline_.rings[state.waitsFor].shape.rows;
    uint32_t blocker = blockerOf(visit_, index);
    std::string who = actorName(index);
    who[0] = static_cast<char>(who[0] == 't' ? 'T' : who[0]);
    if (state.reason == WaitReason::Room)
      return fmt::format("{} waits for room in {} ({} rows), which {} still reads.", who,
                         nameOf(state.waitsFor), pipeline_.rings[state.waitsFor].capacity,
                         actorName(blocker));
    return fmt::format("{} waits for row {} of frame {} of {} from {}.", who,
                       state.waitsForRow % rows, state.waitsForRow / rows, nameOf(state.waitsFor),
                       actorName(blocker));
  }

  bool works(std::vector<uint64_t> capacities, Visit *visit = nullptr) {
    timing_.capacities = std::move(capacities);
    auto tried = simulate(pipeline_, timing_); // cannot fault: computes nothing
    if (visit)
      *visit = std::move(*tried);
    return visit ? !visit->deadlocked : !tried->deadlocked;
  }

  // Frees the full rings of one cycle after the other until the run gets through, then shrinks
  // them.
  std::string adviceFor() {
    int64_t rows = 0;
    for (const Ring &ring : pipeline_.rings)
      rows += ring.shape.rows;
    constexpr int64_t kMaxRowsToSearch = 1 << 18;
    if (rows * timing_.frames > kMaxRowsToSearch)
      return {};
    std::vector<uint32_t> freed;
    std::vector<uint64_t> capacities = capacities_;
    Visit visit = visit_;
    for (size_t attempt = 0; visit.deadlocked && attempt < kMaxFreed; ++attempt) {
      size_t before = freed.size();
      for (uint32_t actor : cycleOf(visit))
        if (visit.actors[actor].reason == WaitReason::Room) {
          uint32_t ring = visit.actors[actor].waitsFor;
          freed.push_back(ring);
          capacities[ring] = unlimited(ring);
        }
      if (freed.size() == before) // nodes that wait for each other's rows: no capacity helps
        return "No capacity would do: these layers need each other's results.";
      works(capacities, &visit);
    }
    if (visit.deadlocked)
      return {};
    std::string advice;
    for (uint32_t ring : freed) {
      uint64_t low = capacities_[ring] + 1, high = unlimited(ring);
      while (low < high) {
        capacities[ring] = low + (high - low) / 2;
        if (works(capacities))
          high = capacities[ring];
        else
          low = capacities[ring] + 1;
      }
      capacities[ring] = low;
      advice += fmt::format("{}{} rows of {}", advice.empty() ? "" : " and ", low, nameOf(ring));
    }
    return advice + " would do.";
  }

  uint64_t unlimited(uint32_t ring) const {
    return static_cast<uint64_t>(pipeline_.rings[ring].shape.rows) * timing_.frames;
  }

  static constexpr size_t kMaxFreed = 32;
  const Pipeline &pipeline_;
  const Visit &visit_;
  std::vector<uint64_t> capacities_;
  VisitOptions timing_;
};

} // namespace

Fault explainDeadlock(const Pipeline &pipeline, const VisitOptions &options, const Visit &visit) {
  return Explainer(pipeline, options, visit).run();
}

} // namespace edgecc::emulator::dataflow
