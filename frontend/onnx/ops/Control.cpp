// If, Loop and Scan.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <algorithm>
#include <limits>
#include <ranges>

namespace edgecc::importer {
namespace {

void setOutputs(NodeContext &n, const std::vector<Value *> &results) {
  if (results.size() < n.numOutputs())
    n.fail("the subgraph has " + std::to_string(results.size()) + " outputs, the node " +
           std::to_string(n.numOutputs()));
  for (unsigned i = 0; i < n.numOutputs(); ++i)
    n.setOutput(i, results[i]);
}

// Networks for several input sizes choose among them with an If. With the sizes bound, a branch for
// another size cannot run; choosing it would be an error in ONNX. It becomes a branch that yields
// NaN of the types that `other` yields.
Expected<void> replaceBranch(NodeContext &n, Block &branch, const Block &other, size_t mark,
                             const char *which) {
  auto refuse = [] { return error(""); }; // the failures in the branch are listed already
  for (const Value *value : other.yields())
    if (!isFloat(value->type.dtype) || !value->type.isStatic())
      return refuse();
  if (!n.graph().turnIntoWarning(mark, std::string("the ") + which +
                                           " cannot run with these input shapes, and yields NaN"))
    return refuse();
  std::vector<Op *> ops = branch.snapshot();
  for (Op *op : std::views::reverse(ops))
    op->erase();
  Builder builder(n.graph().module(), branch);
  builder.location = n.location();
  std::vector<Value *> yields;
  for (const Value *value : other.yields()) {
    Value *nan = builder.scalar(value->type.dtype, std::numeric_limits<double>::quiet_NaN());
    yields.push_back(builder.create(OpKind::Expand, {nan}, {{"shape", value->type.dims}}));
  }
  builder.yield(yields);
  return {};
}

// A branch that is known to be taken replaces the node.
void importIf(NodeContext &n) {
  const onnx::GraphProto &thenBranch = n.graphAttribute("then_branch");
  const onnx::GraphProto &elseBranch = n.graphAttribute("else_branch");
  if (const Tensor *condition = n.constantInput(0)) {
    if (condition->elements() != 1)
      n.fail("the condition must have one element");
    const auto &taken = condition->asInt(0) ? thenBranch : elseBranch;
    return setOutputs(n, n.graph().inlineGraph(taken, {}, n.scope()));
  }
  setOutputs(n, n.emitAll(OpKind::If, {n.input(0)}, {}, [&](Op &op) -> Expected<void> {
    size_t mark = n.graph().failureMark();
    auto thenFilled = n.graph().fillRegion(op.region(0), thenBranch, {}, n.scope());
    bool thenCannotRun = !thenFilled && n.graph().onlyMismatchesSince(mark);
    if (!thenFilled && !thenCannotRun)
      return thenFilled;
    size_t elseMark = n.graph().failureMark();
    auto elseFilled = n.graph().fillRegion(op.region(1), elseBranch, {}, n.scope());
    if (elseFilled && thenCannotRun)
      return replaceBranch(n, op.region(0), op.region(1), mark, "then_branch");
    if (!elseFilled && thenFilled && n.graph().onlyMismatchesSince(elseMark))
      return replaceBranch(n, op.region(1), op.region(0), elseMark, "else_branch");
    return elseFilled;
  }));
}

struct LoopParts {
  const onnx::GraphProto &body;
  int64_t trips;    // at most
  Value *condition; // of the first trip
  bool endless;     // the condition of the first trip is known to hold
  std::vector<Value *> carried;
};

constexpr int64_t kUnbounded = int64_t{1} << 31;
constexpr int64_t kMostUnrolled = 256;

// Operands: the most trips, the condition of the first, carried values. Either of the first two may
// be left out. The IR's loop takes the bound as an attribute.
LoopParts readLoop(NodeContext &n) {
  LoopParts loop{n.graphAttribute("body"), kUnbounded, n.optionalInput(1), true, {}};
  if (n.hasInput(0)) {
    auto given = n.requireInts(0, "the trip count");
    if (given.size() != 1)
      n.fail("the trip count must be one number");
    loop.trips = std::clamp<int64_t>(given[0], 0, kUnbounded);
  }
  if (!loop.condition)
    loop.condition = n.scalar(DType::Bool, 1);
  else {
    const Tensor *known = constantOf(loop.condition);
    loop.endless = known && known->elements() == 1 && known->asInt(0) != 0;
  }
  for (unsigned i = 2; i < n.numInputs(); ++i)
    loop.carried.push_back(n.input(i));
  if (static_cast<size_t>(loop.body.input_size()) != loop.carried.size() + 2 ||
      static_cast<size_t>(loop.body.output_size()) < loop.carried.size() + 1)
    n.fail("the body takes " + std::to_string(loop.body.input_size()) +
           " inputs, the loop carries " + std::to_string(loop.carried.size()) + " values");
  return loop;
}

std::vector<Value *> emitLoop(NodeContext &n, const LoopParts &loop) {
  std::vector<Value *> operands{loop.condition};
  operands.insert(operands.end(), loop.carried.begin(), loop.carried.end());
  auto fill = [&](Op &op) -> Expected<void> {
    Block &block = op.region(0);
    std::vector<Value *> arguments{block.addArgument({DType::I64, {}, 0, {}}),
                                   block.addArgument({DType::Bool, {}, 0, {}})};
    for (const Value *value : loop.carried)
      arguments.push_back(block.addArgument(value->type));
    EDGECC_CHECK(n.graph().fillRegion(block, loop.body, arguments, n.scope()));
    // The condition cannot become false if the body hands on what it was given, or a constant.
    const Value *next = block.yields()[0];
    const Tensor *known = constantOf(next);
    bool staysTrue =
        next == arguments[1] || (known && known->elements() == 1 && known->asInt(0) != 0);
    op.set("fixed_trips", loop.endless && staysTrue);
    if (loop.trips == kUnbounded && block.yields().size() > operands.size())
      return error("the number of trips has no bound", {}, "give the loop a constant trip count");
    return {};
  };
  return n.emitAll(OpKind::Loop, operands, {{"max_trips", loop.trips}, {"fixed_trips", false}},
                   fill);
}

// The body once for each trip, in which the number of the trip is a constant and what is carried
// may change its shape.
std::vector<Value *> unrollLoop(NodeContext &n, LoopParts loop) {
  std::vector<std::vector<Value *>> stacked(static_cast<size_t>(loop.body.output_size()) - 1 -
                                            loop.carried.size());
  bool goesOn = true;
  for (int64_t trip = 0; trip < loop.trips && goesOn; ++trip) {
    std::vector<Value *> arguments{n.constant(Tensor::scalar(DType::I64, trip)), loop.condition};
    arguments.insert(arguments.end(), loop.carried.begin(), loop.carried.end());
    auto results = n.graph().inlineGraph(loop.body, arguments, n.scope());
    loop.condition = results[0];
    const Tensor *known = constantOf(loop.condition);
    if (!known || known->elements() != 1)
      n.fail("shapes depend on the number of the trip, and the end of the loop on run-time values");
    goesOn = known->asInt(0) != 0;
    std::copy_n(results.begin() + 1, loop.carried.size(), loop.carried.begin());
    for (size_t i = 0; i < stacked.size(); ++i) {
      Value *slice = results[1 + loop.carried.size() + i];
      Dims dims = slice->dims();
      dims.insert(dims.begin(), 1);
      stacked[i].push_back(reshape(n, slice, std::move(dims)));
    }
  }
  std::vector<Value *> results = std::move(loop.carried);
  for (const std::vector<Value *> &slices : stacked) {
    if (slices.empty())
      n.fail("the loop makes no trip, so that the shapes of its outputs are not known");
    results.push_back(concat(n, slices, 0));
  }
  return results;
}

// A short loop whose body needs the number of the trip as a constant, or shapes that change, is
// unrolled.
void importLoop(NodeContext &n) {
  LoopParts loop = readLoop(n);
  size_t mark = n.graph().failureMark();
  try {
    return setOutputs(n, emitLoop(n, loop));
  } catch (NodeError &) {
    if (!loop.endless || loop.trips > kMostUnrolled)
      throw;
  }
  n.graph().forgetFailuresSince(mark);
  setOutputs(n, unrollLoop(n, std::move(loop)));
}

std::vector<int64_t> listOrZeros(NodeContext &n, const char *name, size_t count) {
  std::vector<int64_t> values = n.intsAttribute(name);
  values.resize(count, 0);
  return values;
}

// `axis` moved to the front, or the front moved to `axis`.
Value *moveAxis(NodeContext &n, Value *x, int64_t from, int64_t to) {
  std::vector<int64_t> perm = allAxes(x->dims().size());
  perm.erase(perm.begin() + from);
  perm.insert(perm.begin() + to, from);
  return transpose(n, x, std::move(perm));
}

// What the opsets of Scan have in common: states, then scanned operands, and how to read and write.
struct ScanParts {
  std::vector<Value *> states, scanned;
  std::vector<int64_t> inputAxes, outputAxes, inputReversed, outputReversed;
};

std::vector<Value *> emitScan(NodeContext &n, const ScanParts &parts) {
  const onnx::GraphProto &body = n.graphAttribute("body");
  std::vector<Value *> operands = parts.states;
  std::vector<Type> types;
  for (const Value *state : parts.states)
    types.push_back(state->type);
  for (size_t i = 0; i < parts.scanned.size(); ++i) {
    Value *x = parts.scanned[i];
    x = moveAxis(n, x, normalizedAxis(n, parts.inputAxes[i], x->dims().size()), 0);
    operands.push_back(x);
    types.push_back(x->type);
    types.back().dims.erase(types.back().dims.begin());
  }
  auto fill = [&](Op &op) -> Expected<void> {
    std::vector<Value *> arguments;
    for (const Type &type : types)
      arguments.push_back(op.region(0).addArgument(type));
    return n.graph().fillRegion(op.region(0), body, arguments, n.scope());
  };
  auto results = n.emitAll(OpKind::Scan, operands,
                           {{"num_scans", static_cast<int64_t>(parts.scanned.size())},
                            {"reverse_inputs", parts.inputReversed},
                            {"reverse_outputs", parts.outputReversed}},
                           fill);
  for (size_t i = parts.states.size(); i < results.size(); ++i) {
    int64_t axis =
        normalizedAxis(n, parts.outputAxes[i - parts.states.size()], results[i]->dims().size());
    results[i] = moveAxis(n, results[i], 0, axis);
  }
  return results;
}

ScanParts readScan(NodeContext &n, unsigned firstState, const char *inputDirections) {
  const onnx::GraphProto &body = n.graphAttribute("body");
  int64_t scans = n.intAttribute("num_scan_inputs");
  int64_t operands = static_cast<int64_t>(n.numInputs()) - firstState;
  if (scans < 1 || scans > operands)
    n.fail("num_scan_inputs is not the number of scanned operands");
  auto states = static_cast<size_t>(operands - scans), count = static_cast<size_t>(scans);
  if (body.input_size() != operands || body.output_size() < static_cast<int>(states))
    n.fail("the body does not take the states and scanned operands");
  ScanParts parts;
  for (unsigned i = firstState; i < n.numInputs(); ++i)
    (parts.states.size() < states ? parts.states : parts.scanned).push_back(n.input(i));
  size_t stacked = static_cast<size_t>(body.output_size()) - states;
  parts.inputAxes = listOrZeros(n, "scan_input_axes", count);
  parts.outputAxes = listOrZeros(n, "scan_output_axes", stacked);
  parts.inputReversed = listOrZeros(n, inputDirections, count);
  parts.outputReversed = listOrZeros(n, "scan_output_directions", stacked);
  return parts;
}

// Opset 8 has sequence lengths in front, and a batch axis before everything.
void importBatchedScan(NodeContext &n) {
  if (n.hasInput(0))
    n.fail("sequence lengths are not supported", "convert the model to opset 9 or newer");
  ScanParts parts = readScan(n, 1, "directions");
  auto dropBatch = [&](std::vector<Value *> &values) {
    for (Value *&value : values) {
      if (value->dims().empty() || value->dims()[0] != 1)
        n.fail("batches of more than one entry are not supported",
               "convert the model to opset 9 or newer");
      value = reshape(n, value, Dims(value->dims().begin() + 1, value->dims().end()));
    }
  };
  dropBatch(parts.states);
  dropBatch(parts.scanned);
  std::vector<Value *> results = emitScan(n, parts);
  for (Value *&result : results) {
    Dims dims = result->dims();
    dims.insert(dims.begin(), 1);
    result = reshape(n, result, std::move(dims));
  }
  setOutputs(n, results);
}

void importScan(NodeContext &n) {
  if (n.opset() < 9)
    return importBatchedScan(n);
  setOutputs(n, emitScan(n, readScan(n, 0, "scan_input_directions")));
}

} // namespace

void addControlOps(OpTable &table) {
  table.add("If", importIf);
  table.add("Loop", importLoop);
  table.add("Scan", importScan);
}

} // namespace edgecc::importer
