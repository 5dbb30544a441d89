#include "backends/native/winograd/Emit.h"
#include "backends/native/winograd/Transform.h"

#include <algorithm>

namespace edgecc::native {

namespace {

// `active` columns in one vector.
ColumnTile vectorOf(unsigned lanes, int64_t active, int64_t rows) {
  return {active, {{lanes, static_cast<unsigned>(active), 0}}, {1, rows}};
}

// Rows of results that stay in registers while a tile is transformed back.
int64_t rowsAtOnce(const WinogradPlan &plan, const NativeTarget &target) {
  return std::max<int64_t>(1, (transformRegisters(target) - 8) / plan.x.points());
}

class OutputEmitter {
public:
  OutputEmitter(KernelEmitter &e, const Contraction &c, const WinogradPlan &plan,
                const WinogradUnit &unit, llvm::Value *products, llvm::Value *scratch)
      : e_(e), b_(e.b), c_(c), plan_(plan), unit_(unit), products_(products), scratch_(scratch),
        lanes_(transformLanes(e.target)) {
    tileBytes_ = plan.y.outputs * plan.x.outputs * lanes_ * 4;
  }

  void run(llvm::Value *panel) {
    int64_t width = plan_.panelTiles * plan_.tiling.full.padded();
    bool one = plan_.panels() == 1;
    llvm::Value *first = one ? e_.i64(0) : times(panel, width);
    llvm::Value *columns = e_.i64(c_.columns);
    if (!one)
      columns = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, e_.i64(width),
                                         b_.CreateSub(columns, first));
    llvm::Value *whole = b_.CreateAnd(columns, e_.i64(-static_cast<int64_t>(lanes_)));
    int64_t rest = c_.columns % lanes_;
    e_.loop(
        e_.i64(0), unit_.count, 1,
        [&](llvm::Value *tile) {
          at_ = positionOf(e_, plan_, b_.CreateAdd(unit_.first, tile));
          llvm::Value *from =
              e_.elementPointer(DType::F32, products_, times(tile, plan_.productPitch));
          e_.loop(
              e_.i64(0), whole, lanes_,
              [&](llvm::Value *column) { emitVector(from, first, column, lanes_); }, "column");
          if (rest == 0)
            return;
          auto emit = [&] { emitVector(from, first, whole, rest); };
          if (one)
            emit();
          else
            e_.ifThen(b_.CreateICmpEQ(panel, e_.i64(plan_.panels() - 1)), emit);
        },
        "tile");
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }

  // Gets the finished sums of row `y` of the tile.
  using Row = std::function<void(int64_t y, const std::vector<llvm::Value *> &sums)>;

  // output_y * p * output_x^T for one vector of columns.
  void transform(llvm::Value *from, const Row &row) {
    for (const std::vector<int64_t> &rows :
         outputRowGroups(plan_.y, rowsAtOnce(plan_, e_.target))) {
      std::vector<std::vector<llvm::Value *>> columns; // [column][row of the group]
      for (int64_t x = 0; x < plan_.x.points(); ++x) {
        std::vector<llvm::Value *> loaded(static_cast<size_t>(plan_.y.points()));
        columns.push_back(emitOutputRows(e_, plan_.y, rows, [&](int64_t y) {
          llvm::Value *&value = loaded[static_cast<size_t>(y)];
          if (!value)
            value = e_.load(DType::F32,
                            atByte(e_, from, (y * plan_.x.points() + x) * plan_.productPlane * 4),
                            lanes_);
          return value;
        }));
      }
      std::vector<int64_t> all = outputRowGroups(plan_.x, plan_.x.outputs)[0];
      for (size_t i = 0; i < rows.size(); ++i)
        row(rows[i], emitOutputRows(e_, plan_.x, all,
                                    [&](int64_t x) { return columns[static_cast<size_t>(x)][i]; }));
    }
  }

