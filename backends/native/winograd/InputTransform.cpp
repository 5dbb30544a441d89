#include "backends/native/winograd/Emit.h"
#include "backends/native/winograd/Transform.h"

namespace edgecc::native {

TilePosition positionOf(KernelEmitter &e, const WinogradPlan &plan, llvm::Value *tile) {
  llvm::Value *line = e.b.CreateUDiv(tile, e.i64(plan.tilesX));
  return {e.b.CreateUDiv(line, e.i64(plan.tilesY)), e.b.CreateURem(line, e.i64(plan.tilesY)),
          e.b.CreateURem(tile, e.i64(plan.tilesX))};
}

namespace {

class InputEmitter {
public:
  InputEmitter(KernelEmitter &e, const Contraction &c, const WinogradPlan &plan,
               const WinogradUnit &unit, llvm::Value *transformed, llvm::Value *border)
      : e_(e), b_(e.b), c_(c), plan_(plan), unit_(unit), y_(c.left.windows[0]),
        x_(c.left.windows[1]), transformed_(transformed), border_(border),
        lanes_(transformLanes(e.target)), channels_(c.left.channels) {}

  void run(llvm::Value *from, llvm::Value *to) {
    e_.loop(from, to, 1, [&](llvm::Value *tile) { emitTile(tile); }, "tile");
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }
  llvm::Value *add(llvm::Value *x, llvm::Value *y) { return b_.CreateAdd(x, y); }

  void emitTile(llvm::Value *tile) {
    TilePosition at = positionOf(e_, plan_, add(unit_.first, tile));
    llvm::Value *to = e_.elementPointer(DType::F32, transformed_, times(tile, plan_.inputPitch));
    llvm::Value *y = b_.CreateSub(times(at.y, plan_.y.outputs), e_.i64(y_.pad));
    llvm::Value *x = b_.CreateSub(times(at.x, plan_.x.outputs), e_.i64(x_.pad));
    llvm::Value *index =
        add(times(at.image, c_.left.outer[0]), times(unit_.group, c_.left.outer[1]));
    index = add(index, add(times(y, y_.stride), times(x, x_.stride)));
    llvm::Value *from = e_.elementPointer(DType::F32, e_.arg(c_.left.arg), index);
    llvm::Value *inside = b_.CreateAnd(isInside(y, y_, plan_.tilesY, plan_.y),
                                       isInside(x, x_, plan_.tilesX, plan_.x));
    if (auto *always = llvm::dyn_cast<llvm::ConstantInt>(inside); always && always->isOne()) {
      transform(from, y_.stride, x_.stride, to);
      return;
    }
    e_.ifThen(inside, [&] { transform(from, y_.stride, x_.stride, to); });
    e_.ifThen(b_.CreateNot(inside), [&] {
      copyBorder(from, y, x);
      transform(border_, plan_.x.points() * plan_.borderPitch, plan_.borderPitch, to);
    });
  }

  // Whether all elements of a tile that begins at `from` lie inside the image along one axis.
  llvm::Value *isInside(llvm::Value *from, const Window &window, int64_t tiles,
                        const CookToom &form) {
    int64_t last = (tiles - 1) * form.outputs - window.pad + form.points();
    if (window.pad <= 0 && last <= window.in)
      return b_.getTrue();
    // Unsigned, so that negative positions are outside.
    if (window.in < form.points())
      return b_.getFalse();
    return b_.CreateICmpULE(from, e_.i64(window.in - form.points()));
  }

  // Vectors of the channels: body(first channel, active lanes).
  void overChannels(const std::function<void(llvm::Value *, unsigned)> &body) {
    int64_t whole = channels_ / lanes_ * lanes_;
    e_.loop(e_.i64(0), e_.i64(whole), lanes_, [&](llvm::Value *c) { body(c, lanes_); }, "c");
    if (whole < channels_)
      body(e_.i64(whole), static_cast<unsigned>(channels_ - whole));
  }

  // The tile at `from`, with zeros for what lies outside of the image.
  void copyBorder(llvm::Value *from, llvm::Value *y, llvm::Value *x) {
    e_.loop(e_.i64(0), e_.i64(plan_.y.points()), 1, [&](llvm::Value *line) {
      llvm::Value *insideY = b_.CreateICmpULT(add(y, line), e_.i64(y_.in));
      e_.loop(e_.i64(0), e_.i64(plan_.x.points()), 1, [&](llvm::Value *pixel) {
        llvm::Value *inside = b_.CreateAnd(insideY, b_.CreateICmpULT(add(x, pixel), e_.i64(x_.in)));
        llvm::Value *source = e_.elementPointer(
            DType::F32, from, add(times(line, y_.stride), times(pixel, x_.stride)));
        llvm::Value *target =
            e_.elementPointer(DType::F32, border_,
                              times(add(times(line, plan_.x.points()), pixel), plan_.borderPitch));
        auto element = [&](llvm::Value *base, llvm::Value *c) {
          return e_.elementPointer(DType::F32, base, c);
        };
        e_.ifThen(inside, [&] {
          overChannels([&](llvm::Value *c, unsigned active) {
            e_.store(DType::F32, e_.load(DType::F32, element(source, c), lanes_, active),
                     element(target, c), lanes_);
          });
        });
        e_.ifThen(b_.CreateNot(inside), [&] {
          overChannels([&](llvm::Value *c, unsigned) {
            e_.store(DType::F32, llvm::Constant::getNullValue(e_.vectorType(DType::F32, lanes_)),
                     element(target, c), lanes_);
          });
        });
      });
    });
  }

  // input_y * d * input_x^T for all channels, group of rows by group of rows: what one needs of a
  // column is loaded again for the next, which costs less than to keep whole tiles in registers.
  void transform(llvm::Value *from, int64_t strideY, int64_t strideX, llvm::Value *to) {
    overChannels([&](llvm::Value *c, unsigned active) {
      llvm::Value *source = e_.elementPointer(DType::F32, from, c);
      llvm::Value *target = e_.elementPointer(DType::F32, to, c);
      for (const std::vector<int64_t> &rows : inputRowGroups(plan_.y)) {
        std::vector<std::vector<llvm::Value *>> columns; // [column][row of the group]
        for (int64_t x = 0; x < plan_.x.points(); ++x)
          columns.push_back(emitInputRows(e_, plan_.y, rows, [&](int64_t y) {
            return e_.load(DType::F32, atByte(e_, source, (y * strideY + x * strideX) * 4), lanes_,
                           active);
          }));
        for (size_t row = 0; row < rows.size(); ++row)
          for (const std::vector<int64_t> &points : inputRowGroups(plan_.x)) {
            auto values = emitInputRows(e_, plan_.x, points, [&](int64_t x) {
              return columns[static_cast<size_t>(x)][row];
            });
            for (size_t i = 0; i < points.size(); ++i) {
              int64_t frequency = rows[row] * plan_.x.points() + points[i];
              e_.store(DType::F32, values[i], atByte(e_, target, frequency * plan_.inputPlane * 4),
                       lanes_);
            }
          }
      }
    });
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Contraction &c_;
  const WinogradPlan &plan_;
  const WinogradUnit &unit_;
  const Window &y_, &x_;
  llvm::Value *transformed_, *border_;
  unsigned lanes_;
  int64_t channels_;
};

} // namespace

void emitInputTransform(KernelEmitter &e, const Contraction &c, const WinogradPlan &plan,
                        const WinogradUnit &unit, llvm::Value *from, llvm::Value *to,
                        llvm::Value *transformed, llvm::Value *border) {
  InputEmitter(e, c, plan, unit, transformed, border).run(from, to);
}

} // namespace edgecc::native
