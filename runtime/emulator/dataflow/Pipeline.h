// SPDX-License-Identifier: Apache-2.0
//
// A context of a dataflow program as actors that pass rows through rings: the nodes, one actor for
// each tensor that comes over the link, one for each that leaves, and one for each host part that
// runs with it.
#pragma once

#include "runtime/emulator/dataflow/Rows.h"

#include <deque>
#include <string>

namespace edgecc::emulator::dataflow {

enum class ActorKind : uint8_t { Node, Feed, Drain, Host };

// What actors take turns with, one row at a time: the two directions of the link, the host.
enum class Shared : int8_t { None = -1, LinkIn = 0, LinkOut = 1, Host = 2 };
inline constexpr size_t kSharedCount = 3;

// Frames that wait in host memory between a context and a host part, where there is but one
// context; with several, whole batches do.
inline constexpr unsigned kHostFrames = 4;

struct ActorInput {
  uint32_t ring = 0;
  uint32_t reader = 0;       // index among the ring's readers
  const RowDemand *demand{}; // null: row r of the actor is row r of the ring (Drain)
};

struct Actor {
  ActorKind kind = ActorKind::Node;
  uint32_t index = 0; // of the context's nodes; Feed, Drain: of its streams; Host: of the steps
  std::string name;   // of its layer or tensor
  int layer = -1;
  int64_t rows = 1;                      // of a frame
  std::vector<double> durationsUs;       // of each kind of row
  const std::vector<uint32_t> *kindOf{}; // of each row; null: all of one kind
  std::vector<ActorInput> inputs;
  int output = -1; // ring
  Shared shared = Shared::None;

  double durationUs(int64_t row) const {
    return durationsUs[kindOf ? (*kindOf)[static_cast<size_t>(row)] : 0];
  }
  double frameUs() const;
};

struct Reader {
  uint32_t actor = 0;
  uint32_t input = 0; // of the actor
};

struct Ring {
  std::string name;
  RowShape shape;
  uint64_t capacity = 1; // rows
  uint32_t writer = 0;   // actor
  std::vector<Reader> readers;
};

// Rings have the indices of the context's streams. Behind them come those in host memory: of
// tensors that a host part waits for, in rows as they come over the link, and of each host part's
// results, in frames. Refers into itself and into the program: both must stay where they are.
struct Pipeline {
  const ProgramT *program{};
  size_t context = 0;
  std::vector<NodeWork> works; // of the context's nodes
  std::vector<Actor> actors;
  std::vector<Ring> rings;
  std::deque<RowDemand> hostDemands; // of host parts, and of what waits for them
  double linkLatencyUs = 0;          // before the first row comes, and before the last one has left
  uint64_t weightBytes = 0;          // to load when the context comes

  const ContextT &contextOf() const { return *program->dataflow->contexts[context]; }
};

// `program` must have passed checkProgram.
Result<std::unique_ptr<Pipeline>> makePipeline(const ProgramT &program, size_t context);

} // namespace edgecc::emulator::dataflow
