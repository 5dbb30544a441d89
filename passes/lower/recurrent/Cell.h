// One step of an LSTM, GRU or RNN as matrix products and element-wise ops (Hochreiter and
// Schmidhuber 1997; Gers et al. 2002 for peepholes; Cho et al. 2014; Elman 1990), in ONNX's form.
#pragma once

#include "passes/Rewrite.h"

namespace edgecc::recurrent {

// The state between steps: h, and for an LSTM c; [batch, hidden] each.
using State = std::vector<Value *>;

// One direction of a recurrent op. Weights are operands of the ops that `step` creates; creating a
// Cell creates the ops that prepare them.
class Cell {
public:
  // `direction` counts from 0; weight preparation is inserted by `builder`.
  Cell(const Op &op, int64_t direction, Builder &builder);

  // The input's part of all gates for all steps at once: [time * batch, gates * hidden].
  Value *projectInput(Builder &builder, Value *x) const;

  // The state after one step. `projected` is [batch, gates * hidden].
  State step(Builder &builder, Value *projected, const State &state) const;

  // The initial state: the op's operands or zeros.
  State initial(Builder &builder) const;

private:
  Value *slice(Builder &builder, Value *x, size_t axis, int64_t start, int64_t size) const;
  Value *ofDirection(Builder &builder, unsigned operand) const; // without its first axis
  Value *activate(Builder &builder, Value *x, size_t index) const;
  Value *gate(Builder &builder, Value *all, int64_t index) const;
  Value *product(Builder &builder, Value *h, int64_t firstGate, int64_t gates, Value *add) const;
  State stepLstm(Builder &builder, Value *projected, const State &state) const;
  State stepGru(Builder &builder, Value *projected, const State &state) const;

  const Op &op_;
  int64_t direction_;
  int64_t hidden_, batch_, gates_;
  DType dtype_;
  Value *w_, *r_;                  // [gates * hidden, features], [gates * hidden, hidden]
  Value *inputBias_ = nullptr;     // [gates * hidden], added with the input's part
  Value *recurrentBias_ = nullptr; // [gates * hidden], of a GRU with linear_before_reset
  Value *peephole_[3] = {};        // [hidden] for i, o, f
};

} // namespace edgecc::recurrent
