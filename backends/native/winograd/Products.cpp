#include "backends/native/winograd/Emit.h"

namespace edgecc::native {

namespace {

class ProductEmitter {
public:
  ProductEmitter(KernelEmitter &e, const Contraction &c, const WinogradPlan &plan,
                 const WinogradUnit &unit)
      : e_(e), b_(e.b), c_(c), plan_(plan), unit_(unit) {}

  void run(llvm::Value *panel, llvm::Value *transformed, llvm::Value *weights,
           llvm::Value *products) {
    const Tiling &tiling = plan_.tiling;
    int64_t full = tiling.full.padded(), panelWidth = plan_.panelTiles * full;
    bool one = plan_.panels() == 1;
    llvm::Value *firstTile = times(panel, plan_.panelTiles), *width, *wholeTiles;
    if (one) {
      width = e_.i64(tiling.paddedColumns());
      wholeTiles = e_.i64(tiling.fullCount);
    } else {
      width = least(e_.i64(panelWidth),
                    b_.CreateSub(e_.i64(tiling.paddedColumns()), times(panel, panelWidth)));
      wholeTiles =
          least(e_.i64(plan_.panelTiles), b_.CreateSub(e_.i64(tiling.fullCount), firstTile));
    }
    // Rows of the weights are `width` floats long within a frequency of a panel.
    llvm::Value *plane = times(width, c_.left.channels * 4);
    llvm::Value *ofPanel =
        atByte(e_, weights, times(panel, plan_.frequencies() * c_.left.channels * panelWidth * 4));
    e_.loop(
        e_.i64(0), e_.i64(plan_.frequencies()), 1,
        [&](llvm::Value *f) {
          llvm::Value *left = atByte(e_, transformed, times(f, plan_.inputPlane * 4));
          llvm::Value *right = atByte(e_, ofPanel, b_.CreateMul(f, plane));
          llvm::Value *to = atByte(e_, products, times(f, plan_.productPlane * 4));
          if (tiling.fullCount > 0)
            e_.loop(
                e_.i64(0), wholeTiles, 1,
                [&](llvm::Value *tile) { emitColumns(tiling.full, tile, left, right, to); },
                "columns");
          if (tiling.tail.columns == 0)
            return;
          auto emit = [&] { emitColumns(tiling.tail, wholeTiles, left, right, to); };
          if (one)
            emit();
          else
            e_.ifThen(b_.CreateICmpEQ(panel, e_.i64(plan_.panels() - 1)), emit);
        },
        "f");
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }
  llvm::Value *least(llvm::Value *x, llvm::Value *y) {
    return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, y);
  }

  // All rows for the column tile `index` of the panel.
  void emitColumns(const ColumnTile &tile, llvm::Value *index, llvm::Value *left,
                   llvm::Value *right, llvm::Value *to) {
    int64_t before = plan_.tiling.full.padded() * 4; // bytes of a full tile's row
    right = atByte(e_, right, times(index, before * c_.left.channels));
    to = atByte(e_, to, times(index, before));
    int64_t rows = tile.rows.x;
    int64_t restOfBlock = plan_.blockTiles % rows;
    int64_t restOfLast = lastCount() % rows;
    llvm::Value *whole = b_.CreateSub(unit_.count, b_.CreateURem(unit_.count, e_.i64(rows)));
    e_.loop(
        e_.i64(0), whole, rows,
        [&](llvm::Value *row) { emitTile(tile, rows, row, left, right, to); }, "rows");
    auto rest = [&](int64_t extent) {
      if (extent > 0)
        e_.loop(
            whole, unit_.count, extent,
            [&](llvm::Value *row) { emitTile(tile, extent, row, left, right, to); }, "rest");
    };
    if (restOfBlock == restOfLast || plan_.blocks() == 1) {
      rest(restOfLast);
      return;
    }
    llvm::Value *isWhole = b_.CreateICmpEQ(unit_.count, e_.i64(plan_.blockTiles));
    e_.ifThen(isWhole, [&] { rest(restOfBlock); });
    e_.ifThen(b_.CreateNot(isWhole), [&] { rest(restOfLast); });
  }

  int64_t lastCount() const {
    int64_t rest = plan_.tiles % plan_.blockTiles;
    return rest == 0 ? plan_.blockTiles : rest;
  }

  void emitTile(const ColumnTile &tile, int64_t rows, llvm::Value *row, llvm::Value *left,
                llvm::Value *right, llvm::Value *to) {
    MicroKernel kernel{c_.product, {}, tile.parts, {{c_.left.channels, 4, tile.padded() * 4}},
                       true,       {}};
    for (int64_t i = 0; i < rows; ++i)
      kernel.rows.push_back(i * plan_.inputPitch * 4);
    auto sums =
        emitMicroKernel(e_, kernel, atByte(e_, left, times(row, plan_.inputPitch * 4)), right);
    llvm::Value *out = atByte(e_, to, times(row, plan_.productPitch * 4));
    size_t next = 0;
    for (int64_t i = 0; i < rows; ++i)
      for (const TilePart &part : tile.parts)
        e_.store(DType::F32, sums[next++],
                 atByte(e_, out, (i * plan_.productPitch + part.firstColumn) * 4), part.lanes);
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Contraction &c_;
  const WinogradPlan &plan_;
  const WinogradUnit &unit_;
};

} // namespace

void emitProducts(KernelEmitter &e, const Contraction &c, const WinogradPlan &plan,
                  const WinogradUnit &unit, llvm::Value *panel, llvm::Value *transformed,
                  llvm::Value *weights, llvm::Value *products) {
  ProductEmitter(e, c, plan, unit).run(panel, transformed, weights, products);
}

} // namespace edgecc::native
