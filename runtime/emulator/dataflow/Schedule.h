// SPDX-License-Identifier: Apache-2.0
//
// Contexts in turn: weights come over the link, then frames flow; then the next context. Host parts
// run with the contexts, each frame as soon as what they read is there.
#pragma once

#include "runtime/emulator/Emulator.h"
#include "runtime/emulator/dataflow/Simulation.h"

namespace edgecc::emulator::dataflow {

class Storage;

struct ContextVisit {
  size_t context = 0;
  unsigned frames = 0;
  double switchUs = 0; // before it: fixed part and weights; 0 for a context that stays
  double startUs = 0;  // after that
  Visit visit;
};

struct Schedule {
  std::vector<ContextVisit> visits; // in order of time
  std::vector<double> frameEndUs;
  double endUs = 0;
};

class Scheduler {
public:
  static Result<Scheduler> make(const ProgramT &program);

  // `frames` frames, in batches if there are several contexts. With `storage`, computes, and calls
  // host parts. Faults: deadlocks, those of host parts.
  Result<Schedule> run(unsigned frames, Storage *storage, const HostFunction &host) const;

  // Frames in steady state: as many as it takes for the rate to settle; a batch for several
  // contexts.
  Result<Schedule> settle(double &fps) const;

  const ProgramT &program() const { return *program_; }
  const Pipeline &pipeline(size_t context) const { return *pipelines_[context]; }
  size_t contexts() const { return pipelines_.size(); }
  double switchUs(size_t context) const;
  unsigned batch() const { return program_->dataflow->batch; }

private:
  explicit Scheduler(const ProgramT &program) : program_(&program) {}
  static Result<void> callHost(const HostStepT &step, unsigned frame, Storage &storage,
                               const HostFunction &host);
  Result<Schedule> runOnHost(unsigned frames, Storage *storage, const HostFunction &host) const;

  const ProgramT *program_;
  std::vector<std::unique_ptr<Pipeline>> pipelines_;
};

} // namespace edgecc::emulator::dataflow
