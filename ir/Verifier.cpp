#include "ir/Verifier.h"

#include "ir/OpDef.h"
#include "ir/Text.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace edgecc {

namespace {

// More than anybody reads; keeps the time linear for a module that is wrong throughout.
constexpr size_t kMaxReports = 100;

bool isPermutation(const std::vector<int> &order, unsigned rank) {
  std::vector<int> sorted = order;
  std::ranges::sort(sorted);
  for (unsigned i = 0; i < sorted.size(); ++i)
    if (sorted[i] != static_cast<int>(i))
      return false;
  return sorted.size() == rank;
}

bool isHalo(const Dims &halo, unsigned rank) {
  return halo.empty() ||
         (halo.size() == rank && std::ranges::all_of(halo, [](int64_t e) { return e >= 0; }));
}

class Verifier {
public:
  explicit Verifier(const Module &module) : module_(module) {}

  Diagnostics run() {
    parameters();
    std::set<std::string_view> names;
    for (const auto &f : module_.functions()) {
      if (!names.insert(f->name).second)
        report("two functions are called " + f->name, f->name);
      function(*f);
    }
    return std::move(diagnostics_);
  }

private:
  void report(std::string what, std::string where) {
    if (diagnostics_.size() < kMaxReports)
      diagnostics_.push_back({std::move(what), std::move(where), {}});
  }
  void report(const Op &op, const std::string &what) {
    if (diagnostics_.size() < kMaxReports) // print() takes time
      report(what + ", in: " + print(op), op.location);
  }

  void parameters() {
    for (const auto &parameter : module_.parameters()) {
      if (module_.findParameter(parameter->name) != parameter.get())
        report("a parameter is not found under its name", parameter->name);
      if (!isValidShape(parameter->content.dims()))
        report("a parameter has an invalid shape", parameter->name);
      parameters_.insert(parameter.get());
    }
  }

  void function(const Function &function) {
    if (function.inputs.size() != function.body.numArguments())
      report("the function has " + std::to_string(function.inputs.size()) + " inputs, but " +
                 std::to_string(function.body.numArguments()) + " arguments",
             function.name);
    ports(function.inputs, "inputs", function.name);
    ports(function.outputs, "outputs", function.name);
    if (function.body.parentOp())
      report("a function's body has a parent op", function.name);
    uses_.clear();
    defined_.clear();
    block(function.body, function.name);
    if (endsInYield(function.body) && function.outputs.size() != function.body.yields().size())
      report("the function has " + std::to_string(function.outputs.size()) +
                 " outputs, but yields " + std::to_string(function.body.yields().size()) +
                 " values",
             function.name);
    for (const Value *value : defined_)
      useList(*value, uses_[value]);
  }

  void ports(const std::vector<Port> &ports, const char *which, const std::string &function) {
    std::set<std::string_view> names;
    for (const Port &port : ports)
      if (!names.insert(port.name).second)
        report("two " + std::string(which) + " are called " + port.name, function);
  }

  static bool endsInYield(const Block &block) {
    return !block.empty() && block.ops().back()->def().is(OpTrait::Terminator);
  }

  void block(const Block &block, const std::string &where) {
    size_t firstDefined = defined_.size();
    auto define = [&](const Value &value, const std::string &location) {
      annotations(value, location);
      visible_.insert(&value);
      defined_.push_back(&value);
    };
    for (unsigned i = 0; i < block.numArguments(); ++i) {
      const Value &argument = *block.argument(i);
      if (argument.definingOp() || argument.owningBlock() != &block || argument.index() != i)
        report("a block argument does not know its place", where);
      define(argument, where);
    }
    for (const auto &op : block.ops()) {
      if (op->block() != &block)
        report(*op, "an op does not know its block");
      if (op->def().is(OpTrait::Terminator) && op != block.ops().back())
        report(*op, "a Yield is not at the end of its block");
      operands(*op);
      for (unsigned i = 0; i < op->numRegions(); ++i)
        region(*op, op->region(i));
      declaration(*op);
      for (unsigned i = 0; i < op->numResults(); ++i) {
        if (op->result(i)->definingOp() != op.get() || op->result(i)->index() != i)
          report(*op, "a result does not know its place");
        define(*op->result(i), op->location);
      }
    }
    if (!endsInYield(block))
      report("a block does not end in a Yield", where);
    for (size_t i = firstDefined; i < defined_.size(); ++i)
      visible_.erase(defined_[i]);
  }

