#include "passes/lower/recurrent/Cell.h"

#include <cassert>

namespace edgecc::recurrent {

static int64_t gatesOf(const Op &op) {
  return op.kind() == OpKind::LSTM ? 4 : op.kind() == OpKind::GRU ? 3 : 1;
}

Value *Cell::slice(Builder &builder, Value *x, size_t axis, int64_t start, int64_t size) const {
  std::vector<int64_t> starts(x->dims().size(), 0), sizes = x->dims(), steps(x->dims().size(), 1);
  starts[axis] = start;
  sizes[axis] = size;
  return builder.create(OpKind::Slice, {x},
                        {{"starts", starts}, {"sizes", sizes}, {"steps", steps}});
}

Value *Cell::ofDirection(Builder &builder, unsigned operand) const {
  Value *all = op_.operand(operand);
  if (!all)
    return nullptr;
  Value *one = slice(builder, all, 0, direction_, 1);
  Dims dims(all->dims().begin() + 1, all->dims().end());
  return builder.create(OpKind::Reshape, {one}, {{"shape", dims}});
}

Cell::Cell(const Op &op, int64_t direction, Builder &builder)
    : op_(op), direction_(direction), hidden_(op.integer("hidden_size")),
      batch_(op.operand(0)->dims()[1]), gates_(gatesOf(op)), dtype_(op.operand(0)->type.dtype),
      w_(ofDirection(builder, 1)), r_(ofDirection(builder, 2)) {
  if (Value *b = ofDirection(builder, 3)) {
    int64_t size = gates_ * hidden_;
    Value *ofInput = slice(builder, b, 0, 0, size), *ofState = slice(builder, b, 0, size, size);
    if (op.kind() == OpKind::GRU && op.flag("linear_before_reset")) {
      inputBias_ = ofInput;
      recurrentBias_ = ofState;
    } else {
      inputBias_ = builder.create(OpKind::Add, {ofInput, ofState});
    }
  }
  if (op.kind() == OpKind::LSTM)
    if (Value *p = ofDirection(builder, 7))
      for (int64_t i = 0; i < 3; ++i)
        peephole_[i] = slice(builder, p, 0, i * hidden_, hidden_);
}

Value *Cell::projectInput(Builder &builder, Value *x) const {
  Dims dims{x->dims()[0] * batch_, x->dims()[2]};
  Value *rows = builder.create(OpKind::Reshape, {x}, {{"shape", dims}});
  std::vector<Value *> operands{rows, w_};
  if (inputBias_)
    operands.push_back(inputBias_);
  return builder.createOp(OpKind::Gemm, operands, {{"transB", true}})->result();
}

// h R' for some of the gates, plus `add`.
Value *Cell::product(Builder &builder, Value *h, int64_t firstGate, int64_t gates,
                     Value *add) const {
  Value *weights =
      gates == gates_ ? r_ : slice(builder, r_, 0, firstGate * hidden_, gates * hidden_);
  std::vector<Value *> operands{h, weights};
  if (add)
    operands.push_back(add);
  return builder.createOp(OpKind::Gemm, operands, {{"transB", true}})->result();
}

Value *Cell::gate(Builder &builder, Value *all, int64_t index) const {
  return slice(builder, all, 1, index * hidden_, hidden_);
}

Value *Cell::activate(Builder &builder, Value *x, size_t index) const {
  const auto &names = op_.texts("activations");
  size_t perDirection = names.size() / (op_.text("direction") == "bidirectional" ? 2 : 1);
  size_t position = static_cast<size_t>(direction_) * perDirection + index;
  const std::string &name = names[position];
  if (double clip = op_.real("clip"); clip > 0)
    x = builder.create(OpKind::Clip,
                       {x, builder.scalar(dtype_, -clip), builder.scalar(dtype_, clip)});
  // alpha and beta hold entries for the activations that take them, in order.
  auto takes = [](const std::string &activation, bool beta) {
    bool both = activation == "Affine" || activation == "ScaledTanh" || activation == "HardSigmoid";
    bool alphaOnly =
        activation == "LeakyRelu" || activation == "ThresholdedRelu" || activation == "Elu";
    return both || (alphaOnly && !beta);
  };
  auto parameter = [&](bool beta, double otherwise) {
    const auto &list = op_.reals(beta ? "beta" : "alpha");
    size_t at = 0;
    for (size_t i = 0; i < position; ++i)
      at += takes(names[i], beta) ? 1 : 0;
    return at < list.size() ? list[at] : otherwise;
  };
  auto scaled = [&](Value *value, double factor) {
    return factor == 1 ? value
                       : builder.create(OpKind::Mul, {value, builder.scalar(dtype_, factor)});
  };
  if (name == "Sigmoid")
    return builder.create(OpKind::Sigmoid, {x});
  if (name == "Tanh")
    return builder.create(OpKind::Tanh, {x});
  if (name == "Relu")
    return builder.create(OpKind::Relu, {x});
  if (name == "Softsign")
    return builder.create(OpKind::Softsign, {x});
  if (name == "Softplus")
    return builder.create(OpKind::Softplus, {x});
  if (name == "HardSigmoid")
    return builder.create(OpKind::HardSigmoid, {x},
                          {{"alpha", parameter(false, 0.2)}, {"beta", parameter(true, 0.5)}});
  if (name == "LeakyRelu")
    return builder.create(OpKind::LeakyRelu, {x}, {{"alpha", parameter(false, 0.01)}});
  if (name == "ThresholdedRelu")
    return builder.create(OpKind::ThresholdedRelu, {x}, {{"alpha", parameter(false, 1)}});
  if (name == "Elu")
    return builder.create(OpKind::Elu, {x}, {{"alpha", parameter(false, 1)}});
  if (name == "ScaledTanh") // alpha * tanh(beta * x)
    return scaled(builder.create(OpKind::Tanh, {scaled(x, parameter(true, 1))}),
                  parameter(false, 1));
  assert(name == "Affine"); // the declaration knows no other
  Value *shift = builder.scalar(dtype_, parameter(true, 0));
  return builder.create(OpKind::Add, {scaled(x, parameter(false, 1)), shift});
}

State Cell::initial(Builder &builder) const {
  State state;
  for (unsigned i = 0; i < (op_.kind() == OpKind::LSTM ? 2u : 1u); ++i)
    if (Value *given = ofDirection(builder, 5 + i))
      state.push_back(given);
    else
      state.push_back(builder.constant(Tensor(dtype_, {batch_, hidden_}), "zero_state"));
  return state;
}

// i = f(x_i + h R_i + P_i c)      o = f(x_o + h R_o + P_o c')
// f = f(x_f + h R_f + P_f c)      c~ = g(x_c + h R_c)
// c' = f c + i c~                 h' = o k(c')
State Cell::stepLstm(Builder &b, Value *projected, const State &state) const {
  Value *h = state[0], *c = state[1];
  Value *all = product(b, h, 0, 4, projected);
  auto withPeephole = [&](Value *x, int index, Value *cell) {
    return peephole_[index]
               ? b.create(OpKind::Add, {x, b.create(OpKind::Mul, {cell, peephole_[index]})})
               : x;
  };
  Value *input = activate(b, withPeephole(gate(b, all, 0), 0, c), 0);
  Value *forget = nullptr;
  if (op_.flag("input_forget"))
    forget = b.create(OpKind::Sub, {b.scalar(dtype_, 1), input});
  else
    forget = activate(b, withPeephole(gate(b, all, 2), 2, c), 0);
  Value *candidate = activate(b, gate(b, all, 3), 1);
  Value *kept = b.create(OpKind::Mul, {forget, c});
  Value *added = b.create(OpKind::Mul, {input, candidate});
  Value *cell = b.create(OpKind::Add, {kept, added});
  Value *output = activate(b, withPeephole(gate(b, all, 1), 1, cell), 0);
  return {b.create(OpKind::Mul, {output, activate(b, cell, 2)}), cell};
}

// z = f(x_z + h R_z)              r = f(x_r + h R_r)
// n = g(x_h + (r h) R_h), or with linear_before_reset g(x_h + r (h R_h + b))
// h' = (1 - z) n + z h
State Cell::stepGru(Builder &b, Value *projected, const State &state) const {
  Value *h = state[0], *update = nullptr, *candidate = nullptr;
  if (op_.flag("linear_before_reset")) {
    Value *all = product(b, h, 0, 3, recurrentBias_);
    auto sum = [&](int64_t i) {
      return b.create(OpKind::Add, {gate(b, projected, i), gate(b, all, i)});
    };
    update = activate(b, sum(0), 0);
    Value *reset = activate(b, sum(1), 0);
    Value *term = b.create(OpKind::Mul, {reset, gate(b, all, 2)});
    candidate = activate(b, b.create(OpKind::Add, {gate(b, projected, 2), term}), 1);
  } else {
    Value *both = product(b, h, 0, 2, slice(b, projected, 1, 0, 2 * hidden_));
    update = activate(b, gate(b, both, 0), 0);
    Value *reset = activate(b, gate(b, both, 1), 0);
    Value *kept = b.create(OpKind::Mul, {reset, h});
    candidate = activate(b, product(b, kept, 2, 1, gate(b, projected, 2)), 1);
  }
  Value *fresh =
      b.create(OpKind::Mul, {b.create(OpKind::Sub, {b.scalar(dtype_, 1), update}), candidate});
  return {b.create(OpKind::Add, {fresh, b.create(OpKind::Mul, {update, h})})};
}

State Cell::step(Builder &builder, Value *projected, const State &state) const {
  switch (op_.kind()) {
  case OpKind::LSTM:
    return stepLstm(builder, projected, state);
  case OpKind::GRU:
    return stepGru(builder, projected, state);
  default:
    return {activate(builder, product(builder, state[0], 0, 1, projected), 0)};
  }
}

} // namespace edgecc::recurrent
