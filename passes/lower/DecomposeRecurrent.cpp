// LSTM, GRU and RNN become matrix products and element-wise ops: one product for the input's part
// of all steps, then the steps one after the other. Short sequences are unrolled; long ones become
// a Scan. Steps beyond a batch entry's length keep its state and put out zeros.
#include "passes/Passes.h"
#include "passes/lower/recurrent/Cell.h"

#include <numeric>

namespace edgecc {

namespace {

using recurrent::Cell;
using recurrent::State;

class Decomposer {
public:
  Decomposer(Module &module, Op &op, int64_t maxUnrolled)
      : module_(module), op_(op), builder_(module), maxUnrolled_(maxUnrolled),
        time_(op.operand(0)->dims()[0]), batch_(op.operand(0)->dims()[1]),
        hidden_(op.integer("hidden_size")), dtype_(op.operand(0)->type.dtype) {
    builder_.setInsertionBefore(&op);
    builder_.location = op.location;
  }

  void run() {
    int64_t directions = op_.text("direction") == "bidirectional" ? 2 : 1;
    std::vector<Value *> sequences;
    std::vector<std::vector<Value *>> finals(op_.numResults() - 1);
    for (int64_t d = 0; d < directions; ++d) {
      bool reverse = d == 1 || op_.text("direction") == "reverse";
      Cell cell(op_, d, builder_);
      Value *projected = cell.projectInput(builder_, op_.operand(0));
      State state = cell.initial(builder_);
      sequences.push_back(time_ > maxUnrolled_ ? scan(cell, projected, state, reverse)
                                               : unroll(cell, projected, state, reverse));
      for (size_t i = 0; i < finals.size(); ++i)
        finals[i].push_back(reshape(state[i], {1, batch_, hidden_}));
    }
    replace(0, concat(sequences, 1));
    for (size_t i = 0; i < finals.size(); ++i)
      replace(static_cast<unsigned>(i + 1), concat(finals[i], 0));
    op_.erase();
  }

private:
  Value *reshape(Value *x, Dims dims) {
    return builder_.create(OpKind::Reshape, {x}, {{"shape", std::move(dims)}});
  }

  Value *concat(const std::vector<Value *> &parts, int64_t axis) {
    return parts.size() == 1 ? parts[0]
                             : builder_.createOp(OpKind::Concat, parts, {{"axis", axis}})->result();
  }

  void replace(unsigned i, Value *value) {
    value->provenance = op_.result(i)->provenance;
    op_.result(i)->replaceAllUsesWith(value);
  }

  // One step; `step` is the index in time as an i32 scalar, null without lengths. Returns what the
  // step puts out; `state` becomes the next one.
  Value *step(Builder &b, const Cell &cell, Value *projected, State &state, Value *step) {
    State next = cell.step(b, projected, state);
    if (!step) {
      state = next;
      return next[0];
    }
    Value *running = b.create(OpKind::Greater, {op_.operand(4), step}); // [batch]
    Value *mask = b.create(OpKind::Reshape, {running}, {{"shape", Dims{batch_, 1}}});
    Value *output = b.create(OpKind::Where, {mask, next[0], b.scalar(dtype_, 0)});
    for (size_t i = 0; i < state.size(); ++i)
      state[i] = b.create(OpKind::Where, {mask, next[i], state[i]});
    return output;
  }

  // All outputs, [time, 1, batch, hidden].
  Value *unroll(const Cell &cell, Value *projected, State &state, bool reverse) {
    std::vector<Value *> outputs(static_cast<size_t>(time_));
    int64_t width = projected->dims()[1];
    for (int64_t i = 0; i < time_; ++i) {
      int64_t t = reverse ? time_ - 1 - i : i;
      Value *input = builder_.create(
          OpKind::Slice, {projected},
          {{"starts", Dims{t * batch_, 0}}, {"sizes", Dims{batch_, width}}, {"steps", Dims{1, 1}}});
      Value *index = op_.operand(4) ? builder_.scalar(DType::I32, static_cast<double>(t)) : nullptr;
      Value *output = step(builder_, cell, input, state, index);
      outputs[static_cast<size_t>(t)] = reshape(output, {1, 1, batch_, hidden_});
    }
    return concat(outputs, 0);
  }

  Value *scan(const Cell &cell, Value *projected, State &state, bool reverse) {
    std::vector<Value *> operands(state.begin(), state.end());
    operands.push_back(reshape(projected, {time_, batch_, projected->dims()[1]}));
    bool hasLengths = op_.operand(4) != nullptr;
    if (hasLengths) {
      std::vector<int32_t> steps(static_cast<size_t>(time_));
      std::iota(steps.begin(), steps.end(), 0);
      operands.push_back(builder_.constant(
          Tensor::of(DType::I32, {time_}, std::span<const int32_t>(steps)), "steps"));
    }
    int64_t scans = hasLengths ? 2 : 1;
    Attributes attributes{{"num_scans", scans}};
    if (reverse) {
      attributes["reverse_inputs"] = std::vector<int64_t>(static_cast<size_t>(scans), 1);
      attributes["reverse_outputs"] = std::vector<int64_t>{1};
    }
    Op *scan = builder_.createOp(OpKind::Scan, operands, attributes, [&](Op &op) -> Expected<void> {
      fillBody(op.region(0), cell, operands, state.size());
      return {};
    });
    for (size_t i = 0; i < state.size(); ++i)
      state[i] = scan->result(static_cast<unsigned>(i));
    return reshape(scan->result(static_cast<unsigned>(state.size())), {time_, 1, batch_, hidden_});
  }

  void fillBody(Block &body, const Cell &cell, const std::vector<Value *> &operands,
                size_t states) {
    for (size_t i = 0; i < operands.size(); ++i) {
      Type type = operands[i]->type;
      if (i >= states)
        type.dims.erase(type.dims.begin());
      body.addArgument(type);
    }
    Builder inner(module_, body);
    inner.location = op_.location;
    State state;
    for (size_t i = 0; i < states; ++i)
      state.push_back(body.argument(static_cast<unsigned>(i)));
    auto first = static_cast<unsigned>(states);
    Value *index = operands.size() > states + 1 ? body.argument(first + 1) : nullptr;
    Value *output = step(inner, cell, body.argument(first), state, index);
    std::vector<Value *> yields(state.begin(), state.end());
    yields.push_back(output);
    inner.yield(yields);
  }

  Module &module_;
  Op &op_;
  Builder builder_;
  int64_t maxUnrolled_;
  int64_t time_, batch_, hidden_;
  DType dtype_;
};

} // namespace

Expected<void> decomposeRecurrent(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot())
        if (op->kind() == OpKind::LSTM || op->kind() == OpKind::GRU || op->kind() == OpKind::RNN) {
          Decomposer(module, *op, context.options.integer("max-unrolled")).run();
          context.statistics.add("recurrent layers decomposed");
        }
    });
  return {};
}

} // namespace edgecc
