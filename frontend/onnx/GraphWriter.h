// Writes one ONNX graph. Internal to the frontend.
#pragma once

#include "frontend/onnx/TensorProto.h"
#include "ir/Module.h"

#include <set>

namespace edgecc::exporter {

// Names of the model's tensors, which are unique over all graphs, and what the model as a whole
// needs.
struct ModelNames {
  std::map<const Value *, std::string> values;
  std::set<std::string> taken;
  std::set<std::string> takenNodes;
  int64_t opset = 21;

  std::string unique(const std::string &wanted);
  std::string uniqueNode(const std::string &wanted);
};

// A node under construction.
class NodeBuilder {
public:
  explicit NodeBuilder(onnx::NodeProto &node) : node_(node) {}
  NodeBuilder &set(const char *name, int64_t value);
  NodeBuilder &set(const char *name, bool value) { return set(name, int64_t{value}); }
  NodeBuilder &set(const char *name, double value);
  NodeBuilder &set(const char *name, const std::string &value);
  NodeBuilder &set(const char *name, const std::vector<int64_t> &values);
  NodeBuilder &set(const char *name, const std::vector<double> &values);
  NodeBuilder &set(const char *name, const std::vector<std::string> &values);
  onnx::GraphProto &graph(const char *name);

private:
  onnx::AttributeProto &attribute(const char *name, onnx::AttributeProto::AttributeType type);
  onnx::NodeProto &node_;
};

class GraphWriter {
public:
  GraphWriter(onnx::GraphProto &graph, ModelNames &names) : graph_(graph), names_(names) {}

  ModelNames &names() { return names_; }

  // Writes the ops of `block` and its yielded values as outputs, named `outputs` where given.
  Expected<void> writeBlock(const Block &block, const std::vector<std::string> &outputs = {});

  // The name of a value that is written already; "" for an absent one.
  std::string nameOf(const Value *value) const;
  std::vector<std::string> operandNames(const Op &op) const;

  // A node that computes the op's results; results without uses at the end are left out.
  NodeBuilder node(const Op &op, const char *opType, std::vector<std::string> inputs);
  NodeBuilder node(const Op &op, const char *opType) { return node(op, opType, operandNames(op)); }
  // A node in front of the one that computes the op's results; sets `result` to its output's name.
  NodeBuilder helper(const Op &op, const char *opType, std::vector<std::string> inputs,
                     std::string &result);
  // The name of a new initialiser.
  std::string ints(const Op &op, const std::vector<int64_t> &values);
  std::string floats(const Op &op, const std::vector<double> &values);
  std::string constant(const Op &op, const Tensor &content);
  std::string scalar(const Op &op, DType dtype, double value);

  // The op needs at least this opset.
  void needOpset(int64_t opset) { names_.opset = std::max(names_.opset, opset); }

  onnx::ValueInfoProto &declare(const Value &value, onnx::ValueInfoProto &info) const;

private:
  onnx::NodeProto &addNode(const Op &op, const char *opType,
                           const std::vector<std::string> &inputs);

  onnx::GraphProto &graph_;
  ModelNames &names_;
};

// Writes the nodes for one op: the table of ops, in ExportOps.cpp. Fails with the reason if ONNX
// has no equivalent.
Expected<void> writeOp(GraphWriter &writer, const Op &op);

// Families with more to say than a list of attributes.
Expected<void> writeContraction(GraphWriter &writer, const Op &op);
Expected<void> writeControl(GraphWriter &writer, const Op &op);
Expected<void> writeMovement(GraphWriter &writer, const Op &op);
Expected<void> writeQuantization(GraphWriter &writer, const Op &op);
Expected<void> writeResize(GraphWriter &writer, const Op &op);
Expected<void> writeMaxUnpool(GraphWriter &writer, const Op &op);

} // namespace edgecc::exporter
