#include "passes/compress/rounding/LayerReconstruction.h"

#include "passes/Rewrite.h"

#include <algorithm>
#include <random>

namespace edgecc {

namespace {

// The piecewise linear op that alone reads the layer's result; else the identity.
PiecewiseLinear activationBehind(const Op &layer) {
  PiecewiseLinear f;
  const Value *result = layer.result();
  if (onlyUser(result, OpKind::Relu)) {
    f.low = 0;
  } else if (const Op *leaky = onlyUser(result, OpKind::LeakyRelu)) {
    f.low = 0;
    f.slope = static_cast<float>(leaky->real("alpha"));
  } else if (const Op *clip = onlyUser(result, OpKind::Clip); clip && clip->operand(0) == result) {
    auto low = splatOf(clip->operand(1)), high = splatOf(clip->operand(2));
    if ((clip->operand(1) && !low) || (clip->operand(2) && !high))
      return f;
    if (low)
      f.low = static_cast<float>(*low);
    if (high)
      f.high = static_cast<float>(*high);
  }
  return f;
}

// Why a layer with quantised weights cannot be reconstructed; empty if it can.
std::string whyNot(Op &op, const QuantizedWeights &weights) {
  if (!weights.real())
    return "its weights are integers already";
  if (op.operand(0)->type.dtype != DType::F32 || op.result()->type.dtype != DType::F32)
    return "it does not compute in f32";
  if (!op.operand(0)->type.isStatic())
    return "the extents of its input are known at run time only";
  if (!PatchGeometry::of(op))
    return "it is a Gemm whose alpha is not 1 or a MatMul with a batch of weights";
  if (!biasOf(op))
    return "its bias is not constant";
  return {};
}

} // namespace

Expected<SamplingLimits> samplingLimits(const PassOptions &options, std::string_view pass) {
  for (const char *name : {"samples", "columns"})
    if (options.integer(name) < 1 || options.integer(name) > 1'000'000)
      return error(std::string(name) + " must be between 1 and 1000000", std::string(pass));
  SamplingLimits limits;
  limits.samples = static_cast<size_t>(options.integer("samples"));
  limits.columns = options.integer("columns");
  return limits;
}

Expected<LayerReconstruction> LayerReconstruction::create(Module &module, PassContext &context,
                                                          std::string_view pass,
                                                          SamplingLimits limits) {
  if (!context.executor)
    return error("the pass needs an executor to run the model", std::string(pass));
  if (!context.compression || !context.compression->data || context.compression->data->size() == 0)
    return error("the pass needs calibration data", std::string(pass),
                 "name a folder of samples with --calibrate");
  LayerReconstruction out(module, context, limits);
  out.float_ = std::make_unique<FloatReference>(module, *context.compression);
  for (Op *op : quantizedLayers(module.main())) {
    if (std::string why = whyNot(*op, *quantizedWeights(*op)); !why.empty()) {
      context.compression->notes.push_back(
          {std::string(pass), nameOfLayer(*op), "not reconstructed: " + why + "."});
      continue;
    }
    ReconstructedLayer layer{op, *PatchGeometry::of(*op), {}, nullptr};
    layer.floatOp = out.float_->layer(*op);
    layer.activation = activationBehind(*layer.floatOp);
    out.layers_.push_back(std::move(layer));
  }
  out.targets_.resize(out.layers_.size());
  return out;
}

// Layers from `first` on whose targets fit, at least one.
size_t LayerReconstruction::chunkEnd(size_t first) const {
  size_t bytes = 0, end = first;
  while (end < layers_.size()) {
    const PatchGeometry &g = layers_[end].geometry;
    bytes += static_cast<size_t>(limits_.columns * g.groups() * g.rows()) * sizeof(float);
    if (end > first && bytes > limits_.targetBytes)
      break;
    ++end;
  }
  return end;
}

// An equal share of the columns from each sample, at random, always the same.
std::vector<int64_t> LayerReconstruction::positionsOf(size_t layer, size_t sample,
                                                      int64_t positions) const {
  const PatchGeometry &g = layers_[layer].geometry;
  size_t samples = std::min(limits_.samples, context_.compression->data->size());
  int64_t most = static_cast<int64_t>(limits_.bytes / sizeof(float)) / (g.groups() * g.cols());
  int64_t columns = std::max<int64_t>(1, std::min(limits_.columns, most));
  int64_t share = std::max<int64_t>(1, columns / static_cast<int64_t>(samples));
  std::vector<int64_t> chosen;
  if (share >= positions) {
    for (int64_t p = 0; p < positions; ++p)
      chosen.push_back(p);
    return chosen;
  }
  std::seed_seq seed{static_cast<uint32_t>(layer), static_cast<uint32_t>(sample)};
  std::mt19937_64 random(seed);
  // Floyd's sampling without replacement.
  for (int64_t i = positions - share; i < positions; ++i) {
    auto p = static_cast<int64_t>(random() % static_cast<uint64_t>(i + 1));
    chosen.push_back(std::ranges::find(chosen, p) == chosen.end() ? p : i);
  }
  std::ranges::sort(chosen);
  return chosen;
}

// Samples that are held out come behind all others.
static size_t placeOf(size_t sample, size_t samples) {
  size_t before = sample / kHeldOut; // held out ones
  return sample % kHeldOut == kHeldOut - 1 ? samples - samples / kHeldOut + before
                                           : sample - before;
}

Expected<void> LayerReconstruction::sampleTargets(size_t first, size_t last) {
  std::vector<const Value *> results;
  for (size_t i = first; i < last; ++i)
    results.push_back(layers_[i].floatOp->result());
  LayerReplay replay(float_->module().main(), *context_.executor, *context_.compression->data,
                     {limits_.samples, 0});
  return replay.run(results, *float_->module().main().body.terminator(),
                    [&](size_t sample, std::span<const Tensor> tensors) {
                      for (size_t i = first; i < last; ++i)
                        addTargets(i, sample, replay.samples(), tensors[i - first]);
                    });
}

void LayerReconstruction::addTargets(size_t index, size_t sample, size_t samples,
                                     const Tensor &result) {
  const PatchGeometry &g = layers_[index].geometry;
  Matrix &to = targets_[index];
  std::vector<int64_t> positions = positionsOf(index, sample, g.positions(result.dims()));
  auto count = static_cast<int64_t>(positions.size()); // the same of all samples
  int64_t channels = g.groups() * g.rows();
  if (channels == 0)
    return; // no weights to round
  if (to.size() == 0)
    to.resize(channels, count * static_cast<int64_t>(samples));
  auto column = static_cast<int64_t>(placeOf(sample, samples)) * count;
  for (int64_t p : positions)
    g.gatherResult(result, p, to.col(column++).data());
}

Expected<Matrix> LayerReconstruction::sampleInputs(size_t index, LayerReplay &replay) {
  const ReconstructedLayer &layer = layers_[index];
  const PatchGeometry &g = layer.geometry;
  const Value *x = layer.op->operand(0);
  Matrix inputs(g.groups() * g.cols(), targets_[index].cols());
  const int64_t count = inputs.cols() / static_cast<int64_t>(replay.samples());
  auto collect = [&](size_t sample, std::span<const Tensor> tensors) {
    Dims result = layer.op->result()->dims();
    std::vector<int64_t> positions = positionsOf(index, sample, g.positions(result));
    assert(static_cast<int64_t>(positions.size()) == count);
    auto column = static_cast<int64_t>(placeOf(sample, replay.samples())) * count;
    for (int64_t p : positions)
      g.gatherPatch(tensors[0], result, p, inputs.col(column++).data());
  };
  EDGECC_CHECK(replay.run(std::span(&x, 1), *layer.op, collect));
  return inputs;
}

std::vector<RoundingProblem> LayerReconstruction::problems(const ReconstructedLayer &layer,
                                                           const Matrix &inputs,
                                                           const Matrix &targets) const {
  const PatchGeometry &g = layer.geometry;
  QuantizedWeights weights = *quantizedWeights(*layer.op);
  auto real = weights.real()->data<float>();
  auto samples =
      static_cast<int64_t>(std::min(limits_.samples, context_.compression->data->size()));
  // The Add behind a MatMul is not part of the layer's result.
  std::vector<double> bias(static_cast<size_t>(g.groups() * g.rows()));
  if (layer.op->kind() != OpKind::MatMul)
    bias = *biasOf(*layer.op);
  std::vector<RoundingProblem> out(static_cast<size_t>(g.groups()));
  for (int64_t group = 0; group < g.groups(); ++group) {
    RoundingProblem &p = out[static_cast<size_t>(group)];
    p.weights.resize(g.rows(), g.cols());
    p.scales.resize(g.rows(), g.cols());
    p.bias.resize(g.rows());
    for (int64_t r = 0; r < g.rows(); ++r) {
      p.bias(r) = static_cast<float>(bias[static_cast<size_t>(group * g.rows() + r)]);
      for (int64_t c = 0; c < g.cols(); ++c) {
        int64_t i = g.weightIndex(group, r, c);
        p.weights(r, c) = real[static_cast<size_t>(i)];
        p.scales(r, c) = weights.scaleOf(i);
      }
    }
    p.low = Vector::Constant(g.rows(), static_cast<float>(weights.lowest()));
    p.high = Vector::Constant(g.rows(), static_cast<float>(weights.highest()));
    p.inputs = inputs.middleRows(group * g.cols(), g.cols());
    p.targets = targets.middleRows(group * g.rows(), g.rows());
    p.activation = layer.activation;
    p.heldOut = inputs.cols() / samples * (samples / static_cast<int64_t>(kHeldOut));
  }
  return out;
}

Expected<void> LayerReconstruction::visit(const Visitor &fn) {
  LayerReplay replay(module_.main(), *context_.executor, *context_.compression->data,
                     {limits_.samples, limits_.replayBytes});
  size_t ready = 0;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (context_.progress)
      context_.progress(i, layers_.size());
    if (i == ready) {
      ready = chunkEnd(i);
      EDGECC_CHECK(sampleTargets(i, ready));
    }
    // Of weights that two layers share, the first decides.
    std::optional<QuantizedWeights> weights = quantizedWeights(*layers_[i].op);
    if (weights && weights->real() && targets_[i].cols() > 0) {
      EDGECC_TRY(inputs, sampleInputs(i, replay));
      std::vector<RoundingProblem> groups = problems(layers_[i], inputs, targets_[i]);
      inputs.resize(0, 0);
      EDGECC_CHECK(fn(layers_[i], groups));
    }
    targets_[i].resize(0, 0);
  }
  if (context_.progress)
    context_.progress(layers_.size(), layers_.size());
  return {};
}

Tensor integersOf(const PatchGeometry &geometry, const QuantizedWeights &weights,
                  std::span<const Matrix> levels) {
  Tensor out(weights.dtype, weights.dims());
  for (int64_t group = 0; group < geometry.groups(); ++group) {
    const Matrix &q = levels[static_cast<size_t>(group)];
    for (int64_t r = 0; r < geometry.rows(); ++r)
      for (int64_t c = 0; c < geometry.cols(); ++c)
        out.setDouble(geometry.weightIndex(group, r, c), q(r, c));
  }
  return out;
}

} // namespace edgecc
