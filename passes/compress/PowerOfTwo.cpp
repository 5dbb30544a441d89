// Makes every weight 0 or a signed power of two times a power-of-two scale (INQ, Zhou et al. 2017).
// docs/passes/power-of-two.md
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"
#include "passes/compress/rounding/LayerReconstruction.h"
#include "passes/compress/rounding/PowersOfTwo.h"

#include <cmath>
#include <fmt/format.h>

namespace edgecc {

namespace {

constexpr unsigned kSweeps = 20;

// One scale for each of the quantiser's own, in the same places.
Tensor powerOfTwoScales(const QuantizedWeights &weights, int top) {
  auto real = weights.real()->data<float>();
  std::vector<float> largest(static_cast<size_t>(weights.scale.elements()), 0.0f);
  for (size_t i = 0; i < real.size(); ++i) {
    float &most = largest[weights.scaleIndexOf(static_cast<int64_t>(i))];
    most = std::max(most, std::abs(real[i]));
  }
  Tensor scale(DType::F32, weights.scale.dims());
  for (size_t i = 0; i < largest.size(); ++i)
    scale.mutableData<float>()[i] = powerOfTwoScale(largest[i], top);
  return scale;
}

// Integers and their scale; the biases whose unit depends on the scale follow.
void setWeights(Module &module, const QuantizedWeights &weights, Tensor integers, Tensor scale) {
  std::vector<std::pair<Op *, std::vector<double>>> biases;
  for (const Use &use : weights.dequantize->result()->uses())
    if (use.operand == 1 && use.user->operand(2))
      if (auto bias = biasOf(*use.user))
        biases.emplace_back(use.user, std::move(*bias));
  setIntegers(module, weights, std::move(integers));
  Op *old = weights.dequantize->operand(1)->definingOp();
  weights.dequantize->setOperand(
      1, constantBefore(module, weights.dequantize, std::move(scale), old->parameter->name));
  if (old->result()->uses().empty())
    old->erase();
  for (const auto &[layer, bias] : biases)
    setBias(module, *layer, bias);
}

Expected<std::vector<double>> sharesOf(const std::string &text) {
  std::vector<double> shares;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find(':', at), text.size());
    char *stop = nullptr;
    std::string part = text.substr(at, end - at);
    double share = std::strtod(part.c_str(), &stop);
    if (part.empty() || *stop != 0 || !(share > (shares.empty() ? 0 : shares.back()) && share <= 1))
      return error("steps must be ascending shares up to 1, not '" + text + "'", "power-of-two",
                   "for example steps=0.5:0.75:0.875:1");
    shares.push_back(share);
    at = end + 1;
  }
  if (shares.back() != 1)
    return error("the last step must be 1: every weight becomes a power of two", "power-of-two");
  return shares;
}

} // namespace

Expected<void> makePowersOfTwo(Module &module, PassContext &context) {
  EDGECC_TRY(shares, sharesOf(context.options.text("steps")));
  int64_t exponents = context.options.integer("exponents");
  double damping = context.options.real("damping");
  if (exponents < 1 || exponents > 15 || !(damping > 0))
    return error("exponents must be between 1 and 15, damping positive", "power-of-two");
  EDGECC_TRY(limits, samplingLimits(context.options, "power-of-two"));
  EDGECC_TRY(network, LayerReconstruction::create(module, context, "power-of-two", limits));
  return network.visit(
      [&](const ReconstructedLayer &layer, std::vector<RoundingProblem> &groups) -> Expected<void> {
        QuantizedWeights weights = *quantizedWeights(*layer.op);
        int top = static_cast<int>(
            std::min<int64_t>(exponents - 1, static_cast<int64_t>(bitWidth(weights.dtype)) - 2));
        Tensor scale = powerOfTwoScales(weights, top);
        QuantizedWeights rescaled = weights;
        rescaled.scale = scale;
        std::vector<Matrix> levels;
        double error = 0, nearest = 0;
        for (size_t g = 0; g < groups.size(); ++g) {
          RoundingProblem problem = std::move(groups[g]);
          for (int64_t r = 0; r < problem.rows(); ++r)
            for (int64_t c = 0; c < problem.cols(); ++c)
              problem.scales(r, c) =
                  rescaled.scaleOf(layer.geometry.weightIndex(static_cast<int64_t>(g), r, c));
          problem.high.setConstant(std::ldexp(1.0f, top));
          problem.low = -problem.high;
          Matrix plain = roundToNearest(problem, nearestPowerOfTwo);
          double plainError = reconstructionError(problem, plain);
          QuadraticForm form = damped(quadraticForm(problem, problem.samples()), problem, damping);
          Matrix fixed = partitionAndFix(problem, form, shares);
          descend(problem, form, kSweeps, fixed, nearestPowerOfTwo);
          double fixedError = reconstructionError(problem, fixed);
          levels.push_back(fixedError < plainError ? std::move(fixed) : std::move(plain));
          error += std::min(fixedError, plainError);
          nearest += plainError;
        }
        setWeights(module, weights, integersOf(layer.geometry, weights, levels), std::move(scale));
        context.compression->notes.push_back(
            {"power-of-two", nameOfLayer(*layer.op),
             error < nearest ? fmt::format("weights are powers of two; the error of its output is "
                                           "{:.1f} dB below that of the nearest ones.",
                                           10 * std::log10(nearest / error))
                             : "weights are the nearest powers of two."});
        context.statistics.add("layers with powers of two");
        return {};
      });
}

} // namespace edgecc
