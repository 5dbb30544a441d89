#include "frontend/onnx/NodeContext.h"

namespace edgecc::importer {

NodeContext::NodeContext(GraphImporter &graph, const onnx::NodeProto &node, Scope &scope,
                         int64_t opset, std::string location)
    : graph_(graph), node_(node), scope_(scope), opset_(opset), location_(std::move(location)) {}

void NodeContext::fail(std::string what, std::string hint) const {
  throw NodeError{std::move(what), std::move(hint), false};
}

void NodeContext::mismatch(std::string what, std::string hint) const {
  throw NodeError{std::move(what), std::move(hint), true};
}

Value *NodeContext::optionalInput(unsigned i) const {
  if (!hasInput(i))
    return nullptr;
  const std::string &name = node_.input(static_cast<int>(i));
  Value *const *found = scope_.find(name);
  if (!found)
    fail("reads '" + printable(name) + "', which nothing before it computes",
         "the model's nodes must be in topological order");
  assert(*found && "nodes behind a failed one are not imported");
  return *found;
}

Value *NodeContext::input(unsigned i) const {
  if (!hasInput(i))
    fail("operand " + std::to_string(i) + " is missing");
  return optionalInput(i);
}

void NodeContext::setOutput(unsigned i, Value *value) {
  if (!hasOutput(i))
    return;
  const std::string &name = node_.output(static_cast<int>(i));
  if (!scope_.values.emplace(name, value).second)
    fail("computes '" + printable(name) + "', which is computed already");
  if (value->provenance.tensor.empty())
    value->provenance.tensor = name;
}

// --- attributes ---

const onnx::AttributeProto *NodeContext::attribute(std::string_view name) const {
  for (const onnx::AttributeProto &attribute : node_.attribute()) {
    if (attribute.name() != name)
      continue;
    if (attribute.ref_attr_name().empty())
      return &attribute;
    auto it = scope_.formals.find(attribute.ref_attr_name());
    return it == scope_.formals.end() ? nullptr : it->second;
  }
  return nullptr;
}

static void requireField(const NodeContext &node, std::string_view name, bool present,
                         const char *type) {
  if (!present)
    node.fail("attribute '" + std::string(name) + "' must be " + type);
}

int64_t NodeContext::intAttribute(std::string_view name, int64_t absent) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return absent;
  // Some exporters leave out the value 0.
  requireField(*this, name, found->has_i() || found->type() == onnx::AttributeProto::INT,
               "an integer");
  return found->i();
}

int64_t NodeContext::intAttribute(std::string_view name) const {
  if (!hasAttribute(name))
    fail("attribute '" + std::string(name) + "' is missing");
  return intAttribute(name, 0);
}

double NodeContext::floatAttribute(std::string_view name, double absent) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return absent;
  requireField(*this, name, found->has_f() || found->type() == onnx::AttributeProto::FLOAT,
               "a number");
  return static_cast<double>(found->f());
}

std::string NodeContext::stringAttribute(std::string_view name, std::string absent) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return absent;
  requireField(*this, name, found->has_s() || found->type() == onnx::AttributeProto::STRING,
               "a string");
  return found->s();
}

std::vector<int64_t> NodeContext::intsAttribute(std::string_view name) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return {};
  return {found->ints().begin(), found->ints().end()};
}

std::vector<double> NodeContext::floatsAttribute(std::string_view name) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return {};
  return {found->floats().begin(), found->floats().end()};
}

std::vector<std::string> NodeContext::stringsAttribute(std::string_view name) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found)
    return {};
  return {found->strings().begin(), found->strings().end()};
}

const onnx::GraphProto &NodeContext::graphAttribute(std::string_view name) const {
  const onnx::AttributeProto *found = attribute(name);
  if (!found || !found->has_g())
    fail("attribute '" + std::string(name) + "' must be a graph");
  return found->g();
}

std::optional<DType> NodeContext::dtypeAttribute(std::string_view name) const {
  int64_t code = intAttribute(name, 0);
  if (code == 0)
    return std::nullopt;
  auto dtype = code > 0 && code < 1000 ? dtypeFromOnnx(static_cast<int32_t>(code)) : std::nullopt;
  if (!dtype)
    fail("element type " + onnxTypeName(static_cast<int32_t>(code)) + " is not supported");
  return dtype;
}

// --- constants ---

const Tensor *NodeContext::constantInput(unsigned i) const {
  Value *value = optionalInput(i);
  return value ? constantOf(value) : nullptr;
}

const Tensor &NodeContext::requireConstant(unsigned i, std::string_view what) const {
  Value *value = input(i);
  if (const Tensor *content = constantOf(value))
    return *content;
  std::string sources;
  for (const std::string &name : graph_.needInputsOf(value))
    if (sources.size() < 200)
      sources += (sources.empty() ? "'" : ", '") + printable(name) + "'";
  if (sources.empty())
    fail(std::string(what) + " (operand " + std::to_string(i) +
         ") must be known at compile time, but changes inside of a loop");
  fail(std::string(what) + " (operand " + std::to_string(i) +
           ") must be known at compile time, but depends on the value of the run-time input " +
           sources,
       "make it an initialiser, or freeze that input to a constant (--freeze NAME=FILE)");
}

std::vector<int64_t> NodeContext::requireInts(unsigned i, std::string_view what) const {
  const Tensor &content = requireConstant(i, what);
  constexpr int64_t kMostEntries = 1 << 20;
  if (content.elements() > kMostEntries || !isInteger(content.dtype()))
    fail(std::string(what) + " (operand " + std::to_string(i) + ") must be a list of integers");
  return content.asInts();
}

std::optional<std::vector<int64_t>> NodeContext::intsFrom(std::string_view attribute, unsigned i,
                                                          std::string_view what) const {
  if (hasAttribute(attribute))
    return intsAttribute(attribute);
  if (hasInput(i))
    return requireInts(i, what);
  return std::nullopt;
}

// --- emitting ---

Value *NodeContext::emit(OpKind kind, std::initializer_list<Value *> operands,
                         Attributes attributes) {
  return emit(kind, std::vector<Value *>(operands), std::move(attributes));
}

Value *NodeContext::emit(OpKind kind, const std::vector<Value *> &operands, Attributes attributes) {
  return graph_.emit(kind, operands, std::move(attributes)).front();
}

std::vector<Value *> NodeContext::emitAll(OpKind kind, const std::vector<Value *> &operands,
                                          Attributes attributes, const RegionFiller &fill) {
  return graph_.emit(kind, operands, std::move(attributes), fill);
}

Value *NodeContext::constant(Tensor content) {
  return graph_.constant(std::move(content), location_);
}

Value *NodeContext::scalar(DType dtype, double value) {
  Tensor content(dtype, {});
  content.setDouble(0, value);
  return constant(std::move(content));
}

} // namespace edgecc::importer
