// Where values lie before anything has an address: each packed in a buffer, several in one where a
// move need not copy.
#pragma once

#include "backends/device/scheduled/Machine.h"
#include "backends/device/tasks/Tasks.h"

namespace edgecc::device::scheduled {

// A buffer without an address.
struct VirtualBuffer {
  std::string name;
  uint64_t bytes = 0;
  emulator::BufferRole role = emulator::BufferRole::Scratch;
  uint64_t content = 0;   // port, or offset in the weights
  bool isLocal = false;   // in the local memory, else in main
  bool isStaging = false; // for tiles of one layer: stays where it is
  uint32_t layer = 0;
};

struct Place {
  uint32_t buffer = 0;
  int64_t offset = 0; // bytes
};

// A copy that must run after a task: a value that is yielded twice, or is no buffer of its own.
struct OutputCopy {
  const Value *value = nullptr;
  uint32_t buffer = 0;
};

// What a Move leaves to be copied: the others' inputs are written in place, or its output is part
// of its input.
struct MoveCopies {
  bool needsFill = false;
  std::vector<const emulator::CopyT *> copies;
};

class Storage {
public:
  Storage(const Function &function, const Tasks &tasks, const StreamMachine &machine,
          WeightsBuilder &weights);

  Place placeOf(const Value *value) const;
  MoveCopies copiesOf(const Task &task) const;
  const std::vector<OutputCopy> &outputCopies() const { return outputCopies_; }

  std::vector<VirtualBuffer> buffers;
  uint32_t fillOf(const Task &task) const { return fills_.at(&task); } // of a Move that needs one

private:
  struct Alias {
    const Value *parent;
    int64_t offset; // bytes
  };

  void aliasMoves(const Tasks &tasks);
  void aliasOutput(const Task &task, const emulator::MoveT &move);
  void addConstants(const Tasks &tasks);
  void addConstant(const Value *root);
  std::pair<const Value *, int64_t> rootOf(const Value *value) const;
  bool mayEmbed(const Value *value, const Task &into) const;
  // Of a constant without a value.
  uint32_t constant(std::span<const std::byte> bytes, std::string name);
  uint32_t add(const Value &value, emulator::BufferRole role, uint64_t content, std::string name);

  const StreamMachine &machine_;
  WeightsBuilder &weights_;
  std::map<const Value *, Alias> aliases_;
  std::map<const Value *, uint32_t> bufferOf_; // of roots
  std::map<const Value *, const Task *> producer_;
  std::map<std::pair<uint64_t, uint64_t>, uint32_t> constants_; // (offset, bytes) -> buffer
  std::vector<OutputCopy> outputCopies_;
  std::map<const Task *, uint32_t> fills_;
};

} // namespace edgecc::device::scheduled
