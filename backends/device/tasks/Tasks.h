// A function as device work: what both kinds of mapper start from.
#pragma once

#include "backends/device/Device.h"
#include "runtime/emulator/Cost.h"

namespace edgecc::device {

// One kernel with the ops that were fused behind it. Data movement (Reshape, Transpose, Slice,
// Concat, Pad, DepthToSpace...) is a Move, also where a mapper needs no copy for it.
struct Task {
  emulator::KernelUnion kernel;
  std::vector<std::unique_ptr<emulator::StageT>> stages;
  // Operands of kernel and stages; results of Param are constants.
  std::vector<const Value *> inputs;
  // The shape under which the kernel or stage sees each input: as many elements in the same order.
  // A stage's operand broadcasts to the output from it, aligned at the last axis.
  std::vector<Dims> inputDims;
  std::vector<const Value *> outputs; // one; several for host parts
  std::vector<const Op *> ops;        // that it computes, in order
  int hostPart = -1;                  // index into Tasks::hostParts

  const Value *output() const { return outputs.front(); }
};

struct Tasks {
  std::vector<Task> list; // in an order in which they can run
  std::vector<HostPart> hostParts;
  std::vector<std::string> notes;
};

// The kernel of a single op, without fusion; or why no device computes it.
Expected<Task> taskOf(const Op &op);

// Whether a machine runs this task; a sentence with the rule that it breaks, or "".
std::string whyNotOn(const emulator::DeviceT &device, const Task &task);

// All ops of a function. Element-wise ops are fused as stages behind the only producer of their
// first operand where the device's engine allows; ops that the device cannot run go to host parts,
// or, where that is not allowed, are all reported.
Expected<Tasks> makeTasks(const Function &function, const emulator::DeviceT &device,
                          const MapOptions &options);

// Rank, extents, byte size and element type of a value as views have them.
emulator::ElementType elementTypeOf(DType type);
int64_t bytesOf(const Type &type); // 4-bit elements packed

// The weights section: each constant once, aligned, as it lies in the file.
class WeightsBuilder {
public:
  // Offset of the content; equal contents share it. `alignment` in bytes.
  uint64_t add(const Tensor &content, uint64_t alignment);
  uint64_t addBytes(std::span<const std::byte> bytes, uint64_t alignment);
  std::vector<std::byte> take() { return std::move(bytes_); }

private:
  std::vector<std::byte> bytes_;
  std::map<std::pair<uint64_t, uint64_t>, std::vector<uint64_t>> known_; // (hash, size) -> offsets
};

} // namespace edgecc::device
