// What the layers of a quantised module are reconstructed from: float targets and the inputs that
// they see in the quantised network, at sampled positions.
#pragma once

#include "passes/Pass.h"
#include "passes/channels/PatchGeometry.h"
#include "passes/compress/Compression.h"
#include "passes/compress/quantization/Layer.h"
#include "passes/compress/rounding/FloatReference.h"
#include "passes/compress/rounding/LayerReplay.h"
#include "passes/compress/rounding/Reconstruction.h"

namespace edgecc {

// A layer whose weights can be chosen: its weights are DequantizeLinear(QuantizeLinear(Param)).
struct ReconstructedLayer {
  Op *op = nullptr;
  PatchGeometry geometry;
  PiecewiseLinear activation;  // behind it, where nobody else reads its result
  const Op *floatOp = nullptr; // its counterpart in the float network
};

struct SamplingLimits {
  size_t samples = 256;                   // of the data
  int64_t columns = 8192;                 // positions of a layer's result
  size_t bytes = size_t{128} << 20;       // of one layer's inputs
  size_t targetBytes = size_t{256} << 20; // of the targets that are held at a time
  size_t replayBytes = size_t{512} << 20; // of the values between two layers
};

// From the options `samples` and `columns`.
Expected<SamplingLimits> samplingLimits(const PassOptions &options, std::string_view pass);

// Every fourth of the samples that are looked at is held out.
inline constexpr size_t kHeldOut = 4;

class HeldOutSamples : public DataSource {
public:
  HeldOutSamples(DataSource &data, const SamplingLimits &limits)
      : data_(data), looked_(std::min(limits.samples, data.size())) {}
  size_t size() const override { return looked_ / kHeldOut; }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    return data_.sample((kHeldOut * index + kHeldOut - 1) * data_.size() / looked_);
  }

private:
  DataSource &data_;
  size_t looked_;
};

// Visits the layers of a module in order. While one is visited all before it have their final
// weights, so its inputs carry their error (asymmetric reconstruction, Nagel et al. 2020, eq. 25).
class LayerReconstruction {
public:
  // Layers of the main function; those that cannot be reconstructed are left out with a note.
  // Fails without an executor or data.
  static Expected<LayerReconstruction> create(Module &module, PassContext &context,
                                              std::string_view pass, SamplingLimits limits);

  const std::vector<ReconstructedLayer> &layers() const { return layers_; }

  // Calls `fn` with each layer and one problem for each of its groups. `fn` may change the layer's
  // weights and bias.
  using Visitor = std::function<Expected<void>(const ReconstructedLayer &layer,
                                               std::vector<RoundingProblem> &groups)>;
  Expected<void> visit(const Visitor &fn);

private:
  LayerReconstruction(Module &module, PassContext &context, SamplingLimits limits)
      : module_(module), context_(context), limits_(limits) {}
  size_t chunkEnd(size_t first) const;
  std::vector<int64_t> positionsOf(size_t layer, size_t sample, int64_t positions) const;
  Expected<void> sampleTargets(size_t first, size_t last);
  void addTargets(size_t layer, size_t sample, size_t samples, const Tensor &result);
  Expected<Matrix> sampleInputs(size_t layer, LayerReplay &replay);
  std::vector<RoundingProblem> problems(const ReconstructedLayer &layer, const Matrix &inputs,
                                        const Matrix &targets) const;

  Module &module_;
  PassContext &context_;
  SamplingLimits limits_;
  std::unique_ptr<FloatReference> float_;
  std::vector<ReconstructedLayer> layers_;
  std::vector<Matrix> targets_; // of each layer; empty outside the current chunk
};

// The weight tensor that the groups' levels are, in the type of `weights`.
Tensor integersOf(const PatchGeometry &geometry, const QuantizedWeights &weights,
                  std::span<const Matrix> levels);

} // namespace edgecc
