#include "backends/native/Steps.h"

#include "backends/native/ArenaGaps.h"
#include "backends/native/Families.h"
#include "ir/OpDef.h"
#include "ir/Views.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::native {

namespace {

// "Conv 3x3/2 + Relu": what a layer does, for reports.
std::string summarize(const Op &op, const std::string &algorithm) {
  const Op *anchor = anchorOf(op);
  std::string out;
  if (anchor) {
    out = anchor->name();
    if (anchor->kind() == OpKind::Conv || anchor->kind() == OpKind::ConvTranspose) {
      const Dims &w = anchor->operand(1)->dims();
      for (size_t i = 2; i < w.size(); ++i)
        out += fmt::format("{}{}", i == 2 ? " " : "x", w[i]);
      if (std::any_of(anchor->ints("strides").begin(), anchor->ints("strides").end(),
                      [](int64_t s) { return s != 1; }))
        out += fmt::format("/{}", anchor->ints("strides")[0]);
      if (anchor->integer("group") > 1)
        out += anchor->integer("group") == w[0] ? " depthwise"
                                                : fmt::format(" g{}", anchor->integer("group"));
    }
  }
  if (!algorithm.empty())
    out += " " + algorithm;
  if (op.kind() == OpKind::Fused)
    for (const auto &inner : op.region(0).ops())
      if (inner.get() != anchor && !inner->def().is(OpTrait::Terminator) &&
          inner->kind() != OpKind::Param)
        out += (out.empty() ? "" : " + ") + std::string(inner->name());
  return out;
}

bool isDense(const Value &value) {
  Dims want = rowMajorStrides(value.dims()), have = stridesOf(value);
  for (size_t i = 0; i < want.size(); ++i)
    if (value.dims()[i] > 1 && want[i] != have[i])
      return false;
  return true;
}

class Planner {
public:
  Planner(const NativeTarget &target, const Algorithms &algorithms, const Function &function,
          Program &program)
      : program_(program), gaps_(function),
        context_{target, program.weights, planned_, algorithms} {}

  void planFunction(const Function &function) {
    program_.entry.arenaBytes = gaps_.arenaBytes();
    for (const auto &op : function.body.ops()) {
      std::vector<Step> steps;
      planInto(*op, steps);
      if (steps.empty())
        continue;
      addLayer(*op);
      for (Step &step : steps)
        program_.entry.steps.push_back(std::move(step));
    }
    for (unsigned i = 0; i < function.body.yields().size(); ++i)
      copyOutput(*function.body.yields()[i], i);
    program_.entry.layers = static_cast<unsigned>(program_.layers.size());
  }

  Diagnostics diagnostics;

private:
  void addLayer(const Op &op) {
    Step mark;
    mark.kind = Step::Kind::Layer;
    mark.layer = static_cast<unsigned>(program_.layers.size());
    program_.entry.steps.push_back(std::move(mark));
    static const char *const kKinds[] = {"vector", "scalar", "support"};
    program_.layers.push_back({op.location, summarize(op, algorithm_),
                               kKinds[static_cast<int>(worst_)], costOf(op).macs,
                               costOf(op).bytes});
    worst_ = KernelClass::Vector;
    algorithm_.clear();
  }

  void planInto(const Op &op, std::vector<Step> &steps) {
    switch (op.kind()) {
    case OpKind::If:
      return planIf(op, steps);
    case OpKind::Loop:
      return planLoop(op, steps);
    case OpKind::Scan:
      return planScan(op, steps);
    default:
      break;
    }
    planned_.clear();
    if (auto result = planOp(op, context_); !result) {
      for (Diagnostic &d : result.error())
        diagnostics.push_back(std::move(d));
      return;
    }
    for (Kernel &kernel : planned_) {
      worst_ = std::max(worst_, kernel.kind);
      algorithm_ = kernel.algorithm;
      placeShared(op, kernel);
      ++program_.kernelUses;
      Step step;
      step.kind = Step::Kind::Call;
      step.args.assign(kernel.args.begin(), kernel.args.end());
      step.kernel = distinct(std::move(kernel));
      steps.push_back(std::move(step));
    }
  }

