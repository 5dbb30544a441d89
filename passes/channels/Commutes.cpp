#include "passes/channels/Commutes.h"

#include <algorithm>

namespace edgecc {

bool isJoint(const Op &op) {
  return op.kind() == OpKind::Add || op.kind() == OpKind::Sub || op.kind() == OpKind::Min ||
         op.kind() == OpKind::Max;
}

static bool padsWithZeros(const Op &op) {
  return op.text("mode") != "constant" || !op.operand(1) || splatOf(op.operand(1)) == 0.0;
}

static bool hasConstantBounds(const Op &clip) {
  return (!clip.operand(1) || constantOf(clip.operand(1))) &&
         (!clip.operand(2) || constantOf(clip.operand(2)));
}

static Commutes withScale(const Op &op, unsigned operand, const FlowOptions &options) {
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Neg:
  case OpKind::AveragePool:
  case OpKind::ReduceSum:
  case OpKind::ReduceMean:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::Concat:
  case OpKind::Mul:
    return Commutes::Always;
  case OpKind::Resize:
    return op.text("coordinate_mode") == "tf_crop_and_resize" && op.real("extrapolation_value") != 0
               ? Commutes::Never
               : Commutes::Always;
  case OpKind::Pad:
    return operand == 0 && padsWithZeros(op) ? Commutes::Always : Commutes::Never;
  case OpKind::Div:
    return operand == 0 ? Commutes::Always : Commutes::Never;
  case OpKind::Relu:
  case OpKind::LeakyRelu:
  case OpKind::Abs:
  case OpKind::MaxPool:
  case OpKind::LpPool:
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
  case OpKind::ReduceL1:
  case OpKind::ReduceL2:
    return Commutes::Positively;
  case OpKind::PRelu:
    return operand == 0 ? Commutes::Positively : Commutes::Never;
  case OpKind::Clip:
    return operand == 0 && options.throughClips && hasConstantBounds(op) ? Commutes::Positively
                                                                         : Commutes::Never;
  default:
    return Commutes::Never;
  }
}

static Commutes withShift(const Op &op, unsigned operand, const FlowOptions &options) {
  bool yes = false;
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::MaxPool:
  case OpKind::ReduceMean:
  case OpKind::ReduceMax:
  case OpKind::ReduceMin:
  case OpKind::Reshape:
  case OpKind::Transpose:
  case OpKind::Slice:
  case OpKind::Expand:
  case OpKind::Tile:
  case OpKind::Concat:
    yes = true;
    break;
  case OpKind::AveragePool: // a mean of shifted values; zeros that count are not shifted
    yes = !op.flag("count_include_pad") ||
          std::ranges::all_of(op.ints("pads"), [](int64_t pad) { return pad == 0; });
    break;
  case OpKind::Resize: // weights of samples add up to one
    yes = op.text("coordinate_mode") != "tf_crop_and_resize";
    break;
  case OpKind::Pad:
    yes = operand == 0 && op.text("mode") != "constant";
    break;
  case OpKind::Add:
    yes = constantOf(op.operand(1 - operand)) != nullptr;
    break;
  case OpKind::Relu:
    yes = options.throughRelu;
    break;
  default:
    break;
  }
  return yes ? Commutes::Always : Commutes::Never;
}

Commutes commutes(const Op &op, unsigned operand, const FlowOptions &options) {
  return options.change == FlowOptions::Change::Scale ? withScale(op, operand, options)
                                                      : withShift(op, operand, options);
}

} // namespace edgecc
