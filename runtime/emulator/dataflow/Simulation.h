// SPDX-License-Identifier: Apache-2.0
//
// The events of one visit of a context: rows start when what they read has come and there is room
// for what they write, and end some time later.
#pragma once

#include "runtime/emulator/dataflow/Pipeline.h"

#include <array>
#include <functional>
#include <queue>
#include <tuple>

namespace edgecc::emulator::dataflow {

// Row `row` of frame `frame` of an actor has ended: its inputs are still in their rings.
using RowDone = std::function<Result<void>(const Actor &actor, unsigned frame, int64_t row)>;

enum class WaitReason : uint8_t { Nothing, Rows, Room, Turn, Finished };

struct ActorState {
  int64_t row = 0; // next one, counted over all frames
  bool busy = false;
  WaitReason reason = WaitReason::Nothing;
  uint32_t waitsFor = 0;   // Rows, Room: the ring
  int64_t waitsForRow = 0; // Rows: the row of that ring, counted over all frames
  double since = 0;
  double busyUs = 0;
  double stalledUs = 0; // between the first and the last row of a frame
};

struct FrameSpan {
  double startUs = 0, endUs = 0;
};

struct Visit {
  double endUs = 0;
  std::vector<double>
      frameEndUs; // when the last actor was done with the frame, and its rows with the host
  std::vector<ActorState> actors;             // at the end
  std::vector<uint64_t> peaks;                // of each ring, in rows
  std::vector<std::vector<FrameSpan>> frames; // of each actor
  bool deadlocked = false;
};

struct VisitOptions {
  unsigned frames = 1;
  double startUs = 0;
  std::vector<uint64_t> capacities; // instead of the rings' own; empty: those
  RowDone done;                     // may be empty
};

class Simulator;

struct Event {
  double us = 0;
  uint32_t visit = 0; // of the loop
  uint32_t actor = 0; // whose row ends
  bool wake = false;  // it has none yet: the link's latency is over
  // Equal times in the order of visits and actors, so that every run is the same.
  bool operator>(const Event &other) const {
    return std::tie(us, visit, actor) > std::tie(other.us, other.visit, other.actor);
  }
};

// What visits that go on at the same time have in common: the time, the link, the host.
struct EventLoop {
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events;
  std::array<bool, kSharedCount> taken{};
  std::vector<Simulator *> visits; // null: none at present
};

// One visit of a loop. `pipeline`, `options` and `loop` must outlive it.
class Simulator {
public:
  // Takes place `index` of the loop's visits.
  Simulator(EventLoop &loop, uint32_t index, const Pipeline &pipeline, const VisitOptions &options);

  void begin();
  // Handles an event of this visit. Faults are those of `done`.
  Result<void> handle(const Event &event);
  // Whether all actors are done with all frames.
  bool hasEnded() const { return finished_ == pipeline_.actors.size(); }
  // Lets those who wait for what is shared start, those after `actor` first (none: -1); whether one
  // did.
  bool offer(Shared shared, int64_t after, int64_t last);
  uint32_t actors() const { return static_cast<uint32_t>(pipeline_.actors.size()); }
  // When nothing is left to do.
  Visit take();

private:
  struct RingState {
    int64_t reserved = 0, produced = 0; // rows, counted over all frames
    std::vector<int64_t> released;      // by each reader
    // A ring without readers never fills.
    int64_t oldest() const;
  };

  uint64_t capacity(uint32_t ring) const;
  void push(double us, uint32_t actor, bool wake);
  void wait(ActorState &state, WaitReason reason, uint32_t ring = 0, int64_t row = 0);
  void tryStart(uint32_t index);
  void start(uint32_t index, int64_t row);
  Result<void> end(uint32_t index);
  void release(const ActorInput &input, int64_t frame, int64_t row, int64_t rowsOfActor);
  void endFrame(uint32_t index, unsigned frame);
  void passOn(uint32_t index, Shared shared);

  EventLoop &loop_;
  uint32_t index_;
  const Pipeline &pipeline_;
  const VisitOptions &options_;
  std::vector<RingState> rings_;
  double now_, linkReadyUs_ = 0;
  size_t finished_ = 0; // actors
  Visit visit_;
};

// One visit alone. A deadlock is no fault here: Visit tells how far it went. Faults are those of
// `done`.
Result<Visit> simulate(const Pipeline &pipeline, const VisitOptions &options);

// Why a visit that stopped early stopped: who waits for whom, and the capacity that would do.
Fault explainDeadlock(const Pipeline &pipeline, const VisitOptions &options, const Visit &visit);

} // namespace edgecc::emulator::dataflow
