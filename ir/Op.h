// Values, ops, blocks: the SSA graph. One thread may change a module at a time; any number may
// read it.
#pragma once

#include "ir/OpKind.h"
#include "ir/Type.h"

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace edgecc {

class Block;
class Op;
struct OpDef;
class Parameter;
class Value;

// An attribute's value; the op's declaration fixes which alternative each attribute holds.
using Attribute = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>,
                               std::vector<double>, std::vector<std::string>, DType>;
using Attributes = std::map<std::string, Attribute, std::less<>>;

// Which ONNX tensor a value stands for, so that after equalisation, pruning and fusion it can
// still be compared with the original in original units:
//   original[channel channelMap[c]] = value[channel c] * scale[c]   along `axis`.
struct Provenance {
  std::string tensor;              // the ONNX tensor's name; empty if it stands for none
  int axis = 1;                    // the channel axis that the two vectors below speak of
  std::vector<int64_t> channelMap; // empty: identity
  std::vector<double> scale;       // empty: all one

  bool operator==(const Provenance &) const = default;
};

// Where memory planning put a value.
struct Storage {
  enum class Space : uint8_t { Input, Output, Weights, Arena };
  Space space = Space::Arena;
  uint32_t index = 0; // which input or output
  int64_t offset = 0; // byte offset of element (0, 0, ...) in that space
  Dims strides;       // element strides of each logical axis (may be 0 for broadcast views)

  bool operator==(const Storage &) const = default;
};

struct Use {
  Op *user;
  unsigned operand;
};

// The result of an op or an argument of a block. Owned by it.
class Value {
public:
  Type type;
  Provenance provenance;
  std::optional<Storage> storage; // set by memory planning

  Op *definingOp() const { return op_; }    // null for a block argument
  Block *owningBlock() const;               // of the argument, or of the defining op
  unsigned index() const { return index_; } // among the op's results or block's arguments
  const std::vector<Use> &uses() const { return uses_; }
  bool hasOneUse() const { return uses_.size() == 1; }

  // All users read `other` instead.
  void replaceAllUsesWith(Value *other);

  const Dims &dims() const { return type.dims; }

private:
  friend class Op;
  friend class Block;
  Op *op_ = nullptr;
  Block *block_ = nullptr;
  unsigned index_ = 0;
  std::vector<Use> uses_;
};

// A node. Operands may be null where the declaration says optional. Create through Builder.
class Op {
public:
  ~Op();
  Op(const Op &) = delete;
  Op &operator=(const Op &) = delete;

  OpKind kind() const { return kind_; }
  const OpDef &def() const;
  std::string_view name() const; // "Conv"

  // The ONNX node's name (several, comma-separated, after fusion): for diagnostics and reports.
  std::string location;

  unsigned numOperands() const { return static_cast<unsigned>(operands_.size()); }
  const std::vector<Value *> &operands() const { return operands_; }
  // Null if the operand is absent or beyond the end.
  Value *operand(unsigned i) const { return i < operands_.size() ? operands_[i] : nullptr; }
  void setOperand(unsigned i, Value *value);
  void setOperands(std::span<Value *const> values);

  unsigned numResults() const { return static_cast<unsigned>(results_.size()); }
  Value *result(unsigned i = 0) const { return results_[i].get(); }
  Value *addResult(Type type);

  // Attributes. The typed getters return the declared default when the attribute is not set, and
  // assert that the declaration has such an attribute.
  const Attributes &attributes() const { return attributes_; }
  bool has(std::string_view name) const { return attributes_.find(name) != attributes_.end(); }
  bool flag(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  const std::string &text(std::string_view name) const;
  const std::vector<int64_t> &ints(std::string_view name) const;
  const std::vector<double> &reals(std::string_view name) const;
  const std::vector<std::string> &texts(std::string_view name) const;
  DType dtype(std::string_view name) const;
  void set(std::string name, Attribute value) { attributes_[std::move(name)] = std::move(value); }

  // Nested blocks: the bodies of Fused, If, Loop, Scan.
  unsigned numRegions() const { return static_cast<unsigned>(regions_.size()); }
  Block &region(unsigned i) const { return *regions_[i]; }
  Block &addRegion();

  // For Param only: the module's parameter that it yields.
  Parameter *parameter = nullptr;

  Block *block() const { return block_; }
  // Removes the op from its block and destroys it. Its results must have no uses.
  void erase();
  // Moves this op in front of `other`, possibly in another block.
  void moveBefore(Op *other);

private:
  friend class Block;
  friend class Builder;
  friend class Value;
  Op(OpKind kind, std::span<Value *const> operands);
  const Attribute &attribute(std::string_view name) const;
  void dropUse(unsigned i);

  OpKind kind_;
  std::vector<Value *> operands_;
  std::vector<std::unique_ptr<Value>> results_;
  Attributes attributes_;
  std::vector<std::unique_ptr<Block>> regions_;
  Block *block_ = nullptr;
  std::list<std::unique_ptr<Op>>::iterator position_;
};

// A list of ops in execution order that ends in a Yield, with arguments. The body of a function
// or of an op with regions.
class Block {
public:
  using OpList = std::list<std::unique_ptr<Op>>;

  explicit Block(Op *parent = nullptr) : parent_(parent) {}
  ~Block();

  Op *parentOp() const { return parent_; } // null for a function's body

  const std::vector<std::unique_ptr<Value>> &arguments() const { return arguments_; }
  Value *argument(unsigned i) const { return arguments_[i].get(); }
  unsigned numArguments() const { return static_cast<unsigned>(arguments_.size()); }
  Value *addArgument(Type type);
  void eraseArgument(unsigned i); // must have no uses

  const OpList &ops() const { return ops_; }
  bool empty() const { return ops_.empty(); }
  // The Yield at the end; asserts that there is one.
  Op *terminator() const;
  // The values that leave the block.
  const std::vector<Value *> &yields() const { return terminator()->operands(); }

  // A snapshot for loops that erase or insert ops while they run.
  std::vector<Op *> snapshot() const;

private:
  friend class Op;
  friend class Builder;
  static void dropOperands(Op &op); // and those of the ops inside

  Op *parent_;
  std::vector<std::unique_ptr<Value>> arguments_;
  OpList ops_;
};

} // namespace edgecc
