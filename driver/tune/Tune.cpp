#include "driver/tune/Tune.h"

#include "driver/Artifact.h"
#include "driver/ProfiledModel.h"
#include "driver/data/RandomData.h"
#include "driver/tune/TuningFile.h"
#include "ir/OpDef.h"
#include "ir/Text.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

using native::ConvAlgorithm;
using Clock = std::chrono::steady_clock;

constexpr std::array kCandidates = {ConvAlgorithm::Direct, ConvAlgorithm::Winograd2,
                                    ConvAlgorithm::Winograd4, ConvAlgorithm::Winograd6};
constexpr double kNoise = 0.97;

// "Conv dilations=[1, 1] ... + Relu, f32[1x64x56x56] f32[64x64x3x3] -> f32[1x64x56x56]": equal for
// layers that are the same work, whatever their names and weights. Empty for other ops.
std::string describe(const Op &op) {
  std::string what;
  auto append = [&](const Op &inner) {
    what += (what.empty() ? "" : " + ") + std::string(inner.name());
    for (const auto &[name, value] : inner.attributes())
      what += " " + name + "=" + print(value);
  };
  bool convolves = op.kind() == OpKind::Conv;
  if (op.kind() == OpKind::Fused) {
    for (const auto &inner : op.region(0).ops())
      if (!inner->def().is(OpTrait::Terminator)) {
        convolves |= inner->kind() == OpKind::Conv;
        append(*inner);
      }
  } else {
    append(op);
  }
  if (!convolves)
    return {};
  what += ",";
  for (unsigned i = 0; i < op.numOperands(); ++i)
    if (const Value *operand = op.operand(i))
      what += " " + operand->type.str();
  return what + " -> " + op.result()->type.str();
}

// The whole model with one algorithm wherever it applies.
struct Version {
  ConvAlgorithm algorithm = ConvAlgorithm::Direct;
  std::vector<native::LayerInfo> layers;
  std::unique_ptr<ProfiledModel> model;
};

Expected<Version> makeVersion(const Module &module, const native::NativeTarget &target,
                              native::CodegenOptions options, ConvAlgorithm algorithm) {
  options.algorithms = {algorithm};
  EDGECC_TRY(code, native::generateCode(module.main(), target, options));
  EDGECC_TRY(bytes, makeBlob(module, code));
  EDGECC_TRY(loaded, LoadedBlob::load(std::move(bytes), 1));
  return Version{algorithm, std::move(code.layers),
                 std::make_unique<ProfiledModel>(std::move(loaded))};
}

// All versions in turn, so that they see the same machine.
Expected<void> measure(std::span<Version> versions, std::span<const Tensor> inputs,
                       Progress &progress) {
  constexpr auto kEnough = std::chrono::seconds(3);
  constexpr int kMostRounds = 50, kLeastRounds = 5;
  auto start = Clock::now();
  for (int i = 0; i < kMostRounds && (i < kLeastRounds || Clock::now() - start < kEnough); ++i) {
    progress.advance("tuning", static_cast<size_t>(i), kMostRounds);
    for (Version &version : versions)
      EDGECC_CHECK(version.model->run(inputs));
  }
  return {};
}

struct Layer {
  std::string location, description;
};

// A copy into another layout has the location of the convolution that it is for.
bool isConvolution(const native::LayerInfo &layer) {
  return layer.op == "Conv" || layer.op.starts_with("Conv ");
}

class Tuner {
public:
  Tuner(const Module &module, const native::NativeTarget &target,
        const native::CodegenOptions &options)
      : module_(module), target_(target), options_(options), cpu_(target.featureString()) {
    for (const auto &op : module.main().body.ops())
      if (std::string description = describe(*op); !description.empty())
        layers_.push_back({op->location, std::move(description)});
    // Times and choices go by location; layers that share one, or have none, keep the estimate's.
    std::map<std::string, int> uses;
    for (const Layer &layer : layers_)
      ++uses[layer.location];
    std::erase_if(layers_, [&](const Layer &layer) {
      return layer.location.empty() || uses[layer.location] > 1;
    });
  }

