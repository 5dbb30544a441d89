// Spatial low-rank factorisation: W[m, c, y, x] ~ sum over r of H[m, r, x] V[r, c, y], so that a
// convolution with a ky x kx kernel becomes one with ky x 1 into R channels and one with 1 x kx out
// of them. The singular value decomposition of W as a matrix [(c, y), (m, x)], cut after R values,
// is the best such W in the sense of squares (Eckart and Young 1936); Jaderberg, Vedaldi,
// Zisserman, "Speeding up convolutional neural networks with low rank expansions", 2014. Least
// squares on calibration data then fits the second convolution to the original outputs.
#include "ir/OpDef.h"
#include "passes/Rewrite.h"
#include "passes/compress/Passes.h"
#include "passes/compress/pruning/Refit.h"

#include <Eigen/SVD>
#include <algorithm>
#include <fmt/format.h>

namespace edgecc {

namespace {

using Matrix = Eigen::MatrixXd;

constexpr size_t kFitSamples = 512; // calibration samples that the factors are fitted on, at most

// One convolution that may be factorised, as the matrix [(c, y), (m, x)].
struct Kernel {
  int64_t outputs, inputs, height, width;
  Matrix matrix;

  explicit Kernel(const Tensor &w)
      : outputs(w.dims()[0]), inputs(w.dims()[1]), height(w.dims()[2]), width(w.dims()[3]),
        matrix(inputs * height, outputs * width) {
    int64_t at = 0;
    for (int64_t m = 0; m < outputs; ++m)
      for (int64_t c = 0; c < inputs; ++c)
        for (int64_t y = 0; y < height; ++y)
          for (int64_t x = 0; x < width; ++x, ++at)
            matrix(c * height + y, m * width + x) = w.asDouble(at);
  }
};

bool isCandidate(const Op &op) {
  if (op.kind() != OpKind::Conv || op.operand(0)->dims().size() != 4 || op.integer("group") != 1)
    return false;
  const Tensor *w = constantOf(op.operand(1));
  return w && isFloat(w->dtype()) && w->dims()[2] > 1 && w->dims()[3] > 1;
}

// Multiply-accumulates of both factors for each of the R channels between them.
double macsPerRank(const Op &op, const Kernel &kernel) {
  double batch = static_cast<double>(op.result()->dims()[0]);
  double rows = static_cast<double>(op.result()->dims()[2]);
  double inColumns = static_cast<double>(op.operand(0)->dims()[3]);
  double outColumns = static_cast<double>(op.result()->dims()[3]);
  return batch * rows *
         (static_cast<double>(kernel.inputs * kernel.height) * inColumns +
          static_cast<double>(kernel.outputs * kernel.width) * outColumns);
}

// The two convolutions in place of `op`.
void replace(Module &module, Op &op, const Kernel &kernel, const Eigen::BDCSVD<Matrix> &svd,
             int64_t rank, pruning::Origin &origin) {
  const Tensor &w = *constantOf(op.operand(1));
  Tensor vertical(w.dtype(), {rank, kernel.inputs, kernel.height, 1});
  Tensor horizontal(w.dtype(), {kernel.outputs, rank, 1, kernel.width});
  for (int64_t r = 0; r < rank; ++r) {
    double share = std::sqrt(svd.singularValues()(r)); // both factors have the same energy
    for (int64_t i = 0; i < kernel.inputs * kernel.height; ++i)
      vertical.setDouble(r * kernel.inputs * kernel.height + i, share * svd.matrixU()(i, r));
    for (int64_t m = 0; m < kernel.outputs; ++m)
      for (int64_t x = 0; x < kernel.width; ++x)
        horizontal.setDouble((m * rank + r) * kernel.width + x,
                             share * svd.matrixV()(m * kernel.width + x, r));
  }
  const auto &pads = op.ints("pads"), &strides = op.ints("strides"),
             &dilations = op.ints("dilations");
  using Ints = std::vector<int64_t>;
  Builder builder(module);
  builder.location = op.location;
  builder.setInsertionBefore(&op);
  Value *between =
      builder.create(OpKind::Conv, {op.operand(0), builder.constant(vertical, "vertical")},
                     {{"dilations", Ints{dilations[0], 1}},
                      {"pads", Ints{pads[0], 0, pads[2], 0}},
                      {"strides", Ints{strides[0], 1}}});
  std::vector<Value *> operands{between, builder.constant(horizontal, "horizontal")};
  if (op.operand(2))
    operands.push_back(op.operand(2));
  Op *last = builder.createOp(OpKind::Conv, operands,
                              {{"dilations", Ints{1, dilations[1]}},
                               {"pads", Ints{0, pads[1], 0, pads[3]}},
                               {"strides", Ints{1, strides[1]}}});
  origin.values[last->result()] = origin.values.at(op.result());
  origin.values.erase(op.result());
  replaceOp(&op, last->result());
}

} // namespace

Expected<void> factorize(Module &module, PassContext &context) {
  double keep = context.options.real("macs"), least = context.options.real("min-energy");
  if (!(keep > 0 && keep < 1 && least >= 0 && least <= 1))
    return error("macs is a fraction above 0 and below 1, min-energy one from 0 to 1", "factorize");
  auto note = [&](const Op &op, std::string text) {
    if (context.compression)
      context.compression->notes.push_back({"factorize", nameOfLayer(op), std::move(text)});
  };
  int64_t multiple = context.target ? context.target->channelMultiple(DType::F32) : 1;
  std::unique_ptr<Module> original = clone(module);
  pruning::Origin origin = pruning::Origin::ofCopy(module.main(), original->main());
  int64_t count = 0;
  std::vector<Op *> ops = module.main().body.snapshot();
  for (size_t i = 0; i < ops.size(); ++i) {
    Op *op = ops[i];
    if (context.progress)
      context.progress(i, ops.size());
    if (!isCandidate(*op))
      continue;
    Kernel kernel(*constantOf(op->operand(1)));
    auto rank = static_cast<int64_t>(keep * static_cast<double>(costOf(*op).macs) /
                                     macsPerRank(*op, kernel));
    rank = std::min(rank, std::min(kernel.matrix.rows(), kernel.matrix.cols()));
    if (rank >= multiple)
      rank -= rank % multiple;
    if (rank < 1) {
      note(*op, "is not factorised: no rank is small enough to save that much");
      continue;
    }
    Eigen::BDCSVD<Matrix> svd(kernel.matrix, Eigen::ComputeThinU | Eigen::ComputeThinV);
    double energy = svd.singularValues().head(rank).squaredNorm(),
           all = svd.singularValues().squaredNorm();
    if (!(energy >= least * all)) {
      note(*op, fmt::format("is not factorised: rank {} keeps {:.0f} % of its weights' energy",
                            rank, 100 * energy / all));
      continue;
    }
    note(*op, fmt::format("is factorised with rank {}, which keeps {:.1f} % of its weights' energy",
                          rank, 100 * energy / all));
    replace(module, *op, kernel, svd, rank, origin);
    ++count;
  }
  module.eraseUnusedParameters();
  if (count == 0)
    return {};
  context.statistics.add("convolutions factorised", count);
  if (!context.options.flag("refit") || !context.executor || !context.compression ||
      !context.compression->data)
    return {};
  pruning::CachedSamples samples(*context.compression->data, kFitSamples);
  EDGECC_TRY(report, pruning::refit(module, module.main(), original->main(), origin,
                                    *context.executor, samples, {}, context.progress));
  context.statistics.add("layers fitted", static_cast<int64_t>(report.layers));
  return {};
}

} // namespace edgecc
