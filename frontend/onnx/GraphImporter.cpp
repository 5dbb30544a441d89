#include "frontend/onnx/GraphImporter.h"

#include "frontend/onnx/NodeContext.h"
#include "frontend/onnx/ops/OpTable.h"

#include <algorithm>

namespace edgecc::importer {
namespace {

constexpr int64_t kMaxNodes = 500'000; // with those of inlined functions, which can multiply
constexpr int64_t kMaxOps = 1'000'000;
constexpr int64_t kMaxConstantBytes = int64_t{1} << 29; // and 16 times the model
constexpr size_t kMaxName = 1024;                       // characters
constexpr size_t kMaxPrefix = 500;                      // characters
constexpr unsigned kMaxDepth = 24;                      // of functions and subgraphs in one another
constexpr int64_t kOldestOpset = 7, kNewestOpset = 28;
constexpr size_t kMaxListedNodes = 200;

// Ops that have always meant the same, and can be read in models that are older than what is
// supported otherwise: broadcasting, inference modes and much else came with opset 7.
bool isUnchangedSinceOpset1(const std::string &opType) {
  static const std::set<std::string_view> kOps = {
      "Abs",           "Ceil",         "Constant", "Conv",
      "ConvTranspose", "DepthToSpace", "Elu",      "Exp",
      "Flatten",       "Floor",        "Gather",   "GlobalAveragePool",
      "GlobalMaxPool", "HardSigmoid",  "Identity", "LeakyRelu",
      "Log",           "LogSoftmax",   "MaxPool",  "Neg",
      "Not",           "Reciprocal",   "Relu",     "Shape",
      "Sigmoid",       "Size",         "Softmax",  "Softplus",
      "Softsign",      "SpaceToDepth", "Sqrt",     "Squeeze",
      "Tanh",          "Transpose",    "Unsqueeze"};
  return kOps.contains(opType);
}

std::string domainOf(const onnx::NodeProto &node) {
  return node.domain() == "ai.onnx" ? std::string() : node.domain();
}

} // namespace

std::string printable(const std::string &name) {
  constexpr size_t kMost = 120;
  std::string text;
  for (char c : name.substr(0, kMost))
    text += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return name.size() > kMost ? text + "..." : text;
}

Value *const *Scope::find(const std::string &name) const {
  for (const Scope *scope = this; scope; scope = scope->parent)
    if (auto it = scope->values.find(name); it != scope->values.end())
      return &it->second;
  return nullptr;
}

bool Scope::isAbsent(const std::string &name) const {
  for (const Scope *scope = this; scope; scope = scope->parent)
    if (scope->absent.contains(name))
      return true;
  return name.empty();
}

GraphImporter::GraphImporter(const onnx::ModelProto &model, TensorSource &source,
                             const ImportOptions &options, Module &module)
    : model_(model), source_(source), options_(options), module_(module) {
  for (const onnx::FunctionProto &function : model.functions())
    functions_[{function.domain(), function.name(), function.overload()}] = &function;
}

Expected<void> GraphImporter::readOpsets() {
  for (const onnx::OperatorSetIdProto &entry : model_.opset_import()) {
    std::string domain = entry.domain() == "ai.onnx" ? "" : entry.domain();
    int64_t &version = opsets_[domain];
    version = std::max(version, entry.version());
  }
  if (!opsets_.contains(""))
    opsets_[""] = 1; // IR versions below 3 had no imports
  int64_t version = opsets_[""];
  if (version > kNewestOpset)
    return error("the model uses opset " + std::to_string(version) + "; the newest supported is " +
                     std::to_string(kNewestOpset),
                 {}, "export it with an older opset");
  return {};
}

Expected<void> GraphImporter::run() {
  if (!model_.has_graph() || model_.graph().output_size() == 0)
    return error("the model has no graph with outputs", {}, "check that the file is an ONNX model");
  EDGECC_CHECK(readOpsets());
  module_.name = printable(model_.graph().name());
  function_ = &module_.addFunction("main");
  Builder builder(module_, function_->body);
  builder_ = &builder;
  Scope scope;
  scope.opsets = opsets_;
  EDGECC_CHECK(addInitializers(model_.graph(), scope));
  EDGECC_CHECK(addInputs(scope));
  importNodes(model_.graph().node(), scope);
  EDGECC_CHECK(reportFailures());
  EDGECC_CHECK(addOutputs(scope));
  eraseUnusedConstants();
  return {};
}

// --- nodes ---

void GraphImporter::importNodes(const NodeList &nodes, Scope &scope) {
  unsigned index = 0;
  for (const onnx::NodeProto &node : nodes)
    importNode(node, scope, index++);
}

static int64_t opsetOf(const Scope &scope, const std::string &domain) {
  auto it = scope.opsets.find(domain);
  return it == scope.opsets.end() ? 1 : it->second;
}

void GraphImporter::importNode(const onnx::NodeProto &node, Scope &scope, unsigned index) {
  std::string domain = domainOf(node);
  std::string name = node.name().empty() ? printable(node.op_type()) + "_" + std::to_string(index)
                                         : printable(node.name());
  std::string location = scope.prefix + name;
  int64_t opset = opsetOf(scope, domain);
  auto fail = [&](std::string what, std::string hint, bool isMismatch) {
    failed_.push_back({location, printable(node.op_type()), printable(domain), opset,
                       std::move(what), std::move(hint), isMismatch});
  };
  std::string outerLocation = std::move(builder_->location);
  builder_->location = location;
  try {
    if (++numNodes_ > kMaxNodes)
      throw NodeError{"the model has more than " + std::to_string(kMaxNodes) + " nodes", {}, false};
    for (const std::string &output : node.output())
      if (output.size() > kMaxName)
        throw NodeError{
            "a name has more than " + std::to_string(kMaxName) + " characters", {}, false};
    auto function = functions_.find({node.domain(), node.op_type(), node.overload()});
    ImportFunction import = findImporter(domain, node.op_type());
    if (!import && function == functions_.end())
      throw NodeError{"there is no such op", whyMissing(domain, node.op_type()), false};
    if (import && domain.empty() && opset < kOldestOpset && !isUnchangedSinceOpset1(node.op_type()))
      throw NodeError{"it is of an opset older than " + std::to_string(kOldestOpset),
                      "convert the model with onnx.version_converter", false};
    // What a failed node would have computed has no value; its users are not reported again.
    bool behindFailure = std::ranges::any_of(node.input(), [&](const std::string &input) {
      Value *const *value = input.empty() ? nullptr : scope.find(input);
      return value && !*value;
    });
    if (!behindFailure) {
      NodeContext context(*this, node, scope, opset, location);
      if (import)
        import(context);
      else
        callFunction(*function->second, context, scope);
    }
  } catch (NodeError &error) {
    if (failed_.size() < kMaxListedNodes && !error.what.empty())
      fail(std::move(error.what), std::move(error.hint), error.isMismatch);
    else if (failed_.empty())
      fail("cannot be imported", {}, false);
  }
  for (const std::string &output : node.output())
    if (!output.empty())
      scope.values.try_emplace(output, nullptr);
  builder_->location = std::move(outerLocation);
}

void GraphImporter::callFunction(const onnx::FunctionProto &function, NodeContext &call,
                                 const Scope &caller) {
  if (caller.depth >= kMaxDepth)
    call.fail("functions call one another more than " + std::to_string(kMaxDepth) + " deep");
  Scope body;
  body.depth = caller.depth + 1;
  body.prefix = call.location().substr(0, kMaxPrefix) + "/";
  body.opsets = opsets_; // for what the function does not import itself
  for (const onnx::OperatorSetIdProto &entry : function.opset_import())
    body.opsets[entry.domain() == "ai.onnx" ? "" : entry.domain()] = entry.version();
  for (const onnx::AttributeProto &attribute : function.attribute_proto())
    body.formals[attribute.name()] = &attribute;
  for (const std::string &name : function.attribute())
    if (const onnx::AttributeProto *actual = call.attribute(name))
      body.formals[name] = actual;
  for (const auto &[name, absent] : std::map(body.formals))
    if (const onnx::AttributeProto *actual = call.attribute(name))
      body.formals[name] = actual;
  for (int i = 0; i < function.input_size(); ++i) {
    if (Value *value = call.optionalInput(static_cast<unsigned>(i)))
      body.values[function.input(i)] = value;
    else
      body.absent.insert(function.input(i));
  }
  size_t failuresBefore = failed_.size();
  importNodes(function.node(), body);
  for (int i = 0; i < function.output_size(); ++i) {
    if (!call.hasOutput(static_cast<unsigned>(i)))
      continue;
    Value *const *value = body.find(function.output(i));
    if (!value)
      call.fail("function " + printable(function.name()) + " does not compute its output '" +
                printable(function.output(i)) + "'");
    if (!*value && failed_.size() == failuresBefore)
      call.fail("function " + printable(function.name()) + " cannot be inlined");
    if (*value)
      call.setOutput(static_cast<unsigned>(i), *value);
  }
}

std::vector<Value *> GraphImporter::outputsOf(const onnx::GraphProto &graph,
                                              const Scope &scope) const {
  std::vector<Value *> outputs;
  for (const onnx::ValueInfoProto &output : graph.output()) {
    Value *const *value = scope.find(output.name());
    if (!value)
      throw NodeError{
          "the subgraph does not compute its output '" + printable(output.name()) + "'", {}, false};
    if (!*value)
      throw NodeError{{}, {}, false}; // the failure inside is listed already
    outputs.push_back(*value);
  }
  return outputs;
}

std::vector<Value *> GraphImporter::inlineGraph(const onnx::GraphProto &graph,
                                                const std::vector<Value *> &arguments,
                                                const Scope &outer) {
  if (outer.depth >= kMaxDepth)
    throw NodeError{
        "subgraphs are nested more than " + std::to_string(kMaxDepth) + " deep", {}, false};
  if (static_cast<size_t>(graph.input_size()) != arguments.size())
    throw NodeError{"the subgraph takes " + std::to_string(graph.input_size()) +
                        " inputs, but is given " + std::to_string(arguments.size()),
                    {},
                    false};
  Scope scope;
  scope.parent = &outer;
  scope.opsets = outer.opsets;
  scope.formals = outer.formals;
  scope.prefix = builder_->location.substr(0, kMaxPrefix) + "/";
  scope.depth = outer.depth + 1;
  unwrap(addInitializers(graph, scope));
  for (size_t i = 0; i < arguments.size(); ++i)
    scope.values[graph.input(static_cast<int>(i)).name()] = arguments[i];
  importNodes(graph.node(), scope);
  return outputsOf(graph, scope);
}

Expected<void> GraphImporter::fillRegion(Block &block, const RegionBuilder &build) {
  Builder inner(module_, block);
  inner.location = builder_->location;
  Builder *saved = std::exchange(builder_, &inner);
  Expected<void> result;
  try {
    inner.yield(build());
  } catch (NodeError &failure) {
    result = error(failure.what, {}, failure.hint);
  }
  builder_ = saved;
  return result;
}

// --- emitting ---

std::vector<Value *> GraphImporter::emit(OpKind kind, std::span<Value *const> operands,
                                         Attributes attributes, const RegionFiller &fill) {
  if (++numOps_ > kMaxOps)
    throw NodeError{"the model has more than " + std::to_string(kMaxOps) + " ops", {}, false};
  for (const Value *operand : operands)
    if (operand && !operand->type.isStatic())
      throw NodeError{"reads a value whose size depends on the data (" + operand->type.str() +
                          "), which is supported for outputs of the model only",
                      "end the model at that value and do the rest in the application", false};
  Expected<Op *> created = builder_->tryCreate(kind, operands, std::move(attributes), fill);
  if (!created)
    throw NodeError{created.error().front().what, created.error().front().hint, !fill};
  Op *op = *created;
  std::vector<Value *> results;
  if (mayFold(*op) && fold(op, results))
    return results;
  for (unsigned i = 0; i < op->numResults(); ++i)
    results.push_back(op->result(i));
  return results;
}

Value *GraphImporter::constant(Tensor content, const std::string &name) {
  constantBytes_ += static_cast<int64_t>(content.bytes());
  if (constantBytes_ > kMaxConstantBytes + 16 * static_cast<int64_t>(source_.model.size()))
    throw NodeError{"the model's computed constants are too large", {}, false};
  return builder_->constant(std::move(content), name);
}

Tensor GraphImporter::tensor(const onnx::TensorProto &proto) {
  return unwrap(tensorFromProto(proto, &source_, builder_->location));
}

Tensor GraphImporter::sparseTensor(const onnx::SparseTensorProto &proto) {
  return unwrap(tensorFromSparse(proto, &source_, builder_->location));
}

// --- failures ---

bool GraphImporter::onlyMismatchesSince(size_t mark) const {
  return failed_.size() > mark &&
         std::all_of(failed_.begin() + static_cast<ptrdiff_t>(mark), failed_.end(),
                     [](const FailedNode &node) { return node.isMismatch; });
}

bool GraphImporter::turnIntoWarning(size_t mark, const std::string &what) {
  if (!options_.warnings)
    return false;
  const FailedNode &first = failed_[mark];
  options_.warnings->push_back({what + ": " + first.node + ": " + first.what, builder_->location,
                                "if it is to run, compile the model for other input shapes"});
  failed_.resize(mark);
  return true;
}

Expected<void> GraphImporter::reportFailures() const {
  if (failed_.empty())
    return {};
  std::string what = std::to_string(failed_.size()) + (failed_.size() == 1 ? " node" : " nodes") +
                     " cannot be compiled:";
  for (const FailedNode &node : failed_) {
    what += "\n  " + node.node + ": " + (node.domain.empty() ? "" : node.domain + ".") + node.op +
            " (opset " + std::to_string(node.opset) + "): " + node.what;
    if (!node.hint.empty())
      what += "; " + node.hint;
  }
  return error(std::move(what));
}

Expected<void> GraphImporter::addOutputs(const Scope &scope) {
  std::vector<Value *> outputs;
  std::set<std::string> names;
  for (const onnx::ValueInfoProto &output : model_.graph().output()) {
    Value *const *value = scope.find(output.name());
    if (!value || !*value)
      return error("no node computes the output '" + printable(output.name()) + "'");
    if (!names.insert(output.name()).second)
      return error("two outputs have the name '" + printable(output.name()) + "'");
    outputs.push_back(*value);
    function_->outputs.push_back({output.name(), {}});
  }
  builder_->yield(outputs);
  return {};
}

// --- ends ---

static void eraseUnusedParams(const Block &block) {
  for (Op *op : block.snapshot()) {
    for (unsigned i = 0; i < op->numRegions(); ++i)
      eraseUnusedParams(op->region(i));
    if (op->kind() == OpKind::Param && op->result()->uses().empty())
      op->erase();
  }
}

void GraphImporter::eraseUnusedConstants() {
  eraseUnusedParams(function_->body);
  module_.eraseUnusedParameters();
}

} // namespace edgecc::importer
