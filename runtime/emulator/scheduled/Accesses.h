// SPDX-License-Identifier: Apache-2.0
//
// Which bytes instructions touch, and who touched them last.
#pragma once

#include "runtime/emulator/Program.h"

#include <functional>
#include <map>

namespace edgecc::emulator {

// Bytes [begin, end) of a memory.
struct ByteSpan {
  uint64_t begin = 0, end = 0;
};

// The contiguous pieces of what a view touches, each at least once, for a buffer at `address`. Of a
// view with more than `most` of them, neighbours are joined over the gaps between them.
inline constexpr uint64_t kMaxPieces = uint64_t{1} << 20;
void forEachPiece(const ViewT &view, uint64_t address, const std::function<void(ByteSpan)> &visit,
                  uint64_t most = kMaxPieces);

// The history of one memory's bytes: the last writer of each and who has read it since. Accesses
// are entered in an order in which the instructions could run one by one.
class AccessHistory {
public:
  static constexpr int kInitial = -1; // written before the program starts
  static constexpr int kNobody = -2;  // never written

  struct Access {
    int instruction = kNobody;
    uint32_t queue = 0;
    uint32_t buffer = 0; // through which
  };

  // Calls `onWriter` with the last writer of each part of `bytes` (kNobody for bytes that nothing
  // wrote), then enters the read.
  void read(ByteSpan bytes, const Access &access,
            const std::function<void(const Access &writer, ByteSpan)> &onWriter);

  // Calls `onEarlier` with the last writer and the readers since then, of each part; then enters
  // the write.
  void write(ByteSpan bytes, const Access &access,
             const std::function<void(const Access &earlier, ByteSpan)> &onEarlier);

private:
  struct Part {
    uint64_t end = 0;
    Access writer;
    std::vector<Access> readers; // the latest of each queue
  };
  std::map<uint64_t, Part> parts_; // by their first byte; gaps: never touched

  std::map<uint64_t, Part>::iterator split(uint64_t at);
};

} // namespace edgecc::emulator
