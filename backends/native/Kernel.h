// How an op becomes code: planning yields kernels, each with its arguments, work units and a
// function that emits its body. Equal keys mean equal code, which is emitted once.
#pragma once

#include "backends/native/Algorithm.h"
#include "backends/native/ByteBuffer.h"
#include "backends/native/Target.h"
#include "ir/Module.h"

#include <functional>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>

namespace edgecc::native {

class KernelEmitter;

// A pointer argument: byte `offset` into an address space of the model.
struct KernelArg {
  Storage::Space space = Storage::Space::Arena;
  uint32_t index = 0; // which input or output
  int64_t offset = 0;
  // Instead of the data of output `index`: the int64 array (of the output's rank) through which the
  // kernel reports the actual extents of a result with data-dependent ones.
  bool extents = false;
  // Instead of a value: `offset` into the scratch that the op's kernels and all threads share.
  bool shared = false;
};

// What the report says of a kernel's inner loops.
enum class KernelClass : uint8_t { Vector, Scalar, Support };

struct Kernel {
  // Everything that the code depends on: op, attributes, extents, strides, tile; not the offsets of
  // its arguments and not the contents of its weights.
  std::string key;
  std::string name; // prefix of the symbol, e.g. "conv_3x3"
  std::vector<KernelArg> args;
  // Independent pieces of work, fixed at compile time; any contiguous range may run on any thread.
  uint32_t units = 1;
  int64_t scratchBytes = 0; // per thread, 64-byte aligned
  // Of the scratch that the kernels of the op share, 64-byte aligned; see KernelArg.
  int64_t sharedBytes = 0;
  std::string algorithm = {}; // for reports, where there is a choice: "Winograd 4x4", "bf16 pairs"
  KernelClass kind = KernelClass::Vector;
  std::function<void(KernelEmitter &)> emit;
};

// Collects the constants that compiled code reads. Equal bytes are stored once.
class WeightSection {
public:
  // Appends `bytes` at a multiple of `alignment` (at most 64) or finds them; returns the offset.
  int64_t add(std::span<const std::byte> bytes, int64_t alignment = 64);
  // The same for `size` bytes that `fill` writes in place; they are zero before.
  int64_t add(size_t size, const std::function<void(std::span<std::byte>)> &fill,
              int64_t alignment = 64);
  ByteBuffer take() { return std::move(bytes_); }

private:
  ByteBuffer bytes_;
  std::multimap<uint64_t, std::pair<int64_t, size_t>> byHash_;
};

// What planning may use and produce.
struct PlanContext {
  const NativeTarget &target;
  WeightSection &weights;
  std::vector<Kernel> &kernels; // planned kernels of the op are appended, in order of execution
  const Algorithms &algorithms;

  // The argument for a value: its storage, or for a Param result its dense row-major bytes, which
  // are added to the weights.
  KernelArg arg(const Value &value);
};

// The strided view that a kernel sees of a value: element strides of the logical axes. For a Param
// result: dense row-major.
Dims stridesOf(const Value &value);

// Plans one top-level op (possibly Fused). Fails with the reason if native code cannot do it. An op
// whose result is a view of its operand plans no kernel.
Expected<void> planOp(const Op &op, PlanContext &context);

// Why native code cannot run `op` (before lowering); empty if it can. One row for each op.
std::string whyUnsupported(const Op &op);

// Emits the body of one kernel: void kernel(frame, begin, end, thread), an edgecc_task_fn.
class KernelEmitter {
public:
  // Reads `argCount` arguments from the frame; code is inserted at the start of `function`.
  KernelEmitter(llvm::Function &function, const NativeTarget &target, unsigned argCount);

  const NativeTarget &target;
  llvm::IRBuilder<> b;

  llvm::Module &module() const { return *function_.getParent(); }
  llvm::LLVMContext &context() const { return function_.getContext(); }

  llvm::Value *arg(unsigned i) const { return args_.at(i); } // base pointer of argument i
  llvm::Value *begin() const { return begin_; }              // first work unit, i64
  llvm::Value *end() const { return end_; }                  // one past the last, i64
  llvm::Value *scratch() const { return scratch_; }          // this thread's scratch, 64-aligned

  // --- types ---
  llvm::Type *scalarType(DType dtype) const; // in registers: half for f16, i1 for bool
  llvm::Type *memoryType(DType dtype) const; // in memory: i8 for bool
  llvm::Type *vectorType(DType dtype, unsigned lanes) const; // the scalar type itself for 1 lane

  llvm::ConstantInt *i64(int64_t value) { return b.getInt64(static_cast<uint64_t>(value)); }

  // --- addresses and memory; indices and strides in elements ---
  llvm::Value *elementPointer(DType dtype, llvm::Value *base, llvm::Value *index);
  // `lanes` consecutive elements; only the first `active` are touched in memory (others read as 0).
  llvm::Value *load(DType dtype, llvm::Value *pointer, unsigned lanes, unsigned active);
  void store(DType dtype, llvm::Value *value, llvm::Value *pointer, unsigned lanes,
             unsigned active);
  llvm::Value *load(DType dtype, llvm::Value *pointer, unsigned lanes = 1) {
    return load(dtype, pointer, lanes, lanes);
  }
  void store(DType dtype, llvm::Value *value, llvm::Value *pointer, unsigned lanes = 1) {
    store(dtype, value, pointer, lanes, lanes);
  }
  // One element repeated in all lanes.
  llvm::Value *loadSplat(DType dtype, llvm::Value *pointer, unsigned lanes);
  llvm::Value *splat(llvm::Value *scalar, unsigned lanes);

  // --- control flow ---
  // for (i = from; i < to; i += step) body(i); all i64. Runs nothing if from >= to.
  void loop(llvm::Value *from, llvm::Value *to, int64_t step,
            const std::function<void(llvm::Value *)> &body, const llvm::Twine &name = "i");
  // The same with loop-carried values: body returns their next values; the last ones are returned.
  std::vector<llvm::Value *>
  loop(llvm::Value *from, llvm::Value *to, int64_t step, std::vector<llvm::Value *> carried,
       const std::function<std::vector<llvm::Value *>(llvm::Value *,
                                                      const std::vector<llvm::Value *> &)> &body,
       const llvm::Twine &name = "i");
  void ifThen(llvm::Value *condition, const std::function<void()> &body);

  // --- arithmetic ---
  // a * b + c: llvm.fma where the target has it, else multiply then add.
  llvm::Value *multiplyAdd(llvm::Value *a, llvm::Value *b, llvm::Value *c);
  // Sum (or maximum...) of the lanes by a fixed binary tree: halves are combined pairwise.
  llvm::Value *
  reduceTree(llvm::Value *vector,
             const std::function<llvm::Value *(llvm::Value *, llvm::Value *)> &combine);

  // Records an EDGECC_ENTRY_* error; execution goes on, so callers clamp what they then read.
  void fail(int32_t code);

private:
  llvm::Function &function_;
  std::vector<llvm::Value *> args_;
  llvm::Value *begin_, *end_, *thread_, *frame_, *scratch_;
};

} // namespace edgecc::native
