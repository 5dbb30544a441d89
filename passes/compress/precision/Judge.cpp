#include "passes/compress/precision/Judge.h"
#include "passes/compress/precision/OutputError.h"
#include "passes/compress/quantization/QuantizeFunction.h"

#include <algorithm>

namespace edgecc {

// The float model's outputs are kept up to this size and computed again beyond it.
static constexpr size_t kMostKept = size_t{128} << 20;

static std::vector<const Value *> yieldsOf(const Function &function) {
  return {function.body.yields().begin(), function.body.yields().end()};
}

Expected<Judge> Judge::make(const Module &module, const Compression &compression,
                            Executor &executor, size_t samples) {
  Judge judge(module, compression, executor);
  size_t all = compression.data->size();
  judge.samples_ = samples == 0 ? all : std::min(samples, all);
  EDGECC_TRY(session, executor.prepare(module.main(), yieldsOf(module.main())));
  judge.session_ = std::move(session);
  return judge;
}

Expected<std::vector<Tensor>> Judge::reference(size_t index, std::span<const Tensor> inputs) {
  if (auto it = kept_.find(index); it != kept_.end())
    return it->second;
  EDGECC_TRY(outputs, session_->run(inputs));
  size_t bytes = 0;
  for (const Tensor &output : outputs)
    bytes += output.bytes();
  if (keptBytes_ + bytes > kMostKept)
    return std::move(outputs);
  std::vector<Tensor> copies;
  for (const Tensor &output : outputs) {
    copies.emplace_back(output.dtype(), output.dims());
    std::copy_n(output.raw(), output.bytes(), copies.back().mutableRaw());
  }
  keptBytes_ += bytes;
  return kept_.emplace(index, std::move(copies)).first->second;
}

Expected<Quality> Judge::judge(const PrecisionTable &table) {
  std::unique_ptr<Module> copy = clone(*module_);
  QuantizeSettings settings;
  settings.precision = {DType::F32, DType::F32};
  Statistics statistics;
  std::vector<Note> notes;
  EDGECC_CHECK(quantizeFunction(*copy, settings, compression_->calibration, table, nullptr,
                                statistics, notes));
  for (Op *layer : quantizedLayers(copy->main()))
    if (auto weights = quantizedWeights(*layer); weights && weights->real())
      setIntegers(*copy, *weights, roundedToNearest(*weights));
  EDGECC_TRY(session, executor_->prepare(copy->main(), yieldsOf(copy->main())));
  OutputError error;
  double loss = 0;
  size_t all = compression_->data->size();
  for (size_t s = 0; s < samples_; ++s) {
    size_t index = s * all / samples_;
    EDGECC_TRY(inputs, compression_->data->sample(index));
    EDGECC_TRY(want, reference(index, inputs));
    EDGECC_TRY(have, session->run(inputs));
    error.add(want, have);
    if (const Metric *metric = compression_->metric)
      loss += metric->score(index, want, want) - metric->score(index, want, have);
  }
  return Quality{loss / static_cast<double>(std::max<size_t>(samples_, 1)), error.sqnr()};
}

} // namespace edgecc
