#include "backends/device/scheduled/Placement.h"

#include "runtime/emulator/scheduled/Machine.h"

#include <algorithm>
#include <limits>

namespace edgecc::device::scheduled {

using emulator::BufferRole;

namespace {

constexpr size_t kNone = std::numeric_limits<size_t>::max();

struct Life {
  std::vector<size_t> uses; // indices of drafts, ascending
  bool isUsed() const { return !uses.empty(); }
  size_t first() const { return uses.front(); }
  size_t last() const { return uses.back(); }
};

struct Block {
  uint64_t begin, end;
  size_t last; // use
  uint32_t buffer;
};

class Placer {
public:
  Placer(const std::vector<Draft> &drafts, const std::vector<VirtualBuffer> &buffers,
         const StreamMachine &machine)
      : drafts_(drafts), buffers_(buffers), machine_(machine), lives_(buffers.size()) {
    for (size_t i = 0; i < drafts.size(); ++i) {
      const auto &instruction = *drafts[i].it;
      for (const auto *views : {&instruction.inputs, &instruction.outputs})
        for (const auto &view : *views)
          if (auto &uses = lives_[view->buffer].uses; uses.empty() || uses.back() != i)
            uses.push_back(i);
      uint64_t locked =
          emulator::lockedBytes(*machine.machine, machine.engine(drafts[i].engine), instruction);
      if (locked > 0)
        locks_.emplace_back(i, locked);
    }
    result_.address.assign(buffers.size(), 0);
    result_.isUsed.assign(buffers.size(), false);
  }

  Placement run() {
    for (uint32_t i = 0; i < buffers_.size(); ++i)
      result_.isUsed[i] = lives_[i].isUsed() || buffers_[i].role == BufferRole::Input ||
                          buffers_[i].role == BufferRole::Output;
    if (machine_.local >= 0)
      placeLocal();
    placeMain();
    return std::move(result_);
  }

private:
  uint64_t aligned(uint64_t value, uint64_t alignment) const {
    return (value + alignment - 1) / alignment * alignment;
  }

  std::vector<uint32_t> byFirstUse(bool local) const {
    std::vector<uint32_t> order;
    for (uint32_t i = 0; i < buffers_.size(); ++i)
      if (lives_[i].isUsed() && buffers_[i].isLocal == local &&
          buffers_[i].role == BufferRole::Scratch)
        order.push_back(i);
    std::ranges::stable_sort(order, {}, [&](uint32_t i) { return lives_[i].first(); });
    return order;
  }

  // Bytes below the slices that vector units take while the buffer lives.
  uint64_t heightOf(const Life &life) const {
    uint64_t height = machine_.localBytes;
    auto lock =
        std::ranges::lower_bound(locks_, life.first(), {}, &std::pair<size_t, uint64_t>::first);
    for (; lock != locks_.end() && lock->first <= life.last(); ++lock)
      height = std::min(height, machine_.localBytes - std::min(lock->second, machine_.localBytes));
    return height;
  }

  static void expire(std::vector<Block> &live, size_t now) {
    std::erase_if(live, [&](const Block &block) { return block.last < now; });
  }

  // The lowest gap, or the highest where nothing else needs the low addresses.
  static uint64_t findGap(const std::vector<Block> &live, uint64_t bytes, uint64_t height,
                          uint64_t alignment, bool fromTop) {
    uint64_t at = 0, best = kNowhere;
    auto consider = [&](uint64_t begin, uint64_t end) {
      begin = (begin + alignment - 1) / alignment * alignment;
      end = std::min(end, height);
      if (begin > end || end - begin < bytes)
        return;
      if (fromTop)
        best = (end - bytes) / alignment * alignment;
      else if (best == kNowhere)
        best = begin;
    };
    for (const Block &block : live) { // sorted by begin
      consider(at, block.begin);
      at = std::max(at, block.end);
    }
    consider(at, height);
    return best;
  }

  static void insert(std::vector<Block> &live, const Block &block) {
    live.insert(std::ranges::upper_bound(live, block.begin, {}, &Block::begin), block);
  }

