// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/kernels/Check.h"

#include <fmt/format.h>
#include <optional>

namespace edgecc::emulator {

namespace {

bool isNarrow(ElementType type) { // 8 or 16 bits
  return isInteger(type) && type != ElementType::Bool && (bitsOf(type) == 8 || bitsOf(type) == 16);
}

struct StageChecker {
  const StageT &stage;
  Inputs inputs;
  const Operand &output;
  ElementType value; // that the function reads
  std::optional<ElementType> side;

  tl::unexpected<Fault> bad(const std::string &why) const {
    return unfit(fmt::format("stage {} {}", EnumNameFunction(stage.function), why));
  }

  Result<void> operandsExist() const {
    for (uint32_t index : stage.operands) {
      if (index >= inputs.size())
        return bad("has an operand that is not there");
      if (stage.function != Function::Lookup && !broadcastsTo(inputs[index], output.dims))
        return bad("has an operand that does not broadcast to the output");
    }
    return {};
  }

  bool hasClass(size_t operand, bool floats) const {
    return isFloat(inputs[stage.operands[operand]].type) == floats;
  }

  // Functions whose operand and result have the class of the value.
  Result<void> plain(const FunctionRule &rule) const {
    bool floats = isFloat(value);
    bool takesMixed = stage.function == Function::Pow && floats && !stage.swapped;
    for (size_t i = 0; i < stage.operands.size(); ++i)
      if (!hasClass(i, floats) && !takesMixed)
        return bad("mixes floats and integers");
    if (stage.takes_side && isFloat(*side) != floats)
      return bad("mixes floats and integers");
    if (rule.givesBool ? stage.to != ElementType::Bool : isFloat(stage.to) != floats)
      return bad("gives another class of type");
    return {};
  }

  Result<void> quantisation() const {
    if (!hasClass(0, true) || (stage.operands.size() > 1 && !hasClass(1, false)))
      return bad("has no scale in f32, or no zero point that is an integer");
    if (stage.function == Function::Dequantize)
      return isFloat(stage.to) && value != ElementType::I64 ? Result<void>()
                                                            : bad("is not from i32 to a float");
    if (!isNarrow(stage.to))
      return bad("does not give an integer of 8 or 16 bits");
    if (stage.function == Function::Quantize)
      return {};
    auto [low, high] = boundsOf(stage.to);
    double from = stage.params[0], to = stage.params[1];
    double zero = stage.params.size() > 2 ? stage.params[2] : 0;
    if (!(from >= static_cast<double>(low) && to <= static_cast<double>(high) && from <= to))
      return bad("has a range outside its type");
    if (!(zero >= -0x10000 && zero <= 0x10000))
      return bad("has a zero point beyond 16 bits");
    return {};
  }

  Result<void> lookup() const {
    const Operand &table = inputs[stage.operands[0]];
    if (value != ElementType::I8 && value != ElementType::U8)
      return bad("looks up no byte");
    if (table.elements() != 256 || isFloat(table.type) != isFloat(stage.to))
      return bad("has no table of 256 results");
    return {};
  }

  Result<void> choice() const {
    for (size_t i = 0; i < stage.operands.size(); ++i)
      if (!hasClass(i, isFloat(stage.to)))
        return bad("mixes floats and integers");
    if (stage.takes_side && isFloat(*side) != isFloat(stage.to))
      return bad("mixes floats and integers");
    return {};
  }

  Result<void> check() const {
    FunctionRule rule = ruleOf(stage.function);
    if (!(isFloat(value) ? rule.onFloats : rule.onIntegers))
      return bad(fmt::format("does not take {}", nameOf(value)));
    if (bitsOf(stage.to) < 8)
      return bad("gives a type that is not computed with");
    if (stage.params.size() < rule.params)
      return bad("lacks parameters");
    if (auto exist = operandsExist(); !exist)
      return exist;
    bool takes = stage.takes_side,
         isTaker = !changesClass(stage.function) || stage.function == Function::Where;
    size_t operands = stage.operands.size() + takes;
    if (operands < rule.minOperands || operands > rule.maxOperands ||
        (takes && (!side || stage.on_side || !isTaker)))
      return bad("has too few or too many operands");
    bool isSymmetric =
        rule.maxOperands == 1 && !changesClass(stage.function) && stage.function != Function::PRelu;
    if (stage.swapped && !isSymmetric)
      return bad("has operands that cannot be swapped");
    switch (stage.function) {
    case Function::Identity:
      return {};
    case Function::Where:
      return choice();
    case Function::Lookup:
      return lookup();
    case Function::Quantize:
    case Function::Dequantize:
    case Function::Requantize:
      return quantisation();
    default:
      return plain(rule);
    }
  }
};

} // namespace

Result<void> checkStages(ElementType type, Stages stages, Inputs inputs, const Operand &output) {
  std::optional<ElementType> side;
  for (const auto &stage : stages) {
    if (!stage || stage->function < Function::MIN || stage->function > Function::MAX)
      return unfit("a stage is empty");
    if (stage->side_input >= 0) {
      auto index = static_cast<size_t>(stage->side_input);
      if (index >= inputs.size() || !broadcastsTo(inputs[index], output.dims))
        return unfit("a side value does not broadcast to the output");
      side = inputs[index].type;
    }
    if (stage->on_side && !side)
      return unfit("a stage works on a side value that is not there");
    ElementType value = stage->on_side ? *side : type;
    StageChecker checker{*stage, inputs, output, value, side};
    if (auto checked = checker.check(); !checked)
      return checked;
    if (stage->on_side)
      side = stage->to;
    else
      type = stage->to;
  }
  if (type != output.type)
    return unfit(fmt::format("the stages end in {} and the output has {}", nameOf(type),
                             nameOf(output.type)));
  return {};
}

} // namespace edgecc::emulator
