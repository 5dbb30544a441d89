// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Check.h"
#include "runtime/emulator/kernels/Rows.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

namespace edgecc::emulator {

tl::unexpected<Fault> unfit(std::string message) {
  return fault(FaultKind::BadProgram, std::move(message));
}

bool broadcastsTo(const Operand &x, std::span<const int64_t> dims) {
  if (x.dims.size() > dims.size())
    return false;
  for (size_t i = 1; i <= x.dims.size(); ++i) {
    int64_t extent = x.dims[x.dims.size() - i];
    if (extent != 1 && extent != dims[dims.size() - i])
      return false;
  }
  return true;
}

namespace {

Result<void> checkShape(const Operand &x) {
  if (bitsOf(x.type) == 0 || x.dims.size() > kMaxRank || x.strides.size() != x.dims.size())
    return unfit("an operand of a type or rank that programs do not have");
  int64_t elements = 1;
  for (int64_t extent : x.dims) {
    if (extent < 1 || extent > kMaxElements / elements)
      return unfit("an operand without elements, or with too many");
    elements *= extent;
  }
  return {};
}

// Types of kernels that keep the class of their operand.
Result<void> checkClass(const char *what, ElementType from, ElementType to) {
  if (bitsOf(to) < 8 || isFloat(from) != isFloat(to))
    return unfit(fmt::format("{} of {} to {}", what, nameOf(from), nameOf(to)));
  return {};
}

Result<void> checkReduce(const ReduceT &kernel, const Operand &x, const Operand &y) {
  if (kernel.kind < ReduceKind::MIN || kernel.kind > ReduceKind::MAX)
    return unfit("a reduction of no kind");
  std::set<uint32_t> axes(kernel.axes.begin(), kernel.axes.end());
  if (axes.size() != kernel.axes.size() || (!axes.empty() && *axes.rbegin() >= x.dims.size()))
    return unfit("a reduction over axes that are not there");
  std::vector<int64_t> dims = x.dims, kept;
  for (size_t i = 0; i < dims.size(); ++i)
    if (!axes.contains(static_cast<uint32_t>(i)))
      kept.push_back(dims[i]);
    else
      dims[i] = 1;
  if (dims != y.dims && kept != y.dims)
    return unfit("a reduction whose output keeps other axes");
  if (kernel.kind == ReduceKind::ArgMax || kernel.kind == ReduceKind::ArgMin)
    return kernel.to == ElementType::I64 || kernel.to == ElementType::I32
               ? Result<void>()
               : unfit("positions of extremes are i64 or i32");
  return checkClass("a reduction", x.type, kernel.to);
}

Result<void> checkSoftmax(const SoftmaxT &kernel, const Operand &x, const Operand &y) {
  if (!isFloat(x.type) || !isFloat(kernel.to) || kernel.axis >= x.dims.size() || x.dims != y.dims)
    return unfit("a softmax of no floats, or of other dims than its output");
  return {};
}

Result<void> checkNormalize(const NormalizeT &kernel, Inputs inputs, const Operand &y) {
  const Operand &x = inputs[0];
  bool isGroup = kernel.kind == NormalizeKind::Group;
  if (kernel.kind < NormalizeKind::MIN || kernel.kind > NormalizeKind::MAX || !isFloat(x.type) ||
      !isFloat(kernel.to) || x.dims != y.dims)
    return unfit("a normalisation of no floats, or of other dims than its output");
  if (isGroup ? x.dims.size() < 2 || kernel.groups < 1 || x.dims[1] % kernel.groups != 0
              : kernel.axis >= x.dims.size())
    return unfit("a normalisation over axes or groups that are not there");
  size_t operands = size_t{kernel.has_scale} + kernel.has_bias;
  if (inputs.size() < 1 + operands)
    return unfit("a normalisation lacks an operand");
  auto own = std::span(x.dims).subspan(isGroup ? 1 : kernel.axis);
  for (size_t i = 1; i <= operands; ++i)
    if (!isFloat(inputs[i].type) || !broadcastsTo(inputs[i], own))
      return unfit("a normalisation with a scale or bias that does not broadcast");
  return {};
}

Result<void> checkResize(const ResizeT &kernel, const Operand &x, const Operand &y) {
  std::vector<int64_t> dims = x.dims;
  std::set<uint32_t> axes;
  for (const auto &axis : kernel.axes) {
    if (!axis || axis->axis >= dims.size() || !axes.insert(axis->axis).second || axis->taps < 1 ||
        axis->indices.empty() || axis->indices.size() % axis->taps != 0 ||
        axis->weights.size() != axis->indices.size())
      return unfit("a resize of an axis that is not there, or without weights");
    int64_t &extent = dims[axis->axis];
    for (int32_t index : axis->indices)
      if (index < 0 || index >= extent)
        return unfit(fmt::format("a resize reads position {} of {}", index, extent));
    extent = static_cast<int64_t>(axis->indices.size() / axis->taps);
    // What lies between two axes is held, too.
    Operand between{nullptr, x.type, dims, x.strides, 0};
    if (auto checked = checkShape(between); !checked)
      return checked;
    if (between.elements() / 64 > x.elements() + y.elements())
      return unfit("a resize that is far larger between its axes than at its ends");
  }
  if (dims != y.dims)
    return unfit("a resize whose output has other dims");
  if (bitsOf(kernel.to) < 8 || (isFloat(x.type) && !isFloat(kernel.to)))
    return unfit(fmt::format("a resize of {} to {}", nameOf(x.type), nameOf(kernel.to)));
  return {};
}

Result<void> checkKernel(const KernelUnion &kernel, Inputs inputs, const Operand &y) {
  const Operand &x = inputs[0];
  switch (kernel.type) {
  case Kernel::Contraction:
    return checkContraction(*kernel.AsContraction(), inputs, y);
  case Kernel::Pool:
    return checkPool(*kernel.AsPool(), inputs, y);
  case Kernel::Map:
    return broadcastsTo(x, y.dims) ? Result<void>()
                                   : unfit("an operand does not broadcast to the output");
  case Kernel::Reduce:
    return checkReduce(*kernel.AsReduce(), x, y);
  case Kernel::Softmax:
    return checkSoftmax(*kernel.AsSoftmax(), x, y);
  case Kernel::Normalize:
    return checkNormalize(*kernel.AsNormalize(), inputs, y);
  case Kernel::Resize:
    return checkResize(*kernel.AsResize(), x, y);
  case Kernel::Move:
    return checkMove(*kernel.AsMove(), inputs, y);
  default:
    return unfit("not a kernel that is computed");
  }
}

} // namespace

Result<void> checkOperands(const KernelUnion &kernel, Stages stages, Inputs inputs,
                           const Operand &output) {
  if (inputs.empty() || !kernel.value)
    return unfit("a kernel without operands");
  if (auto checked = checkShape(output); !checked)
    return checked;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (auto checked = checkShape(inputs[i]); !checked)
      return checked;
    bool mayBePacked = kernel.type == Kernel::Contraction && i > 0;
    if (bitsOf(inputs[i].type) < 8 && kernelReads(kernel, i) && !mayBePacked)
      return unfit("4-bit operands other than weights");
  }
  if (bitsOf(output.type) < 8)
    return unfit("an output of 4-bit elements");
  if (auto checked = checkKernel(kernel, inputs, output); !checked)
    return checked;
  if (const ContractionT *contraction = kernel.AsContraction();
      contraction && contraction->pool_kernel > 0) { // stages are before the pooling
    Operand convolved = output;
    convolved.dims = convolvedDims(*contraction, inputs[0].dims, inputs[1].dims, output.dims);
    return checkStages(valueTypeOf(kernel, inputs, output), stages, inputs, convolved);
  }
  return checkStages(valueTypeOf(kernel, inputs, output), stages, inputs, output);
}

} // namespace edgecc::emulator
