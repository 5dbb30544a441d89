// Gives every value its storage: views, in-place results and destinations first, then offsets in
// the arena. The arena's size is compared with the most bytes that live at one time.
#include "passes/Passes.h"
#include "passes/lower/memory/BoundaryCopies.h"
#include "passes/lower/memory/PackBuffers.h"
#include "passes/lower/memory/Placement.h"

namespace edgecc {

namespace {

constexpr int64_t kAlignment = 64; // of every buffer: a cache line and the widest vector

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

void assignOffsets(memory::Plan &plan, PassContext &context) {
  std::vector<memory::Chunk> chunks;
  for (const memory::Buffer &buffer : plan.buffers)
    if (buffer.space == Storage::Space::Arena)
      chunks.push_back({aligned(buffer.bytes), buffer.life});
  context.statistics.add("arena bytes", memory::packBuffers(chunks));
  context.statistics.add("arena bytes at least", memory::lowerBound(chunks));
  auto chunk = chunks.begin();
  for (memory::Buffer &buffer : plan.buffers)
    if (buffer.space == Storage::Space::Arena)
      buffer.offset = (chunk++)->offset;
}

// Inside a Fused op the arguments lie where the operands lie and the yielded values where the
// results lie; what is in between lives in registers.
void mirrorFused(Block &block) {
  for (const auto &op : block.ops()) {
    if (op->kind() == OpKind::Fused) {
      for (unsigned i = 0; i < op->numOperands(); ++i)
        op->region(0).argument(i)->storage = op->operand(i)->storage;
      for (unsigned i = 0; i < op->numResults(); ++i)
        op->region(0).yields()[i]->storage = op->result(i)->storage;
      continue;
    }
    for (unsigned i = 0; i < op->numRegions(); ++i)
      mirrorFused(op->region(i));
  }
}

} // namespace

Expected<void> planMemory(Module &module, PassContext &context) {
  for (const auto &function : module.functions()) {
    memory::insertBoundaryCopies(module, *function);
    memory::Plan plan = memory::placeValues(module, *function);
    assignOffsets(plan, context);
    for (const memory::Buffer &buffer : plan.buffers)
      for (Value *value : buffer.values) {
        const memory::Place &place = plan.places.at(value);
        value->storage =
            Storage{buffer.space, buffer.index, buffer.offset + place.offset, place.strides};
      }
    mirrorFused(function->body);
    context.statistics.add("views", plan.viewCount);
    context.statistics.add("ops in place", plan.inPlaceCount);
  }
  return {};
}

} // namespace edgecc