  void region(const Op &op, const Block &region) {
    if (region.parentOp() != &op)
      report(op, "a region does not know its op");
    if (op.kind() != OpKind::Fused)
      return block(region, op.location);
    // An isolated region sees nothing from outside.
    auto outside = std::exchange(visible_, {});
    block(region, op.location);
    visible_ = std::move(outside);
  }

  void operands(const Op &op) {
    for (unsigned i = 0; i < op.numOperands(); ++i) {
      const Value *operand = op.operand(i);
      if (!operand)
        continue;
      if (!visible_.contains(operand))
        report(op, "operand " + std::to_string(i) + " is not defined before its use");
      uses_[operand].insert({&op, i});
    }
    if ((op.kind() == OpKind::Param) != (op.parameter != nullptr))
      report(op, "a Param names a parameter, no other op does");
    else if (op.parameter && !parameters_.contains(op.parameter))
      report(op, "the parameter is not one of this module's");
  }

  void declaration(const Op &op) {
    if (op.kind() == OpKind::Param && !op.parameter)
      return; // reported above
    for (unsigned i = 0; i < op.numRegions(); ++i)
      if (!endsInYield(op.region(i)))
        return; // reported above; inference looks at the yields
    auto types = inferTypes(op);
    if (!types) {
      for (const Diagnostic &diagnostic : types.error())
        report(op, diagnostic.what);
      return;
    }
    if (types->size() != op.numResults())
      return report(op, "the op has " + std::to_string(op.numResults()) + " results, should have " +
                            std::to_string(types->size()));
    for (unsigned i = 0; i < op.numResults(); ++i)
      if (!sameLogicalType(op.result(i)->type, (*types)[i]))
        report(op, "result " + std::to_string(i) + " is " + op.result(i)->type.str() +
                       ", should be " + (*types)[i].str());
  }

  void annotations(const Value &value, const std::string &where) {
    const Type &type = value.type;
    unsigned rank = type.rank();
    if (!isValidShape(type.dims))
      return report("a value has an invalid shape: " + type.str(), where);
    if (rank < kMaxRank && type.boundedAxes >> rank)
      report("a bounded axis is beyond the rank of " + type.str(), where);
    if (const auto &layout = type.layout;
        layout && (!isPermutation(layout->order, rank) || !isHalo(layout->haloLow, rank) ||
                   !isHalo(layout->haloHigh, rank)))
      report("the layout does not fit the shape: " + type.str(), where);
    if (value.storage && value.storage->strides.size() != rank)
      report("the storage has not one stride for each axis of " + type.str(), where);
    const Provenance &from = value.provenance;
    bool perChannel = !from.channelMap.empty() || !from.scale.empty();
    if (perChannel && (from.axis < 0 || from.axis >= static_cast<int>(rank)))
      return report("the provenance speaks of an axis that " + type.str() + " does not have",
                    where);
    auto fits = [&](size_t size) {
      return size == 0 || static_cast<int64_t>(size) == type.dims[static_cast<size_t>(from.axis)];
    };
    if (perChannel && (!fits(from.channelMap.size()) || !fits(from.scale.size())))
      report("the provenance has not one entry for each channel of " + type.str(), where);
  }

  using UseSet = std::set<std::pair<const Op *, unsigned>>;

  void useList(const Value &value, const UseSet &uses) {
    UseSet listed;
    for (const Use &use : value.uses())
      listed.insert({use.user, use.operand});
    if (listed == uses && listed.size() == value.uses().size())
      return;
    const Op *op = value.definingOp();
    report("a value's use list does not agree with the operands of the function" +
               (op ? ": " + print(*op) : ""),
           op ? op->location : "");
  }

  const Module &module_;
  Diagnostics diagnostics_;
  std::unordered_set<const Parameter *> parameters_;
  std::unordered_set<const Value *> visible_;
  std::vector<const Value *> defined_;             // in this function, in order
  std::unordered_map<const Value *, UseSet> uses_; // by the operands of this function's ops
};

} // namespace

Expected<void> verify(const Module &module) {
  Diagnostics diagnostics = Verifier(module).run();
  if (!diagnostics.empty())
    return tl::unexpected(std::move(diagnostics));
  return {};
}

} // namespace edgecc
