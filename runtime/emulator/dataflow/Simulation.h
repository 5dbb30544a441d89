// SPDX-License-Identifier: Apache-2.0
//
// The events of one visit of a context: rows start when what they read has come and there is room
// for what they write, and end some time later.
#pragma once

#include "runtime/emulator/dataflow/Pipeline.h"

#include <functional>

namespace edgecc::emulator::dataflow {

// Row `row` of frame `frame` of an actor has ended: its inputs are still in their rings.
using RowDone = std::function<Result<void>(const Actor &actor, unsigned frame, int64_t row)>;

enum class WaitReason : uint8_t { Nothing, Rows, Room, Link, Finished };

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

// A deadlock is no fault here: Visit tells how far it went. Faults are those of `done`.
Result<Visit> simulate(const Pipeline &pipeline, const VisitOptions &options);

// Why a visit that stopped early stopped: who waits for whom, and the capacity that would do.
Fault explainDeadlock(const Pipeline &pipeline, const VisitOptions &options, const Visit &visit);

} // namespace edgecc::emulator::dataflow
