#include "passes/compress/precision/Sensitivity.h"
#include "ir/Builder.h"
#include "passes/compress/precision/OutputError.h"
#include "passes/compress/quantization/LayerPrecisions.h"
#include "passes/compress/quantization/Points.h"
#include "passes/compress/quantization/Scales.h"
#include "runtime/numerics/Quantize.h"

#include <algorithm>

namespace edgecc {

namespace {

// dequantized(quantized(W)) - W with the scales that `quantize` chooses.
Tensor weightError(const WeightLayout &layout, const Tensor &weights, DType dtype) {
  Tensor scales =
      scalesOfWeights(weights, {.axis = layout.axis,
                                .dtype = dtype,
                                .range = dtype == DType::I4 ? WeightRange::Mse : WeightRange::Max});
  numerics::IntegerRange range = numerics::integerRange(static_cast<int>(bitWidth(dtype)), true);
  Tensor out(DType::F32, weights.dims());
  auto in = weights.data<float>(), scale = scales.data<float>();
  auto to = out.mutableData<float>();
  for (size_t i = 0; i < in.size(); ++i) {
    float s = scale[static_cast<size_t>(layout.indexOf(static_cast<int64_t>(i)))];
    to[i] = static_cast<float>(numerics::quantizeLinear(in[i], s, 0, range)) * s - in[i];
  }
  return out;
}

class SwitchedModel {
public:
  explicit SwitchedModel(const Module &module)
      : module_(clone(module)), function_(module_->main()), names_(function_), builder_(*module_) {}

  // The op of the copy at the same place as an op of the original.
  Op *at(size_t position) const {
    return std::next(function_.body.ops().begin(), static_cast<std::ptrdiff_t>(position))->get();
  }

  Expected<void> addSwitch(Op *layer, const Precision &precision, const Calibration &calibration) {
    Value *on = function_.body.addArgument(Type{DType::F32, {}, 0, {}});
    function_.inputs.push_back({"switch of " + nameOfLayer(*layer), {}});
    builder_.location = layer->location;
    std::vector<Value *> operands = quantizedOperands(*layer);
    for (unsigned i = 0; i < 2 && isIntegerActivation(precision.activations); ++i)
      if (std::ranges::find(operands, layer->operand(i)) != operands.end())
        EDGECC_CHECK(switchOperand(layer, i, precision.activations, on, calibration));
    const Tensor *weights = constantOf(layer->operand(1));
    if (weights && isIntegerWeight(precision.weights))
      switchWeights(layer, *weights, precision.weights, on);
    return {};
  }

  Function &function() { return function_; }

private:
  Expected<void> switchOperand(Op *layer, unsigned index, DType activations, Value *on,
                               const Calibration &calibration) {
    Value *x = layer->operand(index);
    const Value *source = quantizationSource(x);
    auto known = sourceNames_.find(source);
    const std::string &name = known == sourceNames_.end() ? names_.of(*source) : known->second;
    const Observation *observation = calibration.find(name);
    if (!observation || observation->samples == 0 ||
        (needsHistogram(calibration.method) && observation->histograms.empty()))
      return error("the range of '" + name + "' is not known", nameOfLayer(*layer),
                   "run the pass calibrate before");
    DType dtype = index == 0 ? activations : bitWidth(activations) == 8 ? DType::I8 : DType::I16;
    bool symmetric = index == 1 || bitWidth(dtype) == 16;
    Range range;
    for (size_t c = 0; c < observation->seen.size(); ++c) {
      Range part = calibration.range(*observation, bitWidth(dtype), symmetric, c);
      range = {std::min(range.low, part.low), std::max(range.high, part.high)};
    }
    ValueScale scale = scaleOfRange(range, dtype, symmetric);
    builder_.setInsertionBefore(layer);
    Value *factor = builder_.constant(Tensor::scalar<float>(DType::F32, scale.scale));
    Value *zero = builder_.scalar(dtype, scale.zeroPoint);
    Value *q = builder_.create(OpKind::QuantizeLinear, {x, factor, zero}, {{"to", dtype}});
    Value *real =
        builder_.create(OpKind::DequantizeLinear, {q, factor, zero}, {{"to", DType::F32}});
    Value *error = builder_.create(OpKind::Mul, {builder_.create(OpKind::Sub, {real, x}), on});
    layer->setOperand(index, builder_.create(OpKind::Add, {x, error}));
    return {};
  }