  Expected<Tuned> run(const std::filesystem::path &path, Progress &progress) {
    EDGECC_TRY(file, TuningFile::read(path));
    Tuned out;
    out.layers = layers_.size();
    out.measured = static_cast<size_t>(std::ranges::count_if(
        layers_, [&](const Layer &layer) { return !file.find(cpu_, layer.description); }));
    if (out.measured > 0) {
      EDGECC_CHECK(measureInto(file, progress));
      EDGECC_CHECK(file.write(path));
    }
    for (const Layer &layer : layers_)
      if (const TunedLayer *tuned = file.find(cpu_, layer.description))
        out.algorithms.byLayer[layer.location] = tuned->choice;
    return out;
  }

private:
  Expected<void> measureInto(TuningFile &file, Progress &progress) {
    // What the estimate chooses, by name.
    EDGECC_TRY(estimate, native::generateCode(module_.main(), target_, options_));
    std::map<std::string, std::string> estimated;
    for (const native::LayerInfo &layer : estimate.layers)
      if (isConvolution(layer))
        estimated[layer.name] = layer.op;
    std::vector<Version> versions;
    for (ConvAlgorithm algorithm : kCandidates) {
      EDGECC_TRY(version, makeVersion(module_, target_, options_, algorithm));
      versions.push_back(std::move(version));
    }
    EDGECC_TRY(data, RandomData::open("random:1", module_.main(), {}));
    EDGECC_TRY(inputs, data->sample(0));
    EDGECC_CHECK(measure(versions, inputs, progress));
    std::map<std::string, size_t> indices; // of layers, by location
    for (size_t i = 0; i < versions[0].layers.size(); ++i)
      if (isConvolution(versions[0].layers[i]))
        indices.emplace(versions[0].layers[i].name, i);
    std::map<std::string, std::vector<size_t>> unknown; // the same, by description
    for (const Layer &layer : layers_)
      if (auto found = indices.find(layer.location);
          found != indices.end() && !file.find(cpu_, layer.description))
        unknown[layer.description].push_back(found->second);
    for (const auto &[description, equal] : unknown)
      file.add(cpu_, description,
               choose(versions, equal, estimated[versions[0].layers[equal[0]].name]));
    return {};
  }

  // Among the algorithms that differ for these equal layers.
  TunedLayer choose(std::span<const Version> versions, const std::vector<size_t> &indices,
                    const std::string &estimated) const {
    TunedLayer out;
    std::vector<std::string> seen;
    ConvAlgorithm fastest = ConvAlgorithm::Direct;
    for (const Version &version : versions) {
      const std::string &summary = version.layers[indices[0]].op;
      if (std::ranges::find(seen, summary) != seen.end())
        continue; // does not apply: computed as by another one
      seen.push_back(summary);
      double time = 0;
      for (size_t index : indices)
        time += version.model->ofLayer(index) / 1e3;
      out.microseconds[version.algorithm] = time / static_cast<double>(indices.size());
      if (summary == estimated)
        out.choice = version.algorithm;
      if (out.microseconds[version.algorithm] < out.microseconds[fastest])
        fastest = version.algorithm;
    }
    if (out.choice == ConvAlgorithm::Auto ||
        out.microseconds[fastest] < kNoise * out.microseconds[out.choice])
      out.choice = fastest;
    return out;
  }

  const Module &module_;
  const native::NativeTarget &target_;
  const native::CodegenOptions &options_;
  std::string cpu_;
  std::vector<Layer> layers_;
};

} // namespace

Expected<Tuned> tune(const Module &module, const native::NativeTarget &target,
                     const native::CodegenOptions &options, const std::filesystem::path &file,
                     Progress &progress) {
  return Tuner(module, target, options).run(file, progress);
}

} // namespace edgecc::driver
