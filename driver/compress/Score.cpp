#include "driver/compress/Score.h"

namespace edgecc::driver {

static Expected<std::unique_ptr<Executor::Session>> prepare(const Function &function,
                                                            Executor &executor) {
  const auto &yields = function.body.yields();
  std::vector<const Value *> outputs(yields.begin(), yields.end());
  return executor.prepare(function, outputs);
}

Expected<Score> score(const Function &original, const Function &compressed, Executor &executor,
                      DataSource &data, const Metric &metric,
                      const std::function<void(size_t done, size_t total)> &progress) {
  if (data.size() == 0)
    return error("there are no samples to judge the model by", "--calibrate");
  EDGECC_TRY(before, prepare(original, executor));
  EDGECC_TRY(after, prepare(compressed, executor));
  Score score{metric.name(), 0, 0, data.size()};
  for (size_t i = 0; i < data.size(); ++i) {
    EDGECC_TRY(inputs, data.sample(i));
    EDGECC_TRY(reference, before->run(inputs));
    EDGECC_TRY(outputs, after->run(inputs));
    score.original += metric.score(i, reference, reference);
    score.compressed += metric.score(i, reference, outputs);
    if (progress)
      progress(i + 1, data.size());
  }
  score.original /= static_cast<double>(data.size());
  score.compressed /= static_cast<double>(data.size());
  return score;
}

} // namespace edgecc::driver
