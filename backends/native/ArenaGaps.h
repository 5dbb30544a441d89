// Room between the values of a function that are alive at one time.
#pragma once

#include "ir/Module.h"

#include <map>

namespace edgecc::native {

// Bytes [begin, end) of the arena that a value takes; empty if it has no place there.
struct ArenaRange {
  int64_t begin = 0, end = 0;
};
ArenaRange arenaRange(const Value &value);

// For scratch that outlives a kernel but not the op that it belongs to.
class ArenaGaps {
public:
  explicit ArenaGaps(const Function &function);

  // The end of all values.
  int64_t arenaBytes() const { return arenaBytes_; }

  // A multiple of 64 from which on `bytes` bytes are free while `op` runs: the first gap that is
  // large enough, or behind what is alive then. Behind all values for ops inside of regions.
  int64_t place(const Op &op, int64_t bytes) const;

private:
  struct Life {
    ArenaRange range;
    size_t from, to; // top-level ops
  };
  void visit(const Op &op, size_t index);
  void touch(const Value *value, size_t index);

  std::map<const Value *, Life> lives_;
  std::map<const Op *, size_t> order_; // of top-level ops
  int64_t arenaBytes_ = 0;
};

} // namespace edgecc::native
