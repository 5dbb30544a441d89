// What many rewrites need: constants, users, replacing an op and keeping names.
#pragma once

#include "ir/Builder.h"

namespace edgecc {

// The op whose first result is `value` if it is of that kind, else null.
Op *definedBy(const Value *value, OpKind kind);

// The value of a constant whose elements are all equal (a scalar, or a filled tensor).
std::optional<double> splatOf(const Value *value);

// The only op that uses `value` (through any number of operands), if its kind is `kind`.
Op *onlyUser(const Value *value, OpKind kind);
// Nobody reads the op's second and further results.
bool onlyFirstResultUsed(const Op &op);
// All uses are by one op.
bool hasOneUser(const Value *value);

// `replacement` takes the place of `op`'s result, whose name it inherits unless it stands for an
// ONNX tensor itself; then `op` is erased.
void replaceOp(Op *op, Value *replacement);

// The union of comma-separated lists of node names, in order, each once. Very long lists end in
// "...".
std::string joinLocations(std::string_view a, std::string_view b);

// Erases `op` and then the ops that only it kept alive, unless they have regions. Returns the
// joined locations of all of them.
std::string eraseWithDeadOperands(Op *op);

// A new parameter before `op` with its location and that name.
Value *constantBefore(Module &module, Op *op, Tensor content, std::string_view name = "const");

// Calls `fn(Block &)` on the block and all blocks of the regions inside, outer first.
template <class Fn> void forEachBlock(Block &block, Fn &&fn) {
  fn(block);
  for (Op *op : block.snapshot())
    for (unsigned i = 0; i < op->numRegions(); ++i)
      forEachBlock(op->region(i), fn);
}

} // namespace edgecc