  // Gives the scratch that the kernels of an op share its place.
  void placeShared(const Op &op, Kernel &kernel) {
    if (kernel.sharedBytes == 0)
      return;
    int64_t bytes = (kernel.sharedBytes + 63) / 64 * 64, offset = gaps_.place(op, bytes);
    program_.entry.arenaBytes = std::max(program_.entry.arenaBytes, offset + bytes);
    for (KernelArg &arg : kernel.args)
      if (arg.shared)
        arg = {Storage::Space::Arena, 0, offset + arg.offset};
  }

  unsigned distinct(Kernel kernel) {
    auto [it, isNew] =
        byKey_.try_emplace(kernel.key, static_cast<unsigned>(program_.kernels.size()));
    // Kernels with the same code may need different amounts of scratch (support functions).
    EntryPlan &entry = program_.entry;
    entry.scratchStride = std::max(entry.scratchStride, (kernel.scratchBytes + 63) / 64 * 64);
    if (isNew) {
      entry.kernelSymbols.push_back(
          fmt::format("{}_{}_{}", entry.symbol, kernel.name, program_.kernels.size()));
      entry.kernelUnits.push_back(kernel.units);
      program_.kernels.push_back(std::move(kernel));
    }
    return it->second;
  }

  // --- control flow: docs/lowering.md says where region arguments and results live ---

  void copy(const Value &to, const Value &from, std::vector<Step> &steps, int64_t toStride = 0,
            int64_t fromStride = 0, int64_t toOffset = 0, int64_t fromOffset = 0) {
    KernelArg target = context_.arg(to), source = context_.arg(from);
    if (toStride == 0 && fromStride == 0 && target.space == source.space &&
        target.index == source.index && target.offset == source.offset)
      return;
    if (!isDense(to) || !isDense(from)) {
      diagnostics.push_back({"a value that crosses the border of a control-flow region is not "
                             "dense in memory",
                             to.definingOp() ? to.definingOp()->location : "", ""});
      return;
    }
    target.offset += toOffset;
    source.offset += fromOffset;
    Step step;
    step.kind = Step::Kind::Copy;
    step.args = {target, source};
    // The smaller of the two: a slice against the whole stack.
    step.bytes = std::min(to.type.bytes(), from.type.bytes());
    step.tripStride[0] = toStride;
    step.tripStride[1] = fromStride;
    steps.push_back(std::move(step));
  }

  void planBlock(const Block &block, std::vector<Step> &steps) {
    for (const auto &op : block.ops())
      planInto(*op, steps);
  }

  void planIf(const Op &op, std::vector<Step> &steps) {
    Step step;
    step.kind = Step::Kind::If;
    step.args = {context_.arg(*op.operand(0))};
    std::vector<Step> *branches[] = {&step.body, &step.otherwise};
    for (unsigned i = 0; i < 2; ++i) {
      planBlock(op.region(i), *branches[i]);
      for (unsigned r = 0; r < op.numResults(); ++r)
        copy(*op.result(r), *op.region(i).yields()[r], *branches[i]);
    }
    steps.push_back(std::move(step));
  }

  // Block arguments that are yielded at another position would be overwritten before they are
  // copied.
  void refuseSwaps(const Op &op, unsigned firstYield, unsigned firstArgument, unsigned count) {
    const Block &body = op.region(0);
    for (unsigned i = 0; i < count; ++i) {
      const Value *value = body.yields()[firstYield + i];
      if (!value->definingOp() && value->owningBlock() == &body &&
          value != body.argument(firstArgument + i))
        diagnostics.push_back({"the loop hands a carried value on to another position unchanged",
                               op.location, "compute the value (for example add 0) in the body"});
    }
  }

