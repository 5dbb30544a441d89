// SPDX-License-Identifier: Apache-2.0
//
// A context of a dataflow program as actors that pass rows through rings: the nodes, one actor for
// each tensor that comes over the link, and one for each that leaves.
#pragma once

#include "runtime/emulator/dataflow/Rows.h"

#include <string>

namespace edgecc::emulator::dataflow {

enum class ActorKind : uint8_t { Node, Feed, Drain };
enum class LinkSide : int8_t { None = -1, In = 0, Out = 1 }; // each carries one row at a time

struct ActorInput {
  uint32_t ring = 0;
  uint32_t reader = 0;       // index among the ring's readers
  const RowDemand *demand{}; // null: row r of the actor is row r of the ring (Drain)
};

struct Actor {
  ActorKind kind = ActorKind::Node;
  uint32_t index = 0; // of the context's nodes; Feed, Drain: of its streams
  std::string name;   // of its layer or tensor
  int layer = -1;
  int64_t rows = 1;                      // of a frame
  std::vector<double> durationsUs;       // of each kind of row
  const std::vector<uint32_t> *kindOf{}; // of each row; null: all of one kind
  std::vector<ActorInput> inputs;
  int output = -1; // ring
  LinkSide link = LinkSide::None;

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
  RowShape shape;
  uint64_t capacity = 1; // rows
  uint32_t writer = 0;   // actor
  std::vector<Reader> readers;
};

// Rings have the indices of the context's streams. Refers into itself and into the program: both
// must stay where they are.
struct Pipeline {
  const ProgramT *program{};
  size_t context = 0;
  std::vector<NodeWork> works; // of the context's nodes
  std::vector<Actor> actors;
  std::vector<Ring> rings;
  double linkLatencyUs = 0; // before the first row comes, and before the last one has left
  uint64_t weightBytes = 0; // to load when the context comes
  uint64_t linkInBytes = 0, linkOutBytes = 0; // of a frame

  const ContextT &contextOf() const { return *program->dataflow->contexts[context]; }
};

// `program` must have passed checkProgram.
Result<std::unique_ptr<Pipeline>> makePipeline(const ProgramT &program, size_t context);

} // namespace edgecc::emulator::dataflow
