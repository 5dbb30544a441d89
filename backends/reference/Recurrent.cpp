// LSTM, GRU and RNN in the equations of ONNX's operator documentation.
#include "backends/reference/Kernels.h"
#include "backends/reference/MatrixProduct.h"
#include "backends/reference/Strided.h"
#include "backends/reference/Visit.h"
#include "runtime/numerics/Functions.h"

#include <algorithm>
#include <cmath>

namespace edgecc::reference {

namespace {

struct Function {
  std::string name;
  double alpha, beta;

  template <class T> T operator()(T x) const {
    auto a = static_cast<T>(alpha), b = static_cast<T>(beta);
    if (name == "Sigmoid")
      return numerics::sigmoid(x);
    if (name == "Tanh")
      return std::tanh(x);
    if (name == "Relu")
      return x < 0 ? T(0) : x;
    if (name == "Affine")
      return a * x + b;
    if (name == "LeakyRelu")
      return x >= 0 ? x : a * x;
    if (name == "ThresholdedRelu")
      return x >= a ? x : T(0);
    if (name == "ScaledTanh")
      return a * std::tanh(b * x);
    if (name == "HardSigmoid")
      return std::max(T(0), std::min(T(1), a * x + b));
    if (name == "Elu")
      return x >= 0 ? x : a * std::expm1(x);
    if (name == "Softsign")
      return x / (1 + std::fabs(x));
    return numerics::softplus(x);
  }
};

// Activations take the values of alpha and beta in their own order, those that use one; what is
// not given has the default of the operator of that name.
std::vector<Function> functionsOf(const Op &op) {
  struct Defaults {
    const char *name;
    bool hasAlpha, hasBeta;
    double alpha, beta;
  };
  static constexpr Defaults kDefaults[] = {
      {"Affine", true, true, 1, 0},           {"LeakyRelu", true, false, 0.01, 0},
      {"ThresholdedRelu", true, false, 1, 0}, {"ScaledTanh", true, true, 1, 1},
      {"HardSigmoid", true, true, 0.2, 0.5},  {"Elu", true, false, 1, 0}};
  std::vector<Function> functions;
  size_t nextAlpha = 0, nextBeta = 0;
  for (const std::string &name : op.texts("activations")) {
    Function function{name, 0, 0};
    const auto *row =
        std::ranges::find(kDefaults, name, [](const Defaults &d) { return std::string(d.name); });
    if (row != std::end(kDefaults)) {
      auto take = [](const std::vector<double> &given, size_t &next, double otherwise) {
        return next < given.size() ? given[next++] : otherwise;
      };
      function.alpha = row->hasAlpha ? take(op.reals("alpha"), nextAlpha, row->alpha) : 0;
      function.beta = row->hasBeta ? take(op.reals("beta"), nextBeta, row->beta) : 0;
    }
    functions.push_back(std::move(function));
  }
  return functions;
}

// One direction of a layer. Gates lie side by side: [batch, gates * hidden].
template <class T> class Layer {
public:
  Layer(const Call &call, int64_t direction, std::span<const Function> functions)
      : call_(call), op_(call.op), direction_(direction), functions_(functions),
        time_(call[0].dims()[0]), batch_(call[0].dims()[1]), features_(call[0].dims()[2]),
        hidden_(op_.integer("hidden_size")), width_(call[1].dims()[1]),
        clip_(static_cast<T>(op_.real("clip"))) {
    w_ = transposedOf(call[1], features_);
    r_ = transposedOf(call[2], hidden_);
    biasW_.assign(static_cast<size_t>(width_), T(0));
    biasR_ = biasW_;
    if (call.has(3)) {
      const T *b = call[3].data<T>().data() + direction * 2 * width_;
      std::copy_n(b, width_, biasW_.begin());
      std::copy_n(b + width_, width_, biasR_.begin());
    }
    h_ = initial(5);
    if (op_.kind() == OpKind::LSTM) {
      c_ = initial(6);
      peephole_ = call.has(7) ? call[7].data<T>().data() + direction * 3 * hidden_ : nullptr;
    }
  }

  // Fills this direction's part of y [time, directions, batch, hidden].
  void run(T *y, int64_t directions, bool isReverse) {
    std::vector<T> fromX(static_cast<size_t>(time_ * batch_ * width_));
    multiply(call_[0].data<T>().data(), features_, w_.data(), width_, fromX.data(), width_,
             time_ * batch_, width_, features_);
    std::vector<T> fromH(static_cast<size_t>(batch_ * width_));
    for (int64_t step = 0; step < time_; ++step) {
      multiply(h_.data(), hidden_, r_.data(), width_, fromH.data(), width_, batch_, width_,
               hidden_);
      for (int64_t b = 0; b < batch_; ++b) {
        int64_t length = lengthOf(b);
        if (step >= length)
          continue; // y stays zero and the state keeps its last value
        int64_t t = isReverse ? length - 1 - step : step;
        cell(fromX.data() + (t * batch_ + b) * width_, fromH.data() + b * width_,
             h_.data() + b * hidden_, c_.empty() ? nullptr : c_.data() + b * hidden_);
        std::copy_n(h_.data() + b * hidden_, hidden_,
                    y + ((t * directions + direction_) * batch_ + b) * hidden_);
      }
    }
  }

  const std::vector<T> &hidden() const { return h_; }
  const std::vector<T> &cellState() const { return c_; }

private:
  // This direction's [gates * hidden, columns] as [columns, gates * hidden].
  std::vector<T> transposedOf(const Tensor &x, int64_t columns) const {
    const T *in = x.data<T>().data() + direction_ * width_ * columns;
    std::vector<T> out(static_cast<size_t>(width_ * columns));
    for (int64_t r = 0; r < width_; ++r)
      for (int64_t c = 0; c < columns; ++c)
        out[static_cast<size_t>(c * width_ + r)] = in[r * columns + c];
    return out;
  }
  std::vector<T> initial(unsigned operand) const {
    std::vector<T> state(static_cast<size_t>(batch_ * hidden_), T(0));
    if (call_.has(operand))
      std::copy_n(call_[operand].template data<T>().data() + direction_ * batch_ * hidden_,
                  state.size(), state.begin());
    return state;
  }
  int64_t lengthOf(int64_t b) const {
    return call_.has(4) ? std::clamp<int64_t>(call_[4].asInt(b), 0, time_) : time_;
  }
  T clipped(T x) const { return clip_ > 0 ? std::clamp(x, -clip_, clip_) : x; }
  T apply(size_t function, T x) const { return functions_[function](clipped(x)); }
  // x w' + h r' + both biases for unit k of a gate.
  T sum(const T *x, const T *h, int64_t gate, int64_t k) const {
    int64_t at = gate * hidden_ + k;
    auto i = static_cast<size_t>(at);
    return x[at] + h[at] + biasW_[i] + biasR_[i];
  }

  void cell(const T *x, const T *recurrent, T *h, T *c) {
    switch (op_.kind()) {
    case OpKind::LSTM:
      return lstmCell(x, recurrent, h, c);
    case OpKind::GRU:
      return gruCell(x, recurrent, h);
    default:
      for (int64_t k = 0; k < hidden_; ++k)
        h[k] = apply(0, sum(x, recurrent, 0, k));
    }
  }

  void lstmCell(const T *x, const T *recurrent, T *h, T *c) {
    auto peep = [&](int64_t gate, int64_t k, T state) {
      return peephole_ ? peephole_[gate * hidden_ + k] * state : T(0);
    };
    for (int64_t k = 0; k < hidden_; ++k) {
      T input = apply(0, sum(x, recurrent, 0, k) + peep(0, k, c[k]));
      T forget = op_.flag("input_forget") ? T(1) - input
                                          : apply(0, sum(x, recurrent, 2, k) + peep(2, k, c[k]));
      c[k] = forget * c[k] + input * apply(1, sum(x, recurrent, 3, k));
      T output = apply(0, sum(x, recurrent, 1, k) + peep(1, k, c[k]));
      h[k] = output * apply(2, c[k]);
    }
  }

  void gruCell(const T *x, const T *recurrent, T *h) {
    std::vector<T> reset, candidate(static_cast<size_t>(hidden_));
    for (int64_t k = 0; k < hidden_; ++k)
      reset.push_back(apply(0, sum(x, recurrent, 1, k)));
    if (!op_.flag("linear_before_reset")) { // the product of the state after the reset
      std::vector<T> state(h, h + hidden_);
      for (size_t k = 0; k < state.size(); ++k)
        state[k] *= reset[k];
      multiply(state.data(), hidden_, r_.data() + 2 * hidden_, width_, candidate.data(), hidden_, 1,
               hidden_, hidden_);
    }
    for (int64_t k = 0; k < hidden_; ++k) {
      int64_t at = 2 * hidden_ + k;
      auto i = static_cast<size_t>(at), unit = static_cast<size_t>(k);
      T product = op_.flag("linear_before_reset") ? reset[unit] * (recurrent[at] + biasR_[i])
                                                  : candidate[unit] + biasR_[i];
      T update = apply(0, sum(x, recurrent, 0, k));
      T proposed = apply(1, x[at] + product + biasW_[i]);
      h[k] = (T(1) - update) * proposed + update * h[k];
    }
  }

  const Call &call_;
  const Op &op_;
  int64_t direction_;
  std::span<const Function> functions_;
  int64_t time_, batch_, features_, hidden_, width_;
  T clip_;
  std::vector<T> w_, r_, biasW_, biasR_, h_, c_;
  const T *peephole_ = nullptr;
};

} // namespace

Results recurrent(const Call &call) {
  DType dtype = call[0].dtype();
  std::vector<Tensor> results;
  for (unsigned i = 0; i < call.op.numResults(); ++i)
    results.push_back(call.result(dtype, i));
  std::vector<Function> functions = functionsOf(call.op);
  const std::string &mode = call.op.text("direction");
  int64_t directions = mode == "bidirectional" ? 2 : 1;
  size_t each = functions.size() / static_cast<size_t>(directions);
  visitFloat(dtype, [&](auto tag) {
    using T = decltype(tag);
    for (int64_t d = 0; d < directions; ++d) {
      Layer<T> layer(call, d, std::span(functions).subspan(static_cast<size_t>(d) * each, each));
      layer.run(results[0].mutableData<T>().data(), directions, mode == "reverse" || d == 1);
      auto store = [&](size_t i, const std::vector<T> &state) {
        std::copy(state.begin(), state.end(),
                  results[i].mutableData<T>().data() + d * static_cast<int64_t>(state.size()));
      };
      store(1, layer.hidden());
      if (call.op.kind() == OpKind::LSTM)
        store(2, layer.cellState());
    }
  });
  return results;
}

} // namespace edgecc::reference