  size_t nextUse(uint32_t buffer, size_t now) const {
    const auto &uses = lives_[buffer].uses;
    auto next = std::ranges::upper_bound(uses, now);
    return next == uses.end() ? now : *next;
  }

  void placeLocal() {
    uint64_t alignment = machine_.memory(static_cast<uint32_t>(machine_.local)).alignment;
    std::vector<Block> live;
    for (uint32_t buffer : byFirstUse(true)) {
      const Life &life = lives_[buffer];
      expire(live, life.first());
      uint64_t height = heightOf(life);
      bool fromTop = height == machine_.localBytes;
      for (;;) {
        uint64_t at = buffers_[buffer].bytes > height
                          ? kNowhere
                          : findGap(live, buffers_[buffer].bytes, height, alignment, fromTop);
        if (at != kNowhere) {
          result_.address[buffer] = at;
          insert(live, {at, at + buffers_[buffer].bytes, life.last(), buffer});
          break;
        }
        if (!makeRoom(live, buffer, height))
          break;
      }
    }
  }

  // Evicts the buffer whose next use is farthest away, perhaps `buffer` itself. False: that one has
  // no place in this attempt.
  bool makeRoom(std::vector<Block> &live, uint32_t buffer, uint64_t height) {
    size_t now = lives_[buffer].first();
    bool canLeave = !buffers_[buffer].isStaging;
    if (canLeave && buffers_[buffer].bytes > height) {
      result_.evicted.push_back(buffer);
      return false;
    }
    size_t victim = kNone, farthest = canLeave ? nextUse(buffer, now) : 0;
    uint64_t size = canLeave ? buffers_[buffer].bytes : 0;
    for (size_t i = 0; i < live.size(); ++i) {
      uint32_t other = live[i].buffer;
      if (buffers_[other].isStaging || live[i].begin >= height)
        continue;
      size_t next = nextUse(other, now);
      if (victim != kNone || canLeave)
        if (next < farthest || (next == farthest && buffers_[other].bytes <= size))
          continue;
      victim = i;
      farthest = next;
      size = buffers_[other].bytes;
    }
    if (victim != kNone) {
      result_.evicted.push_back(live[victim].buffer);
      live.erase(live.begin() + static_cast<ptrdiff_t>(victim));
      return true;
    }
    if (canLeave) {
      result_.evicted.push_back(buffer);
    } else {
      result_.cramped.push_back(drafts_[now].task);
      result_.localNeeded = std::max(result_.localNeeded, buffers_[buffer].bytes);
    }
    return false;
  }

  void placeMain() {
    uint64_t alignment = machine_.memory(machine_.main).alignment, end = 0;
    auto append = [&](uint32_t buffer) {
      result_.address[buffer] = end;
      end = aligned(end + buffers_[buffer].bytes, alignment);
    };
    for (auto role : {BufferRole::Constant, BufferRole::Input, BufferRole::Output})
      for (uint32_t i = 0; i < buffers_.size(); ++i)
        if (buffers_[i].role == role && result_.isUsed[i])
          append(i);
    std::vector<Block> live;
    for (uint32_t buffer : byFirstUse(false)) {
      expire(live, lives_[buffer].first());
      uint64_t at = findGap(live, buffers_[buffer].bytes, kNowhere - 1, alignment, false);
      result_.address[buffer] = end + at;
      insert(live, {at, at + buffers_[buffer].bytes, lives_[buffer].last(), buffer});
    }
  }

  static constexpr uint64_t kNowhere = std::numeric_limits<uint64_t>::max();

  const std::vector<Draft> &drafts_;
  const std::vector<VirtualBuffer> &buffers_;
  const StreamMachine &machine_;
  std::vector<Life> lives_;
  std::vector<std::pair<size_t, uint64_t>> locks_; // (draft, bytes), ascending
  Placement result_;
};

} // namespace

Placement placeBuffers(const std::vector<Draft> &drafts, const std::vector<VirtualBuffer> &buffers,
                       const StreamMachine &machine) {
  return Placer(drafts, buffers, machine).run();
}

} // namespace edgecc::device::scheduled
