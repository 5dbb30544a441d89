// SPDX-License-Identifier: Apache-2.0
#include "backends/device/dataflow/HostWork.h"

namespace edgecc::device::dataflow {

namespace {

uint64_t elementsOf(const Value *value) {
  return value ? static_cast<uint64_t>(value->type.elements()) : 0;
}

// Each step of a recurrence multiplies by all of its weights: X [steps, batch, inputs], W, R.
uint64_t recurrenceMacs(const Op &op) {
  const Dims &x = op.operand(0)->dims();
  return static_cast<uint64_t>(x[0] * x[1]) *
         (elementsOf(op.operand(1)) + elementsOf(op.operand(2)));
}

bool isRecurrence(const Op &op) {
  return op.kind() == OpKind::LSTM || op.kind() == OpKind::GRU || op.kind() == OpKind::RNN;
}

// Of regions one trip: how many there are is not known before they run.
uint64_t macsOf(const Op &op) {
  if (isRecurrence(op))
    return recurrenceMacs(op);
  uint64_t macs = 0;
  for (unsigned i = 0; i < op.numRegions(); ++i)
    for (const auto &inner : op.region(i).ops())
      macs += macsOf(*inner);
  auto alone = taskOf(op);
  if (!alone || !alone->kernel.AsContraction())
    return macs;
  std::vector<std::vector<int64_t>> dims(alone->inputDims.begin(), alone->inputDims.end());
  return macs + emulator::workOf(alone->kernel, alone->stages, dims, alone->output()->dims()).macs;
}

} // namespace

HostWork hostWorkOf(const Task &task) {
  HostWork work;
  for (const Op *op : task.ops) {
    for (const Value *operand : op->operands())
      work.elements += elementsOf(operand);
    for (unsigned i = 0; i < op->numResults(); ++i)
      work.elements += elementsOf(op->result(i));
    work.macs += macsOf(*op);
  }
  return work;
}

} // namespace edgecc::device::dataflow
