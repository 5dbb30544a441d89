#include "driver/WorkBalance.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace edgecc::driver {

namespace {

double nowNs() {
  return std::chrono::duration<double, std::nano>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A pool of one thread that plays several.
class SerialPool {
public:
  edgecc_thread_pool pool() { return {parallelFor, this}; }

  void beginRun() {
    next_ = 0;
    inside_ = 0;
  }

  // Time in the pool since beginRun.
  double insideNs() const { return inside_; }
  size_t parts() const { return least_.size(); }

  // Adds the least times of each part to `balance`.
  void addTo(WorkBalance &balance) const {
    for (const std::vector<double> &part : least_) {
      for (double range : part)
        balance.wholeNs += range;
      balance.longestNs += *std::ranges::max_element(part);
    }
  }

private:
  static void parallelFor(void *user, uint32_t threads, edgecc_task_fn task, void *frame,
                          uint32_t count) {
    auto *self = static_cast<SerialPool *>(user);
    if (self->next_ == self->least_.size())
      self->least_.emplace_back(threads, std::numeric_limits<double>::infinity());
    std::vector<double> &least = self->least_[self->next_++];
    for (uint32_t thread = 0; thread < threads; ++thread) {
      auto begin = static_cast<uint32_t>(uint64_t{count} * thread / threads);
      auto end = static_cast<uint32_t>(uint64_t{count} * (thread + 1) / threads);
      double start = nowNs();
      if (begin < end)
        task(frame, begin, end, thread);
      double taken = nowNs() - start;
      least[thread] = std::min(least[thread], taken);
      self->inside_ += taken;
    }
  }

  std::vector<std::vector<double>> least_; // of each part of a run, by thread
  size_t next_ = 0;
  double inside_ = 0;
};

} // namespace

double WorkBalance::speedUp() const { return longestNs > 0 ? wholeNs / longestNs : 1; }

Expected<WorkBalance> measureBalance(const std::filesystem::path &blob, unsigned threads,
                                     unsigned runs) {
  SerialPool serial;
  edgecc_thread_pool pool = serial.pool();
  EDGECC_TRY(model, RuntimeModel::load(blob, threads, &pool));
  for (unsigned i = 0; i < model.inputs().size(); ++i) {
    const Type &type = model.inputs()[i].type;
    EDGECC_CHECK(model.setInput(i, Tensor(type.dtype, type.dims)));
  }
  double outside = std::numeric_limits<double>::infinity();
  for (unsigned run = 0; run < runs; ++run) {
    serial.beginRun();
    double start = nowNs();
    EDGECC_CHECK(model.run());
    outside = std::min(outside, nowNs() - start - serial.insideNs());
  }
  WorkBalance balance{
      .threads = threads, .parts = serial.parts(), .wholeNs = outside, .longestNs = outside};
  serial.addTo(balance);
  return balance;
}

} // namespace edgecc::driver
