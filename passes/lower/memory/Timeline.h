// When ops run and how long values live, on one axis of integers.
#pragma once

#include "ir/Module.h"

#include <unordered_map>

namespace edgecc::memory {

// Both ends included.
struct Interval {
  int begin = 0;
  int end = 0;

  bool overlaps(const Interval &other) const { return begin <= other.end && other.begin <= end; }
  void include(const Interval &other) {
    begin = std::min(begin, other.begin);
    end = std::max(end, other.end);
  }
};

// Numbers the ops of a function in order of execution. An op with control-flow regions covers the
// times of the ops inside; a Fused op is one point. Consecutive ops are kStep apart, so that a
// copy that planning inserts finds a time of its own right before its user.
class Timeline {
public:
  static constexpr int kStep = 4;

  explicit Timeline(const Function &function);

  Interval of(const Op &op) const { return times_.at(&op); }
  int last() const { return next_; }

  // Enters an op that was inserted in front of `next` after the numbering.
  void insertBefore(const Op &op, const Op &next);

  // From the first write to the last read. What is defined outside a loop and used inside lives to
  // the loop's end, and so do the loop's own arguments, because the body runs again.
  Interval lifetime(const Value &value) const;

  // The time of the last read, the loop's end for one inside a loop that does not define the value;
  // 0 if there is none.
  int lastUse(const Value &value) const;

private:
  void number(const Block &block);
  int useTime(const Use &use, const Block &definedIn) const;

  std::unordered_map<const Op *, Interval> times_;
  int next_ = 0;
};

// Whether the op's regions may run more than once.
bool isLoop(const Op &op);

} // namespace edgecc::memory
