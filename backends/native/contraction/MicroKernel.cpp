#include "backends/native/contraction/MicroKernel.h"
#include "backends/native/contraction/MatrixSums.h"
#include "backends/native/contraction/PartialSums.h"

namespace edgecc::native {

namespace {

// Emits the loop nest from the outside in.
class NestEmitter {
public:
  NestEmitter(KernelEmitter &e, const MicroKernel &kernel) : e_(e), kernel_(kernel) {
    for (size_t i = 0; i < kernel.loops.size(); ++i) {
      int level = static_cast<int>(i);
      bool isScaled = kernel.scaledLoop >= 0 && level >= kernel.scaledLoop;
      if (level == kernel.scaledLoop)
        scaledLevel_ = loops_.size();
      if (kernel.loops[i].extent != 1 || isScaled)
        loops_.push_back(kernel.loops[i]);
    }
  }

  std::vector<llvm::Value *> run(llvm::Value *a, llvm::Value *b) {
    if (kernel_.product.kind == Product::Kind::Matrix8) {
      MatrixSums squares(e_, kernel_);
      return squares.rows(sum(a, b, squares.initial()));
    }
    if (kernel_.product.kind == Product::Kind::Sums16) {
      PartialSums partial(e_, kernel_);
      return partial.rows(sum(a, b, partial.initial()));
    }
    std::vector<llvm::Value *> sums;
    for (size_t row = 0; row < kernel_.rows.size(); ++row)
      for (size_t part = 0; part < kernel_.parts.size(); ++part)
        sums.push_back(kernel_.initial.empty()
                           ? zeroAccumulator(e_, kernel_.product, kernel_.parts[part].lanes)
                           : kernel_.initial[part]);
    return sum(a, b, std::move(sums));
  }

private:
  std::vector<llvm::Value *> sum(llvm::Value *a, llvm::Value *b, std::vector<llvm::Value *> sums) {
    for (const ReductionLoop &loop : loops_)
      if (loop.extent == 0)
        return sums;
    return nest(0, a, b, std::move(sums));
  }

  std::vector<llvm::Value *> nest(size_t level, llvm::Value *a, llvm::Value *b,
                                  std::vector<llvm::Value *> sums) {
    if (level == loops_.size())
      return step(a, b, std::move(sums));
    const ReductionLoop &loop = loops_[level];
    if (level + 1 == loops_.size())
      return innermost(loop, a, b, std::move(sums));
    sums.insert(sums.begin(), {a, b});
    auto out = e_.loop(
        e_.i64(0), e_.i64(loop.extent), 1, std::move(sums),
        [&](llvm::Value *, const std::vector<llvm::Value *> &carried) {
          llvm::Value *columns = level == scaledLevel_ ? loadScales(carried[1]) : carried[1];
          auto next = nest(level + 1, carried[0], columns, {carried.begin() + 2, carried.end()});
          next.insert(next.begin(),
                      {advance(carried[0], loop.strideA), advance(carried[1], loop.strideB)});
          return next;
        },
        "tap");
    return {out.begin() + 2, out.end()};
  }

  // Loads the factors at `b`; returns what lies behind them.
  llvm::Value *loadScales(llvm::Value *b) {
    scales_.clear();
    for (const TilePart &part : kernel_.parts)
      scales_.push_back(e_.load(DType::F32, advance(b, part.firstColumn * 4), part.lanes));
    const TilePart &last = kernel_.parts.back();
    return advance(b, (last.firstColumn + last.lanes) * 4);
  }