  void planLoop(const Op &op, std::vector<Step> &steps) {
    const Block &body = op.region(0);
    unsigned carried = op.numOperands() - 1;
    if (!op.flag("fixed_trips") && op.numResults() > carried) {
      diagnostics.push_back({"Loop stacks results but may end early, so their extent depends on "
                             "data",
                             op.location, "give the loop a constant trip count"});
      return;
    }
    refuseSwaps(op, 1, 2, carried);
    copy(*body.argument(1), *op.operand(0), steps);
    for (unsigned i = 0; i < carried; ++i)
      copy(*body.argument(i + 2), *op.operand(i + 1), steps);
    Step loop;
    loop.kind = Step::Kind::Loop;
    loop.trips = op.integer("max_trips");
    loop.args = {context_.arg(*body.argument(1)), context_.arg(*body.argument(0))};
    planBlock(body, loop.body);
    for (unsigned r = carried; r < op.numResults(); ++r) {
      const Value &slice = *body.yields()[r + 1];
      copy(*op.result(r), slice, loop.body, slice.type.bytes());
    }
    for (unsigned i = 0; i < carried; ++i)
      copy(*body.argument(i + 2), *body.yields()[i + 1], loop.body);
    copy(*body.argument(1), *body.yields()[0], loop.body);
    steps.push_back(std::move(loop));
    for (unsigned i = 0; i < carried; ++i)
      copy(*op.result(i), *body.argument(i + 2), steps);
  }

  void planScan(const Op &op, std::vector<Step> &steps) {
    const Block &body = op.region(0);
    unsigned scans = static_cast<unsigned>(op.integer("num_scans"));
    unsigned states = op.numOperands() - scans;
    refuseSwaps(op, 0, 0, states);
    for (unsigned i = 0; i < states; ++i)
      copy(*body.argument(i), *op.operand(i), steps);
    Step loop;
    loop.kind = Step::Kind::Loop;
    loop.trips = op.operand(states)->dims()[0];
    loop.args = {std::nullopt, std::nullopt};
    auto isReversed = [](const std::vector<int64_t> &flags, unsigned i) {
      return i < flags.size() && flags[i] != 0;
    };
    for (unsigned i = 0; i < scans; ++i) {
      const Value &slice = *body.argument(states + i);
      bool reversed = isReversed(op.ints("reverse_inputs"), i);
      int64_t bytes = slice.type.bytes();
      copy(slice, *op.operand(states + i), loop.body, 0, reversed ? -bytes : bytes, 0,
           reversed ? (loop.trips - 1) * bytes : 0);
    }
    planBlock(body, loop.body);
    for (unsigned r = states; r < op.numResults(); ++r) {
      const Value &slice = *body.yields()[r];
      bool reversed = isReversed(op.ints("reverse_outputs"), r - states);
      int64_t bytes = slice.type.bytes();
      copy(*op.result(r), slice, loop.body, reversed ? -bytes : bytes, 0,
           reversed ? (loop.trips - 1) * bytes : 0);
    }
    for (unsigned i = 0; i < states; ++i)
      copy(*body.argument(i), *body.yields()[i], loop.body);
    steps.push_back(std::move(loop));
    for (unsigned i = 0; i < states; ++i)
      copy(*op.result(i), *body.argument(i), steps);
  }

  // An output that was not computed in place: an input, a constant, or a value yielded twice.
  void copyOutput(const Value &value, unsigned output) {
    KernelArg source = context_.arg(value);
    if (source.space == Storage::Space::Output && source.index == output)
      return;
    if (!isDense(value)) {
      diagnostics.push_back({"an output is not dense in memory", value.provenance.tensor, ""});
      return;
    }
    Step step;
    step.kind = Step::Kind::Copy;
    step.args = {KernelArg{Storage::Space::Output, output, 0}, source};
    step.bytes = value.type.bytes();
    program_.entry.steps.push_back(std::move(step));
  }

  Program &program_;
  ArenaGaps gaps_;
  std::vector<Kernel> planned_; // of the op at hand
  PlanContext context_;
  std::map<std::string, unsigned> byKey_;
  KernelClass worst_ = KernelClass::Vector; // of the layer at hand
  std::string algorithm_;                   // likewise
};

} // namespace

Expected<Program> planProgram(const Function &function, const NativeTarget &target,
                              const std::string &symbol, const Algorithms &algorithms) {
  Program program;
  program.entry.symbol = symbol;
  Planner planner(target, algorithms, function, program);
  planner.planFunction(function);
  if (!planner.diagnostics.empty())
    return tl::unexpected(std::move(planner.diagnostics));
  return program;
}

} // namespace edgecc::native
