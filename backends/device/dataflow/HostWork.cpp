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

} // namespace

HostWork hostWorkOf(const Task &task) {
  HostWork work;
  for (const Op *op : task.ops) {
    for (const Value *operand : op->operands())
      work.elements += elementsOf(operand);
    for (unsigned i = 0; i < op->numResults(); ++i)
      work.elements += elementsOf(op->result(i));
    if (op->kind() == OpKind::LSTM || op->kind() == OpKind::GRU) {
      work.macs += recurrenceMacs(*op);
      continue;
    }
    auto alone = taskOf(*op);
    if (!alone || !alone->kernel.AsContraction())
      continue;
    std::vector<std::vector<int64_t>> dims(alone->inputDims.begin(), alone->inputDims.end());
    work.macs += emulator::workOf(alone->kernel, alone->stages, dims, alone->output()->dims()).macs;
  }
  return work;
}

} // namespace edgecc::device::dataflow
