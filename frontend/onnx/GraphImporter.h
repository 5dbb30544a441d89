// The state of one import: what all nodes share. Internal to the frontend.
//
// Inside the importer a node that cannot be imported throws NodeError, so that decompositions read
// like formulas; GraphImporter catches it at the node, goes on to collect the others, and the
// public functions return Diagnostics.
#pragma once

#include "frontend/onnx/Importer.h"
#include "frontend/onnx/TensorProto.h"
#include "ir/Builder.h"

#include <set>
#include <unordered_map>

namespace edgecc::importer {

class NodeContext;

struct NodeError {
  std::string what;
  std::string hint;
  // The op as such is fine; its operands' shapes or types do not fit it.
  bool isMismatch = false;
};

// The value, or throws the first diagnostic as a NodeError.
template <class T> T unwrap(Expected<T> result) {
  if (!result)
    throw NodeError{result.error().front().what, result.error().front().hint, false};
  if constexpr (!std::is_void_v<T>)
    return *std::move(result);
}

// Names from the file, cut to a length that fits in a message and without control characters.
std::string printable(const std::string &name);

using NodeList = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

// Names that are visible while a graph or a function body is imported.
struct Scope {
  const Scope *parent = nullptr; // the enclosing graph; null for the main graph and functions
  // Null: the node that computes it failed.
  std::unordered_map<std::string, Value *> values;
  std::set<std::string> absent;          // inputs of the function that its call leaves out
  std::map<std::string, int64_t> opsets; // by domain
  // The caller's attributes inside a function body.
  std::map<std::string, const onnx::AttributeProto *> formals;
  std::string prefix; // of node names: the calls that led here, "call/inner/"
  unsigned depth = 0; // of functions and subgraphs

  // The entry of `name` here or in an enclosing graph; null if there is none.
  Value *const *find(const std::string &name) const;
  bool isAbsent(const std::string &name) const;
};

class GraphImporter {
public:
  GraphImporter(const onnx::ModelProto &model, TensorSource &source, const ImportOptions &options,
                Module &module);

  Expected<void> run();

  // --- for NodeContext and the op importers ---
  // Creates an op in the current block; folds it if its operands are constant. Throws NodeError.
  std::vector<Value *> emit(OpKind kind, std::span<Value *const> operands, Attributes attributes,
                            const RegionFiller &fill = {});
  Value *constant(Tensor content, const std::string &name);
  Tensor tensor(const onnx::TensorProto &proto);
  Tensor sparseTensor(const onnx::SparseTensorProto &proto);
  // Imports `graph`, whose inputs are `arguments`, into the current block and returns its outputs.
  std::vector<Value *> inlineGraph(const onnx::GraphProto &graph,
                                   const std::vector<Value *> &arguments, const Scope &outer);
  // Lets `build` emit the content of `block`, whose arguments exist, and yields what it returns.
  using RegionBuilder = std::function<std::vector<Value *>()>;
  Expected<void> fillRegion(Block &block, const RegionBuilder &build);
  // The same from `graph`, whose inputs are `arguments`.
  Expected<void> fillRegion(Block &block, const onnx::GraphProto &graph,
                            const std::vector<Value *> &arguments, const Scope &outer) {
    return fillRegion(block, [&] { return inlineGraph(graph, arguments, outer); });
  }
  // A mark before an attempt, and what can be done with the nodes that failed since then.
  size_t failureMark() const { return failed_.size(); }
  // Whether there are some, all because shapes or types do not fit.
  bool onlyMismatchesSince(size_t mark) const;
  void forgetFailuresSince(size_t mark) { failed_.resize(mark); }
  // No longer errors: they become one warning. False if nobody receives warnings.
  bool turnIntoWarning(size_t mark, const std::string &what);
  // The model's inputs that `value` is computed from; noted as needed at compile time.
  std::set<std::string> needInputsOf(const Value *value);
  Module &module() { return module_; }

private:
  friend class NodeContext;
  struct FailedNode {
    std::string node, op, domain;
    int64_t opset;
    std::string what, hint;
    bool isMismatch;
  };

  Expected<void> readOpsets();
  Expected<void> bindSymbols();
  Expected<Type> inputType(const onnx::ValueInfoProto &input) const;
  Expected<void> addInitializers(const onnx::GraphProto &graph, Scope &scope);
  Expected<void> addInputs(Scope &scope);
  Expected<void> addOutputs(const Scope &scope);
  Expected<void> reportFailures() const;
  void eraseUnusedConstants();

  void importNodes(const NodeList &nodes, Scope &scope);
  void importNode(const onnx::NodeProto &node, Scope &scope, unsigned index);
  void callFunction(const onnx::FunctionProto &function, NodeContext &call, const Scope &caller);
  std::vector<Value *> outputsOf(const onnx::GraphProto &graph, const Scope &scope) const;
  bool mayFold(const Op &op);
  bool fold(Op *op, std::vector<Value *> &results);

  const onnx::ModelProto &model_;
  TensorSource &source_;
  const ImportOptions &options_;
  Module &module_;
  Function *function_ = nullptr;
  Builder *builder_ = nullptr; // at the end of the block that is being filled
  std::map<std::string, int64_t> opsets_;
  std::map<std::string, int64_t> symbols_; // bound symbolic dimensions
  std::map<std::tuple<std::string, std::string, std::string>, const onnx::FunctionProto *>
      functions_;
  std::vector<FailedNode> failed_;
  int64_t numNodes_ = 0;      // imported so far, with those of inlined functions
  int64_t numOps_ = 0;        // emitted so far
  int64_t constantBytes_ = 0; // of Constant nodes and what importers compute, so far
  int64_t foldedBytes_ = 0;   // results of folding so far
  int64_t foldedWork_ = 0;    // operations spent on folding so far
};

} // namespace edgecc::importer