  void switchWeights(Op *layer, const Tensor &weights, DType dtype, Value *on) {
    Tensor error = weightError(*weightLayout(*layer), weights, dtype);
    Value *y = layer->result();
    std::vector<Use> uses = y->uses();
    builder_.setInsertionBefore(nextOf(layer));
    std::vector<Value *> operands{layer->operand(0), builder_.constant(std::move(error))};
    Value *product = builder_.createOp(layer->kind(), operands, layer->attributes())->result();
    Value *mixed = builder_.create(OpKind::Add, {y, builder_.create(OpKind::Mul, {product, on})});
    sourceNames_[mixed] = names_.of(*y);
    for (const Use &use : uses)
      use.user->setOperand(use.operand, mixed);
  }

  Op *nextOf(Op *op) const {
    auto it = std::ranges::find_if(function_.body.ops(),
                                   [&](const auto &other) { return other.get() == op; });
    return std::next(it)->get();
  }

  std::unique_ptr<Module> module_;
  Function &function_;
  ValueNames names_;
  Builder builder_;
  // Results of layers with their weights' error, and what they are called in the original.
  std::map<const Value *, std::string> sourceNames_;
};

Tensor copyOf(const Tensor &tensor) {
  Tensor copy(tensor.dtype(), tensor.dims());
  std::copy_n(tensor.raw(), tensor.bytes(), copy.mutableRaw());
  return copy;
}

} // namespace

Expected<std::vector<double>>
measureSensitivity(const Module &module, const std::vector<const Op *> &layers,
                   const Precision &precision, const Calibration &calibration, DataSource &data,
                   size_t samples, Executor &executor, const std::function<void()> &tick) {
  std::vector<double> noise(layers.size(), 0.0);
  if (!isIntegerActivation(precision.activations) && !isIntegerWeight(precision.weights))
    return noise;
  std::map<const Op *, size_t> order = opOrder(module.main().body);
  SwitchedModel model(module);
  std::vector<Op *> copies; // found before any of them gets new neighbours
  for (const Op *layer : layers)
    copies.push_back(model.at(order.at(layer)));
  for (Op *copy : copies)
    EDGECC_CHECK(model.addSwitch(copy, precision, calibration));
  std::vector<const Value *> outputs(model.function().body.yields().begin(),
                                     model.function().body.yields().end());
  EDGECC_TRY(session, executor.prepare(model.function(), outputs));
  samples = std::min(std::max<size_t>(samples, 1), data.size());
  for (size_t s = 0; s < samples; ++s) {
    EDGECC_TRY(inputs, data.sample(s * data.size() / samples));
    size_t first = inputs.size();
    for (size_t l = 0; l < layers.size(); ++l)
      inputs.push_back(Tensor::scalar<float>(DType::F32, 0.0F));
    EDGECC_TRY(clean, session->run(inputs));
    std::vector<Tensor> reference;
    for (const Tensor &output : clean)
      reference.push_back(copyOf(output));
    for (size_t l = 0; l < layers.size(); ++l) {
      inputs[first + l] = Tensor::scalar<float>(DType::F32, 1.0F);
      EDGECC_TRY(noisy, session->run(inputs));
      OutputError error;
      error.add(reference, noisy);
      noise[l] += error.relative() / static_cast<double>(samples);
      inputs[first + l] = Tensor::scalar<float>(DType::F32, 0.0F);
      tick();
    }
  }
  return noise;
}

} // namespace edgecc
