// Creates ops. Result types are inferred from the declaration.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"
#include "ir/OpDef.h"

#include <initializer_list>

namespace edgecc {

class Builder;

using ValueMapping = std::map<const Value *, Value *>;
Op *cloneOp(Builder &builder, const Op &op, ValueMapping &mapping);

// Fills the regions of an op that is being created, before its result types are inferred.
using RegionFiller = std::function<Expected<void>(Op &)>;

class Builder {
public:
  explicit Builder(Module &module) : module_(module) {}
  // Inserts at the end of `block` (before its Yield if it has one).
  Builder(Module &module, Block &block) : module_(module) { setInsertionEnd(block); }

  Module &module() const { return module_; }
  void setInsertionEnd(Block &block);
  void setInsertionBefore(Op *op);
  Block *block() const { return block_; }

  // Location of the ops created from now on.
  std::string location;

  // Creates and inserts an op. Fails with the violated constraint's sentence if operands or
  // attributes are not what the declaration asks for.
  Expected<Op *> tryCreate(OpKind kind, std::span<Value *const> operands,
                           Attributes attributes = {}, const RegionFiller &fill = {});
  Expected<Op *> tryCreate(OpKind kind, std::initializer_list<Value *> operands,
                           Attributes attributes = {}, const RegionFiller &fill = {});

  // The same where failure would be a bug of the caller's: asserts, and returns the first result.
  Value *create(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes = {});
  Op *createOp(OpKind kind, std::span<Value *const> operands, Attributes attributes = {},
               const RegionFiller &fill = {});

  // A new parameter and the op that yields it.
  Value *constant(Tensor content, std::string_view name = "const");
  Value *scalar(DType dtype, double value); // rank 0
  Value *parameter(Parameter &parameter);
  Op *yield(std::span<Value *const> values);

private:
  friend Op *cloneOp(Builder &builder, const Op &op, ValueMapping &mapping);
  static std::unique_ptr<Op> detached(OpKind kind, std::span<Value *const> operands);
  Op *insert(std::unique_ptr<Op> op);

  Module &module_;
  Block *block_ = nullptr;
  Block::OpList::iterator position_;
};

// A copy of `op` with other operands, inserted by `builder`. Regions are copied; values defined
// outside them are mapped through `mapping` where it has an entry. Types, provenance and storage
// are copied, not inferred again. The new results and arguments are entered into `mapping`.
Op *cloneOp(Builder &builder, const Op &op, ValueMapping &mapping);

// Copies the arguments and ops of `from` to the end of `to`, which must be empty, in the same way.
void cloneBlock(Module &module, const Block &from, Block &to, ValueMapping &mapping);

} // namespace edgecc
