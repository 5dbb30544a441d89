#include "frontend/onnx/GraphWriter.h"

#include "ir/OpDef.h"

namespace edgecc::exporter {

static std::string uniqueIn(std::set<std::string> &taken, const std::string &wanted) {
  std::string name = wanted;
  for (unsigned i = 1; !taken.insert(name).second; ++i)
    name = wanted + "_" + std::to_string(i);
  return name;
}

std::string ModelNames::unique(const std::string &wanted) {
  return uniqueIn(taken, wanted.empty() ? "value" : wanted);
}

std::string ModelNames::uniqueNode(const std::string &wanted) {
  return uniqueIn(takenNodes, wanted);
}

// --- NodeBuilder ---

onnx::AttributeProto &NodeBuilder::attribute(const char *name,
                                             onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto &attribute = *node_.add_attribute();
  attribute.set_name(name);
  attribute.set_type(type);
  return attribute;
}

NodeBuilder &NodeBuilder::set(const char *name, int64_t value) {
  attribute(name, onnx::AttributeProto::INT).set_i(value);
  return *this;
}

NodeBuilder &NodeBuilder::set(const char *name, double value) {
  attribute(name, onnx::AttributeProto::FLOAT).set_f(static_cast<float>(value));
  return *this;
}

NodeBuilder &NodeBuilder::set(const char *name, const std::string &value) {
  attribute(name, onnx::AttributeProto::STRING).set_s(value);
  return *this;
}

NodeBuilder &NodeBuilder::set(const char *name, const std::vector<int64_t> &values) {
  onnx::AttributeProto &list = attribute(name, onnx::AttributeProto::INTS);
  list.mutable_ints()->Add(values.begin(), values.end());
  return *this;
}

NodeBuilder &NodeBuilder::set(const char *name, const std::vector<double> &values) {
  onnx::AttributeProto &list = attribute(name, onnx::AttributeProto::FLOATS);
  for (double value : values)
    list.add_floats(static_cast<float>(value));
  return *this;
}

NodeBuilder &NodeBuilder::set(const char *name, const std::vector<std::string> &values) {
  onnx::AttributeProto &list = attribute(name, onnx::AttributeProto::STRINGS);
  for (const std::string &value : values)
    list.add_strings(value);
  return *this;
}

onnx::GraphProto &NodeBuilder::graph(const char *name) {
  onnx::GraphProto &graph = *attribute(name, onnx::AttributeProto::GRAPH).mutable_g();
  graph.set_name(name);
  return graph;
}

// --- GraphWriter ---

std::string GraphWriter::nameOf(const Value *value) const {
  return value ? names_.values.at(value) : std::string();
}

std::vector<std::string> GraphWriter::operandNames(const Op &op) const {
  std::vector<std::string> names;
  for (const Value *operand : op.operands())
    names.push_back(nameOf(operand));
  return names;
}

onnx::NodeProto &GraphWriter::addNode(const Op &op, const char *opType,
                                      const std::vector<std::string> &inputs) {
  onnx::NodeProto &node = *graph_.add_node();
  node.set_op_type(opType);
  node.set_name(names_.uniqueNode(op.location.empty() ? opType : op.location));
  size_t count = inputs.size();
  while (count > 0 && inputs[count - 1].empty())
    --count;
  for (size_t i = 0; i < count; ++i)
    node.add_input(inputs[i]);
  return node;
}

NodeBuilder GraphWriter::node(const Op &op, const char *opType, std::vector<std::string> inputs) {
  onnx::NodeProto &node = addNode(op, opType, inputs);
  unsigned last = 0; // the last result that is used, or the first one
  for (unsigned i = 1; i < op.numResults(); ++i)
    if (!op.result(i)->uses().empty())
      last = i;
  for (unsigned i = 0; i < op.numResults() && i <= last; ++i) {
    node.add_output(nameOf(op.result(i)));
    declare(*op.result(i), *graph_.add_value_info());
  }
  return NodeBuilder(node);
}

NodeBuilder GraphWriter::helper(const Op &op, const char *opType, std::vector<std::string> inputs,
                                std::string &result) {
  onnx::NodeProto &node = addNode(op, opType, inputs);
  result = names_.unique(nameOf(op.result()) + "_" + opType);
  node.add_output(result);
  return NodeBuilder(node);
}

std::string GraphWriter::constant(const Op &op, const Tensor &content) {
  std::string name =
      names_.unique((op.location.empty() ? std::string(op.name()) : op.location) + "_constant");
  *graph_.add_initializer() = tensorToProto(content, name);
  return name;
}

std::string GraphWriter::ints(const Op &op, const std::vector<int64_t> &values) {
  return constant(op, Tensor::ofInts(values));
}

std::string GraphWriter::floats(const Op &op, const std::vector<double> &values) {
  Tensor content(DType::F32, {static_cast<int64_t>(values.size())});
  for (size_t i = 0; i < values.size(); ++i)
    content.setDouble(static_cast<int64_t>(i), values[i]);
  return constant(op, content);
}

std::string GraphWriter::scalar(const Op &op, DType dtype, double value) {
  Tensor content(dtype, {});
  content.setDouble(0, value);
  return constant(op, content);
}

onnx::ValueInfoProto &GraphWriter::declare(const Value &value, onnx::ValueInfoProto &info) const {
  info.set_name(nameOf(&value));
  onnx::TypeProto::Tensor &type = *info.mutable_type()->mutable_tensor_type();
  type.set_elem_type(dtypeToOnnx(value.type.dtype));
  onnx::TensorShapeProto &shape = *type.mutable_shape();
  for (unsigned i = 0; i < value.type.rank(); ++i) {
    onnx::TensorShapeProto::Dimension &dim = *shape.add_dim();
    if (value.type.boundedAxes >> i & 1)
      dim.set_dim_param(info.name() + "_dim" + std::to_string(i));
    else
      dim.set_dim_value(value.type.dims[i]);
  }
  return info;
}

Expected<void> GraphWriter::writeBlock(const Block &block,
                                       const std::vector<std::string> &outputs) {
  // An output has its own name, so a value that is an argument, a parameter, a value of an outer
  // graph, or another output as well goes through an Identity.
  const Op &end = *block.terminator();
  std::vector<std::pair<const Value *, std::string>> copies;
  for (unsigned i = 0; i < end.numOperands(); ++i) {
    const Value *value = end.operand(i);
    std::string wanted = i < outputs.size() ? outputs[i] : names_.unique("output");
    const Op *definedBy = value->definingOp();
    bool owned = definedBy && definedBy->kind() != OpKind::Param && definedBy->block() == &block;
    if (!owned || !names_.values.emplace(value, wanted).second)
      copies.emplace_back(value, wanted);
  }
  Diagnostics problems;
  for (const auto &op : block.ops()) {
    for (unsigned i = 0; i < op->numResults(); ++i)
      if (const Value *result = op->result(i); !names_.values.contains(result)) {
        std::string wanted = op->parameter                        ? op->parameter->name
                             : !result->provenance.tensor.empty() ? result->provenance.tensor
                             : !op->location.empty()              ? op->location + "_output"
                                                                  : std::string(op->name());
        names_.values[result] = names_.unique(wanted);
      }
    if (op->parameter) {
      *graph_.add_initializer() = tensorToProto(op->parameter->content, nameOf(op->result()));
      continue;
    }
    if (auto written = writeOp(*this, *op); !written)
      for (Diagnostic &problem : written.error())
        problems.push_back(std::move(problem));
  }
  if (!problems.empty())
    return tl::unexpected(std::move(problems));
  for (const auto &[value, name] : copies) {
    onnx::NodeProto &node = *graph_.add_node();
    node.set_op_type("Identity");
    node.set_name(names_.uniqueNode("Identity_" + name));
    node.add_input(nameOf(value));
    node.add_output(name);
  }
  for (unsigned i = 0, copied = 0; i < end.numOperands(); ++i) {
    onnx::ValueInfoProto &info = declare(*end.operand(i), *graph_.add_output());
    if (copied < copies.size() && copies[copied].first == end.operand(i) &&
        (i >= outputs.size() || copies[copied].second == outputs[i]))
      info.set_name(copies[copied++].second);
  }
  return {};
}

} // namespace edgecc::exporter