  // Unrolled, so that pointer increments and the branch are shared by several steps.
  std::vector<llvm::Value *> innermost(const ReductionLoop &loop, llvm::Value *a, llvm::Value *b,
                                       std::vector<llvm::Value *> sums) {
    int64_t unroll = chooseUnroll(loop.extent, static_cast<int64_t>(sums.size()));
    int64_t trips = loop.extent / unroll;
    if (trips > 1) {
      sums.insert(sums.begin(), {a, b});
      auto out = e_.loop(
          e_.i64(0), e_.i64(trips), 1, std::move(sums),
          [&](llvm::Value *, const std::vector<llvm::Value *> &carried) {
            std::vector<llvm::Value *> next(carried.begin() + 2, carried.end());
            for (int64_t u = 0; u < unroll; ++u)
              next = step(advance(carried[0], u * loop.strideA),
                          advance(carried[1], u * loop.strideB), std::move(next));
            next.insert(next.begin(), {advance(carried[0], unroll * loop.strideA),
                                       advance(carried[1], unroll * loop.strideB)});
            return next;
          },
          "k");
      a = out[0];
      b = out[1];
      sums.assign(out.begin() + 2, out.end());
    } else {
      trips = 0;
    }
    for (int64_t k = trips * unroll; k < loop.extent; ++k)
      sums = step(advance(a, (k - trips * unroll) * loop.strideA),
                  advance(b, (k - trips * unroll) * loop.strideB), std::move(sums));
    return sums;
  }

  int64_t chooseUnroll(int64_t extent, int64_t tile) const {
    // Schedulers load the next step's columns ahead, for which 14 rows of two vectors leave no
    // register in a file of 32: everything would be spilled in every step.
    if (kernel_.parts.size() == 2 && tile >= 28)
      return 1;
    int64_t most = tile >= 6 ? 2 : 4;
    if (extent <= 2 * most)
      return extent; // straight-line
    for (int64_t unroll = most; unroll > most / 2; --unroll)
      if (extent % unroll == 0)
        return unroll;
    return most;
  }

  std::vector<llvm::Value *> step(llvm::Value *a, llvm::Value *b, std::vector<llvm::Value *> sums) {
    if (kernel_.product.kind == Product::Kind::Matrix8) {
      MatrixSums(e_, kernel_).step(a, b, sums);
      return sums;
    }
    if (kernel_.product.kind == Product::Kind::Sums16) {
      PartialSums(e_, kernel_).step(a, b, sums);
      return sums;
    }
    const Product &product = kernel_.product;
    std::vector<llvm::Value *> columns;
    for (const TilePart &part : kernel_.parts)
      columns.push_back(loadColumns(e_, product,
                                    advance(b, part.firstColumn * product.groupBytesB()),
                                    part.lanes, kernel_.columnsPadded ? part.lanes : part.active));
    for (unsigned k = 0; k < product.steps(); ++k)
      multiplyStep(k, advance(a, k * product.stepBytesA()), columns, sums);
    return sums;
  }

  void multiplyStep(unsigned k, llvm::Value *a, const std::vector<llvm::Value *> &groups,
                    std::vector<llvm::Value *> &sums) {
    const Product &product = kernel_.product;
    std::vector<llvm::Value *> columns;
    for (size_t p = 0; p < groups.size(); ++p)
      columns.push_back(columnsOfStep(e_, product, groups[p], k, kernel_.parts[p].lanes));
    for (size_t p = 0; p < scales_.size(); ++p)
      columns[p] = e_.b.CreateFMul(columns[p], scales_[p]);
    size_t i = 0;
    for (int64_t row : kernel_.rows) {
      // One load for each width; a repeated load of the same address is merged later.
      llvm::Value *pointer = advance(a, row);
      for (size_t p = 0; p < kernel_.parts.size(); ++p, ++i) {
        unsigned lanes = kernel_.parts[p].lanes;
        llvm::Value *splat = loadSplatGroup(e_, product, pointer, lanes);
        sums[i] = multiplyAccumulate(e_, product, splat, columns[p], sums[i], lanes);
      }
    }
  }

  llvm::Value *advance(llvm::Value *pointer, int64_t bytes) {
    return bytes == 0 ? pointer : e_.b.CreateInBoundsGEP(e_.b.getInt8Ty(), pointer, e_.i64(bytes));
  }

  KernelEmitter &e_;
  const MicroKernel &kernel_;
  std::vector<ReductionLoop> loops_;
  size_t scaledLevel_ = SIZE_MAX;
  std::vector<llvm::Value *> scales_; // of each part, for the block at hand
};

} // namespace

std::vector<llvm::Value *> emitMicroKernel(KernelEmitter &e, const MicroKernel &kernel,
                                           llvm::Value *a, llvm::Value *b) {
  return NestEmitter(e, kernel).run(a, b);
}

} // namespace edgecc::native
