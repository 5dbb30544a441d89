#include "driver/report/LayerNoise.h"

#include "ir/Builder.h"

#include <algorithm>

namespace edgecc::driver {

namespace {

// One module with the whole original model and, beside it, every piece of the compressed one that
// lies between tensors which both have, fed with the original's values.
class PiecesModule {
public:
  PiecesModule(const Module &original, const Module &compressed,
               const std::vector<Correspondence> &pairs)
      : module_(clone(original)), builder_(*module_) {
    mapClone(original.main().body, module_->main().body);
    builder_.setInsertionEnd(module_->main().body);
    for (const Correspondence &pair : pairs)
      known_[pair.a] = &pair;
    const Block &body = compressed.main().body;
    for (unsigned i = 0; i < body.numArguments(); ++i)
      arguments_[body.argument(i)] = module_->main().body.argument(i);
  }

  const Function &function() const { return module_->main(); }
  const Value *originalValue(const Correspondence &pair) const { return originals_.at(pair.b); }

  // The compressed piece that ends in the pair's value; null where there is none.
  Value *addPiece(const Correspondence &pair) {
    piece_.clear();
    const Op *op = pair.a->definingOp();
    return op && copy(*op) ? piece_.at(pair.a) : nullptr;
  }

private:
  void mapClone(const Block &from, const Block &to) {
    for (unsigned i = 0; i < from.numArguments(); ++i)
      originals_[from.argument(i)] = to.argument(i);
    for (auto a = from.ops().begin(), b = to.ops().begin(); a != from.ops().end(); ++a, ++b)
      for (unsigned i = 0; i < (*a)->numResults(); ++i)
        originals_[(*a)->result(i)] = (*b)->result(i);
  }

  bool copy(const Op &op) {
    if (op.parameter) {
      piece_[op.result()] = builder_.constant(op.parameter->content, op.parameter->name);
      return true;
    }
    if (op.numRegions() > 0)
      return false;
    for (const Value *operand : op.operands())
      if (operand && !piece_.contains(operand) && !provide(*operand))
        return false;
    cloneOp(builder_, op, piece_);
    return true;
  }

  // The value for a piece: the original's where both models have it.
  bool provide(const Value &value) {
    if (auto pair = known_.find(&value); pair != known_.end()) {
      Value *converted = inUnitsOf(*pair->second);
      return converted && (piece_[&value] = converted);
    }
    if (const Op *op = value.definingOp())
      return copy(*op);
    return (piece_[&value] = arguments_.at(&value)) != nullptr;
  }

  // The original's tensor with the channels and the scales that the compressed model has.
  Value *inUnitsOf(const Correspondence &pair) {
    Value *value = originals_.at(pair.b);
    if (pair.channels.empty())
      return value;
    auto axis = static_cast<size_t>(pair.axis);
    if (static_cast<int64_t>(pair.channels.size()) != pair.a->dims()[axis])
      return nullptr; // the compressed model has channels that the original has not
    std::vector<int64_t> indices;
    Dims dims(pair.a->dims().size(), 1);
    dims[axis] = static_cast<int64_t>(pair.channels.size());
    Tensor factors(pair.a->type.dtype, dims);
    for (size_t i = 0; i < pair.channels.size(); ++i) {
      indices.push_back(pair.channels[i].b);
      factors.setDouble(static_cast<int64_t>(i), pair.channels[i].scaleB / pair.channels[i].scaleA);
    }
    value = builder_.create(OpKind::Gather, {value, builder_.constant(Tensor::ofInts(indices))},
                            {{"axis", static_cast<int64_t>(axis)}});
    return builder_.create(OpKind::Mul, {value, builder_.constant(factors)});
  }

  std::unique_ptr<Module> module_;
  Builder builder_;
  std::map<const Value *, Value *> originals_;            // of the original: its copy
  std::map<const Value *, const Correspondence *> known_; // of the compressed model
  std::map<const Value *, Value *> arguments_;            // of the compressed model
  ValueMapping piece_;                                    // of the piece at hand
};

// A tensor that is not finite has no histogram; its signal-to-noise ratio says so.
void observe(Observer &observer, const Tensor &tensor) {
  std::vector<float> converted;
  if (tensor.dtype() != DType::F32) {
    converted.resize(static_cast<size_t>(tensor.elements()));
    for (size_t i = 0; i < converted.size(); ++i)
      converted[i] = static_cast<float>(tensor.asDouble(static_cast<int64_t>(i)));
  }
  std::span<const float> values = converted;
  if (tensor.dtype() == DType::F32)
    values = tensor.data<float>();
  (void)observer.add(values, {1, 1, tensor.elements()});
}

} // namespace

Expected<std::vector<LayerNoise>>
measureNoise(const Module &original, const Module &compressed, Executor &executor, DataSource &data,
             const std::function<void(size_t done, size_t total)> &progress) {
  std::vector<Correspondence> pairs = correspond(compressed.main(), original.main());
  PiecesModule pieces(original, compressed, pairs);
  std::vector<LayerNoise> layers;
  std::vector<const Value *> wanted, found;
  for (const Correspondence &pair : pairs) {
    Value *alone = pieces.addPiece(pair);
    LayerNoise &layer = layers.emplace_back();
    layer.pair = pair;
    layer.hasAlone = alone != nullptr;
    wanted.push_back(pieces.originalValue(pair));
    wanted.push_back(alone ? alone : wanted.back());
    found.push_back(pair.a);
  }
  EDGECC_TRY(before, executor.prepare(pieces.function(), wanted));
  EDGECC_TRY(after, executor.prepare(compressed.main(), found));
  for (size_t sample = 0; sample < data.size(); ++sample) {
    EDGECC_TRY(inputs, data.sample(sample));
    EDGECC_TRY(reference, before->run(inputs));
    EDGECC_TRY(results, after->run(inputs));
    for (size_t i = 0; i < layers.size(); ++i) {
      layers[i].accumulated.add(layers[i].pair, results[i], reference[2 * i]);
      if (layers[i].hasAlone)
        layers[i].alone.add(layers[i].pair, reference[2 * i + 1], reference[2 * i]);
      observe(layers[i].values, reference[2 * i]);
    }
    if (progress)
      progress(sample + 1, data.size());
  }
  return layers;
}

} // namespace edgecc::driver
