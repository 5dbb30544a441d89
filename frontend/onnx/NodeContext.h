// What the importer of one op sees: the node, its operands and attributes, and a way to emit IR.
// Internal to the frontend. Everything here throws NodeError where the model is at fault.
#pragma once

#include "frontend/onnx/GraphImporter.h"

namespace edgecc::importer {

class NodeContext {
public:
  NodeContext(GraphImporter &graph, const onnx::NodeProto &node, Scope &scope, int64_t opset,
              std::string location);

  const std::string &opType() const { return node_.op_type(); }
  const std::string &location() const { return location_; }
  // The version of the node's domain that the model imports.
  int64_t opset() const { return opset_; }
  Scope &scope() { return scope_; }
  GraphImporter &graph() { return graph_; }

  [[noreturn]] void fail(std::string what, std::string hint = {}) const;
  // The same where the shapes or types of the operands do not fit the op.
  [[noreturn]] void mismatch(std::string what, std::string hint = {}) const;

  // --- operands and results ---
  unsigned numInputs() const { return static_cast<unsigned>(node_.input_size()); }
  unsigned numOutputs() const { return static_cast<unsigned>(node_.output_size()); }
  bool hasInput(unsigned i) const {
    return i < numInputs() && !scope_.isAbsent(node_.input(static_cast<int>(i)));
  }
  bool hasOutput(unsigned i) const {
    return i < numOutputs() && !node_.output(static_cast<int>(i)).empty();
  }
  Value *input(unsigned i) const;           // must be there
  Value *optionalInput(unsigned i) const;   // null if it is left out
  void setOutput(unsigned i, Value *value); // ignored if the model does not name the output

  // --- attributes ---
  const onnx::AttributeProto *attribute(std::string_view name) const;
  bool hasAttribute(std::string_view name) const { return attribute(name) != nullptr; }
  int64_t intAttribute(std::string_view name, int64_t absent) const;
  int64_t intAttribute(std::string_view name) const; // required
  bool flag(std::string_view name, bool absent) const { return intAttribute(name, absent) != 0; }
  double floatAttribute(std::string_view name, double absent) const;
  std::string stringAttribute(std::string_view name, std::string absent) const;
  std::vector<int64_t> intsAttribute(std::string_view name) const; // empty if absent
  std::vector<double> floatsAttribute(std::string_view name) const;
  std::vector<std::string> stringsAttribute(std::string_view name) const;
  const onnx::GraphProto &graphAttribute(std::string_view name) const; // required
  // The element type that an integer attribute names; `absent` if it is absent or 0.
  std::optional<DType> dtypeAttribute(std::string_view name) const;

  // --- constants ---
  // The operand's content; null if it is absent or computed at run time.
  const Tensor *constantInput(unsigned i) const;
  // The same where the op can be compiled only with a constant; `what` names it ("the shape").
  const Tensor &requireConstant(unsigned i, std::string_view what) const;
  std::vector<int64_t> requireInts(unsigned i, std::string_view what) const;
  // An integer list that is an attribute in old opsets and operand `i` in new ones; none if absent.
  std::optional<std::vector<int64_t>> intsFrom(std::string_view attribute, unsigned i,
                                               std::string_view what) const;

  // --- emitting ---
  Value *emit(OpKind kind, std::initializer_list<Value *> operands, Attributes attributes = {});
  Value *emit(OpKind kind, const std::vector<Value *> &operands, Attributes attributes = {});
  std::vector<Value *> emitAll(OpKind kind, const std::vector<Value *> &operands,
                               Attributes attributes = {}, const RegionFiller &fill = {});
  Value *constant(Tensor content);
  Value *scalar(DType dtype, double value);

private:
  friend class GraphImporter;
  GraphImporter &graph_;
  const onnx::NodeProto &node_;
  Scope &scope_;
  int64_t opset_;
  std::string location_;
};

} // namespace edgecc::importer
