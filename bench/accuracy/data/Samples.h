// The inputs of a task, and the split that keeps calibration and scoring apart.
#pragma once

#include "bench/accuracy/data/Tasks.h"
#include "driver/RuntimeModel.h"
#include "ir/DataSource.h"

#include <memory>

namespace edgecc::bench {

// All samples of a task in a fixed order. Only Split holds one.
class Samples {
public:
  virtual ~Samples() = default;
  virtual size_t size() const = 0;
  virtual Expected<std::vector<Tensor>> inputs(size_t index) = 0;
  virtual int label(size_t) const { return -1; }              // class
  virtual Expected<Tensor> clean(size_t) { return Tensor(); } // without the noise
};

// Those with an even index are for calibration, those with an odd one for scoring. Nothing that a
// compression pass can reach leads to an odd one.
class Split {
public:
  // At most `limit` samples in all (0: no limit).
  Split(std::shared_ptr<Samples> samples, size_t limit);

  class Calibration : public DataSource {
  public:
    size_t size() const override { return size_; }
    Expected<std::vector<Tensor>> sample(size_t index) override;

  private:
    friend class Split;
    std::shared_ptr<Samples> samples_;
    size_t size_ = 0;
  };

  class Scored {
  public:
    size_t size() const { return size_; }
    Expected<std::vector<Tensor>> inputs(size_t i) const { return samples_->inputs(2 * i + 1); }
    int label(size_t i) const { return samples_->label(2 * i + 1); }
    Expected<Tensor> clean(size_t i) const { return samples_->clean(2 * i + 1); }

  private:
    friend class Split;
    std::shared_ptr<Samples> samples_;
    size_t size_ = 0;
  };

  // The first `most` of them (0: all).
  Calibration calibration(size_t most) const;
  const Scored &scored() const { return scored_; }

private:
  Calibration calibration_;
  Scored scored_;
};

// Reads what `task` needs for a model with these inputs.
Expected<std::shared_ptr<Samples>>
makeSamples(const Task &task, const std::filesystem::path &shared,
            const std::vector<driver::RunnableModel::Port> &inputs);

} // namespace edgecc::bench
