// Inserts QuantizeLinear and DequantizeLinear: behind the activations that quantised layers read,
// between their weights and them, and DequantizeLinear behind i32 biases. The module computes in
// f32 what the integers will; lower-quantized makes integer arithmetic of it.
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"
#include "passes/compress/quantization/QuantizeFunction.h"

#include <array>
#include <optional>
#include <string_view>

namespace edgecc {

namespace {

template <class T> struct Choice {
  std::string_view name;
  T value;
};

// The value of the option called `option`, one of the choices.
template <class T, size_t N>
Expected<T> choose(const PassContext &context, std::string_view option,
                   const std::array<Choice<T>, N> &choices) {
  const std::string &text = context.options.text(option);
  std::string names;
  for (const Choice<T> &choice : choices) {
    if (choice.name == text)
      return choice.value;
    if (!choice.name.empty())
      names += (names.empty() ? "" : ", ") + std::string(choice.name);
  }
  return error("'" + text + "' is not a value of the option " + std::string(option), "quantize",
               "one of: " + names);
}

constexpr std::array<Choice<DType>, 4> kWeights{
    {{"i8", DType::I8}, {"i4", DType::I4}, {"i16", DType::I16}, {"f32", DType::F32}}};
constexpr std::array<Choice<DType>, 6> kActivations{{{"u8", DType::U8},
                                                     {"i8", DType::I8},
                                                     {"u16", DType::U16},
                                                     {"i16", DType::I16},
                                                     {"f32", DType::F32},
                                                     {"dynamic", DType::U8}}};
constexpr std::array<Choice<bool>, 2> kWeightAxes{{{"channel", false}, {"tensor", true}}};
enum class Boundary { Float, Rounded, Integers };
constexpr std::array<Choice<Boundary>, 3> kBoundaries{{{"float", Boundary::Float},
                                                       {"rounded", Boundary::Rounded},
                                                       {"quantized", Boundary::Integers}}};
constexpr std::array<Choice<std::optional<WeightRange>>, 3> kWeightRanges{
    {{"", std::nullopt}, {"max", WeightRange::Max}, {"mse", WeightRange::Mse}}};

Expected<QuantizeSettings> settingsOf(const PassContext &context) {
  QuantizeSettings out;
  EDGECC_TRY(weights, choose(context, "weights", kWeights));
  EDGECC_TRY(activations, choose(context, "activations", kActivations));
  EDGECC_TRY(perTensor, choose(context, "weight-axis", kWeightAxes));
  EDGECC_TRY(boundary, choose(context, "boundary", kBoundaries));
  const std::string &methodName = context.options.text("method");
  std::optional<RangeMethod> method = rangeMethodFromName(methodName);
  if (!method && !methodName.empty())
    return error("there is no method '" + methodName + "'", "quantize",
                 "one of: minmax, moving-average, percentile, mse, entropy");
  EDGECC_TRY(weightRange, choose(context, "weight-range", kWeightRanges));
  out.precision = {weights, activations};
  out.dynamic = context.options.text("activations") == "dynamic";
  out.activations = {method, context.options.flag("symmetric"), boundary != Boundary::Float,
                     boundary == Boundary::Integers};
  out.perTensorWeights = perTensor;
  out.weightRange = weightRange;
  out.block = context.options.integer("block");
  out.onlyIfFaster = context.options.flag("only-if-faster");
  if (weights == DType::F32 && activations != DType::F32)
    return error(
        "integer activations need integer weights", "quantize{weights=f32}",
        "take weights=i8, or activations=f32 to quantise only what the table of precisions "
        "names");
  if (out.dynamic && weights != DType::I8)
    return error("dynamic quantisation takes weights=i8 only", "quantize{activations=dynamic}");
  if (out.block < 0 || out.block > kMaxExtent)
    return error("block is 0 or a number of weights", "quantize{block}");
  return out;
}

} // namespace

Expected<void> quantize(Module &module, PassContext &context) {
  EDGECC_TRY(settings, settingsOf(context));
  EDGECC_CHECK(checkFiniteWeights(module.main(), "quantize"));
  std::vector<Note> notes;
  static const Compression kNothing;
  const Compression &known = context.compression ? *context.compression : kNothing;
  if (context.compression)
    context.compression->beforeQuantization = clone(module);
  EDGECC_CHECK(quantizeFunction(module, settings, known.calibration, known.precisions,
                                context.target, context.statistics, notes));
  if (context.compression)
    context.compression->notes.insert(context.compression->notes.end(), notes.begin(), notes.end());
  return {};
}

} // namespace edgecc
