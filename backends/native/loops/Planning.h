// What the planners of this family share: kernel arguments, keys, and the element-wise ops that
// follow an anchor.
#pragma once

#include "backends/native/loops/LoopNest.h"
#include "ir/OpDef.h"

namespace edgecc::native {

// Kind, attributes, operand and result types, regions: what the code of a kernel depends on beside
// strides. Contents of parameters inside regions are included.
std::string signatureOf(const Op &op);

// The value outside a Fused op that `inner`, used in its region, stands for.
const Value &outerValue(const Op &op, const Value &inner);

// The unsigned integer type (U4 to U64) as wide as `dtype`: for copies, where only bits matter.
DType bitsOf(DType dtype);

// Collects the arguments of one kernel and appends it to the plan.
class KernelBuilder {
public:
  KernelBuilder(PlanContext &context, std::string name) : context_(context) {
    kernel_.name = std::move(name);
  }
  PlanContext &context() const { return context_; }
  const NativeTarget &target() const { return context_.target; }
  Kernel &kernel() { return kernel_; }

  unsigned addArg(const Value &value); // the same index for the same value
  unsigned addArg(const KernelArg &arg);
  template <class T> unsigned addTable(const std::vector<T> &table) {
    return addArg(
        {Storage::Space::Weights, 0, context_.weights.add(std::as_bytes(std::span(table)))});
  }
  // Appends the kernel: `key` is completed by the kernel's name.
  void finish(std::string key, uint32_t units, std::function<void(KernelEmitter &)> emit);

private:
  PlanContext &context_;
  Kernel kernel_;
  std::map<const Value *, unsigned> argOf_;
};

// The element-wise code of an op over the loops of a nest: of an element-wise op, of a Fused group
// of them, or of what follows the anchor in a Fused op; and the stores of the results.
class RegionCode {
public:
  // `loopOf[axis]` is the nest's loop for each axis of the results (-1: extent 1, no loop). Only
  // the results in `results` are computed; they have equal dims. The views of results come first,
  // in order, then those of the operands. Fails if an operand cannot be addressed by these loops.
  static Expected<RegionCode> create(const Op &op, const Op *anchor, std::vector<unsigned> results,
                                     const std::vector<int> &loopOf, KernelBuilder &kernel,
                                     Nest &nest);

  // The results of one point in registers. `anchor`: the anchor's results.
  std::vector<llvm::Value *> evaluate(KernelEmitter &e, const Point &point,
                                      const std::vector<llvm::Value *> &anchor = {}) const;
  // Evaluates and stores.
  void emit(KernelEmitter &e, const Point &point,
            const std::vector<llvm::Value *> &anchor = {}) const;

  unsigned resultView(unsigned i = 0) const { return resultViews_[i]; }
  // How the operands are read and which constants are part of the code.
  const std::string &key() const { return key_; }

private:
  struct Leaf {
    const Tensor *scalar = nullptr; // a constant to inline
    bool isPointer = false;
    unsigned arg = 0;  // if isPointer
    unsigned view = 0; // else
  };
  Expected<void> addLeaf(const Op &user, unsigned operand, size_t rank,
                         const std::vector<int> &loopOf, KernelBuilder &kernel, Nest &nest);
  llvm::Value *leaf(KernelEmitter &e, const Point &point, const Value &value) const;

  const Op *op_ = nullptr;
  const Op *anchor_ = nullptr;
  std::vector<unsigned> results_;
  std::vector<unsigned> resultViews_;
  std::string key_;
  std::map<const Value *, Leaf> leaves_; // by the value that the element-wise op uses
};

// The strides of operand `i` of an element-wise op over the axes of that op's result, of which the
// rightmost are the rightmost of `rank` axes. None if its index map is not affine.
std::optional<Dims> elementwiseStrides(const Op &op, unsigned i, const Dims &strides, size_t rank);

// Axis i is loop i.
std::vector<int> identityLoops(size_t rank);

// A kernel that evaluates element-wise code over a nest without reduced loops.
Expected<void> planPointwise(const Op &op, PlanContext &context);

// --- the families of planLoops, by file ---
Expected<void> planMovement(const Op &op, PlanContext &context); // Movement.cpp
Expected<void> planConcat(const Op &op, PlanContext &context);   // Movement.cpp
Expected<void> planPad(const Op &op, PlanContext &context);      // Pad.cpp
Expected<void> planReduction(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planArgReduction(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planPrefix(const Op &op, PlanContext &context);
Expected<void> planSoftmax(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planNormalization(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planBatchNormalization(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planPooling(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planLrn(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planResize(const Op &op, const Op &anchor, PlanContext &context);
Expected<void> planGather(const Op &op, PlanContext &context);
Expected<void> planScatter(const Op &op, PlanContext &context);
Expected<void> planPositional(const Op &op, PlanContext &context); // Positional.cpp
Expected<void> planDynamicQuantize(const Op &op, PlanContext &context);

// A copy of `extents` elements of `bits` (an unsigned integer type) between two strided arrays.
struct Copy {
  DType bits;
  Dims extents;
  Dims from, to;                        // element strides
  int64_t fromOffset = 0, toOffset = 0; // elements
};
void planCopy(const Copy &copy, const KernelArg &from, const KernelArg &to, PlanContext &context);
// The same element everywhere; `value` null: zero.
void planFill(const Copy &copy, const Value *value, const KernelArg &to, PlanContext &context);

} // namespace edgecc::native
