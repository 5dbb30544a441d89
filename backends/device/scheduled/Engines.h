// Which engine runs a task.
#pragma once

#include "backends/device/scheduled/Machine.h"
#include "backends/device/tasks/Tasks.h"

namespace edgecc::device::scheduled {

enum class Runner {
  Convolution, // dense or grouped, tiled
  Channelwise, // on the convolution engine, each channel for itself: depthwise, pooling
  Product,     // by a constant matrix, on the convolution engine
  Vector,
  Move, // copies
  Host
};

struct Choice {
  Runner runner = Runner::Vector;
  size_t engineStages = 0; // of the task's, that the convolution engine applies
  bool vectorRuns = false; // the vector engine could, too
  std::string note;        // why not on the convolution engine, for a task of its kind
};

// Fails with the rule that each engine sets and the task breaks.
Expected<Choice> chooseEngine(const Task &task, const StreamMachine &machine);

// Why the convolution engine does not run a convolution, pooling or product; "" if it does.
std::string whyNotOnConvolution(const Task &task, const StreamMachine &machine);

} // namespace edgecc::device::scheduled