  void emitVector(llvm::Value *from, llvm::Value *first, llvm::Value *column, int64_t active) {
    from = e_.elementPointer(DType::F32, from, column);
    llvm::Value *at = b_.CreateAdd(first, column);
    llvm::Value *y = times(at_.y, plan_.y.outputs), *x = times(at_.x, plan_.x.outputs);
    bool wholeY = c_.rowsY % plan_.y.outputs == 0, wholeX = c_.rowsX % plan_.x.outputs == 0;
    auto complete = [&] {
      ColumnTile tile = vectorOf(lanes_, active, plan_.x.outputs);
      transform(from, [&](int64_t row, const std::vector<llvm::Value *> &sums) {
        finish(tile, {1, plan_.x.outputs}, b_.CreateAdd(y, e_.i64(row)), x, at, sums);
      });
    };
    if (wholeY && wholeX) {
      complete();
      return;
    }
    llvm::Value *countY = b_.CreateSub(e_.i64(c_.rowsY), y);
    llvm::Value *countX = b_.CreateSub(e_.i64(c_.rowsX), x);
    llvm::Value *isWhole = b_.getTrue();
    if (!wholeY)
      isWhole = b_.CreateICmpSGE(countY, e_.i64(plan_.y.outputs));
    if (!wholeX)
      isWhole = b_.CreateAnd(isWhole, b_.CreateICmpSGE(countX, e_.i64(plan_.x.outputs)));
    e_.ifThen(isWhole, complete);
    e_.ifThen(b_.CreateNot(isWhole), [&] { emitPartial(from, y, x, countY, countX, at, active); });
  }

  // A tile that reaches beyond the image, by way of a buffer of its shape.
  void emitPartial(llvm::Value *from, llvm::Value *y, llvm::Value *x, llvm::Value *countY,
                   llvm::Value *countX, llvm::Value *column, int64_t active) {
    int64_t width = plan_.x.outputs;
    auto slot = [&](llvm::Value *row, llvm::Value *pixel) {
      llvm::Value *index = b_.CreateAdd(times(row, width), pixel);
      return e_.elementPointer(DType::F32, scratch_, times(index, lanes_));
    };
    transform(from, [&](int64_t row, const std::vector<llvm::Value *> &sums) {
      for (size_t i = 0; i < sums.size(); ++i)
        e_.store(DType::F32, sums[i], slot(e_.i64(row), e_.i64(static_cast<int64_t>(i))), lanes_);
    });
    auto least = [&](llvm::Value *count, int64_t most) {
      return b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, count, e_.i64(most));
    };
    ColumnTile tile = vectorOf(lanes_, active, 1);
    e_.loop(e_.i64(0), least(countY, plan_.y.outputs), 1, [&](llvm::Value *row) {
      e_.loop(e_.i64(0), least(countX, width), 1, [&](llvm::Value *pixel) {
        finish(tile, {1, 1}, b_.CreateAdd(y, row), b_.CreateAdd(x, pixel), column,
               {e_.load(DType::F32, slot(row, pixel), lanes_)});
      });
    });
  }

  void finish(const ColumnTile &tile, RowTile rows, llvm::Value *y, llvm::Value *x,
              llvm::Value *column, const std::vector<llvm::Value *> &sums) {
    emitEpilogue(e_, c_.epilogue, c_.product, tile, rows, positionAt(y, x, column), sums,
                 atByte(e_, scratch_, tileBytes_));
  }

  Position positionAt(llvm::Value *y, llvm::Value *x, llvm::Value *column) const {
    Position out{std::vector<llvm::Value *>(c_.outer.size(), e_.i64(0)), y, x, column};
    out.outer[0] = at_.image;
    out.outer[1] = unit_.group;
    return out;
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Contraction &c_;
  const WinogradPlan &plan_;
  const WinogradUnit &unit_;
  llvm::Value *products_, *scratch_;
  unsigned lanes_;
  int64_t tileBytes_;
  TilePosition at_{};
};

} // namespace

int64_t outputScratchBytes(const Contraction &c, const WinogradPlan &plan,
                           const NativeTarget &target) {
  unsigned lanes = transformLanes(target);
  ColumnTile tile = vectorOf(lanes, lanes, plan.x.outputs);
  return plan.y.outputs * plan.x.outputs * lanes * 4 +
         epilogueScratchBytes(c.epilogue, c.product, tile);
}

void emitOutputTransform(KernelEmitter &e, const Contraction &c, const WinogradPlan &plan,
                         const WinogradUnit &unit, llvm::Value *panel, llvm::Value *products,
                         llvm::Value *scratch) {
  OutputEmitter(e, c, plan, unit, products, scratch).run(panel);
}

} // namespace edgecc::native
