// Runs functions as native code in this process: about a hundred times as fast as the reference
// backend once a function is prepared.
#pragma once

#include "backends/reference/ReferenceExecutor.h"
#include "driver/NativeModel.h"

namespace edgecc::driver {

// Each prepare() compiles anew, except kernels that an earlier one has compiled. Functions must not
// have been lowered. Not for use by several threads at once.
class NativeExecutor : public Executor {
public:
  explicit NativeExecutor(NativeOptions options = {});

  // Compiles, for one run. With an observer every intermediate value is wanted, and the reference
  // backend runs the function instead.
  Expected<std::vector<Tensor>> run(const Function &function, std::span<const Tensor> inputs,
                                    const Observer &observer = {}) override;

  // Compiles what the values need. The session yields views of the compiled code's own buffers.
  // What cannot be compiled for this machine runs on the reference backend, with a warning.
  Expected<std::unique_ptr<Session>> prepare(const Function &function,
                                             std::span<const Value *const> values) override;

  // On the reference backend.
  Expected<std::vector<Tensor>> evaluate(const Op &op, std::span<const Tensor> operands) override;

  // Sentences about what ran on the reference backend and why, each once.
  const std::vector<std::string> &warnings() const { return warnings_; }

private:
  void warn(std::string sentence);

  NativeOptions options_;
  ReferenceExecutor reference_;
  std::vector<std::string> warnings_;
};

} // namespace edgecc::driver
