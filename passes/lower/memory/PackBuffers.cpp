#include "passes/lower/memory/PackBuffers.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <random>

namespace edgecc::memory {

int64_t lowerBound(const std::vector<Chunk> &chunks) {
  std::map<int, int64_t> changes;
  for (const Chunk &chunk : chunks) {
    changes[chunk.life.begin] += chunk.bytes;
    changes[chunk.life.end + 1] -= chunk.bytes;
  }
  int64_t live = 0, most = 0;
  for (const auto &[time, change] : changes)
    most = std::max(most, live += change);
  return most;
}

namespace {

using Order = std::vector<size_t>;

// Places the chunks in the given order, each into the smallest gap that holds it between those that
// live at the same time (best fit). Stops early with a size of at least `limit`.
int64_t place(std::vector<Chunk> &chunks, const Order &order, int64_t limit) {
  std::vector<const Chunk *> placed; // by offset
  int64_t size = 0;
  for (size_t index : order) {
    Chunk &chunk = chunks[index];
    int64_t best = -1, bestGap = INT64_MAX, end = 0;
    for (const Chunk *other : placed) {
      if (!other->life.overlaps(chunk.life))
        continue;
      int64_t gap = other->offset - end;
      if (gap >= chunk.bytes && gap < bestGap) {
        best = end;
        bestGap = gap;
      }
      end = std::max(end, other->offset + other->bytes);
    }
    chunk.offset = best >= 0 ? best : end;
    size = std::max(size, chunk.offset + chunk.bytes);
    if (size >= limit)
      return size;
    placed.insert(std::ranges::upper_bound(placed, chunk.offset, {}, &Chunk::offset), &chunk);
  }
  return size;
}

// Largest keys first; equal ones in the order of the chunks.
Order sortedBy(const std::vector<Chunk> &chunks,
               const std::function<std::pair<int64_t, int64_t>(const Chunk &)> &key) {
  Order order(chunks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    auto left = key(chunks[a]), right = key(chunks[b]);
    return left != right ? left > right : a < b;
  });
  return order;
}

} // namespace

int64_t packBuffers(std::vector<Chunk> &chunks) {
  const int64_t bound = lowerBound(chunks);
  auto duration = [](const Chunk &b) { return int64_t{b.life.end} - b.life.begin + 1; };
  std::vector<Order> orders = {
      sortedBy(chunks, [&](const Chunk &b) { return std::pair(b.bytes, duration(b)); }),
      sortedBy(chunks, [&](const Chunk &b) { return std::pair(b.bytes * duration(b), b.bytes); }),
      sortedBy(chunks, [&](const Chunk &b) { return std::pair(duration(b), b.bytes); }),
      sortedBy(chunks, [&](const Chunk &b) { return std::pair(int64_t{-b.life.begin}, b.bytes); }),
      sortedBy(chunks, [&](const Chunk &b) { return std::pair(int64_t{b.life.end}, b.bytes); })};
  std::vector<Chunk> best;
  Order bestOrder;
  int64_t bestSize = INT64_MAX;
  auto attempt = [&](const Order &order) {
    int64_t size = place(chunks, order, bestSize);
    if (size >= bestSize)
      return;
    bestSize = size;
    best = chunks;
    bestOrder = order;
  };
  for (const Order &order : orders)
    if (bestSize > bound)
      attempt(order);
  // Local search: one exchange at a time, kept when the arena shrinks.
  constexpr size_t kWork = 4'000'000;
  size_t tries = chunks.size() < 3 ? 0 : std::min<size_t>(kWork / (chunks.size() * 32), 2000);
  std::mt19937_64 random(1);
  for (size_t i = 0; i < tries && bestSize > bound; ++i) {
    Order order = bestOrder;
    size_t a = random() % order.size(), b = random() % order.size();
    if (i % 2)
      std::swap(order[a], order[b]);
    else // move one chunk to the front part, where placement is free
      std::rotate(order.begin() + static_cast<int64_t>(std::min(a, b)),
                  order.begin() + static_cast<int64_t>(std::max(a, b)),
                  order.begin() + static_cast<int64_t>(std::max(a, b)) + 1);
    attempt(order);
  }
  if (!chunks.empty())
    chunks = std::move(best);
  return chunks.empty() ? 0 : bestSize;
}

} // namespace edgecc::memory
