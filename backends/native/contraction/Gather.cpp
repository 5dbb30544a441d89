#include "backends/native/contraction/Gather.h"
#include "backends/native/contraction/Convert.h"

namespace edgecc::native {

namespace {

class GatherEmitter {
public:
  GatherEmitter(KernelEmitter &e, const Contraction &c, const Schedule &s, const ColumnTile &tile,
                llvm::Value *source, llvm::Value *column, llvm::Value *panel)
      : e_(e), b_(e.b), c_(c), right_(c.right), p_(c.product), tile_(tile), source_(source),
        column_(column), panel_(panel), run_(s.run) {}

  void run() {
    if (c_.depth() == 0)
      return;
    if (p_.group > 1 && run_ % p_.group != 0)
      clearLastGroups();
    emitTaps(0, e_.i64(0), e_.i64(0));
  }

private:
  llvm::Value *times(llvm::Value *value, int64_t factor) {
    return b_.CreateMul(value, e_.i64(factor));
  }
  llvm::Value *add(llvm::Value *x, llvm::Value *y) { return b_.CreateAdd(x, y); }

  // Position in the panel of reduction element k (counted without padding), column 0.
  llvm::Value *rowOf(llvm::Value *k) {
    int64_t pitch = tile_.padded();
    if (p_.group == 1)
      return times(k, pitch);
    llvm::Value *outer = b_.CreateUDiv(k, e_.i64(run_)), *inner = b_.CreateURem(k, e_.i64(run_));
    int64_t groups = (run_ + p_.group - 1) / p_.group;
    llvm::Value *group = add(times(outer, groups), b_.CreateUDiv(inner, e_.i64(p_.group)));
    return add(times(group, pitch * p_.group), b_.CreateURem(inner, e_.i64(p_.group)));
  }

  // The elements beyond a run's end must not contribute.
  void clearLastGroups() {
    int64_t groups = (run_ + p_.group - 1) / p_.group, pitch = tile_.padded() * p_.group;
    e_.loop(e_.i64(0), e_.i64(c_.depth() / run_), 1, [&](llvm::Value *outer) {
      llvm::Value *at = add(times(outer, groups * pitch), e_.i64((groups - 1) * pitch));
      e_.loop(e_.i64(0), e_.i64(pitch), 1, [&](llvm::Value *i) {
        e_.store(p_.b, llvm::Constant::getNullValue(e_.scalarType(p_.b)),
                 e_.elementPointer(p_.b, panel_, add(at, i)));
      });
    });
  }

  void emitTaps(size_t level, llvm::Value *from, llvm::Value *k) {
    if (level == c_.left.windows.size()) {
      emitChannels(from, times(k, c_.left.channels));
      return;
    }
    int64_t taps = c_.left.windows[level].taps;
    auto body = [&](llvm::Value *tap) {
      emitTaps(level + 1, add(from, times(tap, right_.tapStrides[level])),
               add(times(k, taps), tap));
    };
    if (taps == 1)
      body(e_.i64(0));
    else
      e_.loop(e_.i64(0), e_.i64(taps), 1, body, "tap");
  }

  void emitChannels(llvm::Value *from, llvm::Value *k) {
    if (right_.columnStride == 1 && p_.group == 1) {
      e_.loop(e_.i64(0), e_.i64(c_.left.channels), 1, [&](llvm::Value *channel) {
        for (const TilePart &part : tile_.parts)
          copy(add(from, times(channel, right_.channelStride)), add(k, channel),
               e_.i64(part.firstColumn), part.lanes, part.active);
      });
      return;
    }
    e_.loop(e_.i64(0), e_.i64(tile_.columns), 1, [&](llvm::Value *column) {
      e_.loop(e_.i64(0), e_.i64(c_.left.channels), 1, [&](llvm::Value *channel) {
        copy(add(from, times(channel, right_.channelStride)), add(k, channel), column, 1, 1);
      });
    });
  }

  void copy(llvm::Value *from, llvm::Value *k, llvm::Value *column, unsigned lanes,
            unsigned active) {
    llvm::Value *whole = add(column_, column);
    from = add(from, times(whole, right_.columnStride));
    llvm::Value *value = loadElements(
        e_, right_.dtype, e_.elementPointer(right_.dtype, source_, from), lanes, active);
    value = convertElements(e_, value, right_.dtype, p_.b, lanes);
    if (right_.zeroPointArg >= 0) {
      llvm::Value *zero = e_.arg(static_cast<unsigned>(right_.zeroPointArg));
      zero = e_.elementPointer(right_.dtype, zero, times(whole, right_.zeroPointColumnStride));
      zero = right_.zeroPointColumnStride == 0 ? e_.loadSplat(right_.dtype, zero, lanes)
                                               : e_.load(right_.dtype, zero, lanes, active);
      value = b_.CreateSub(value, convertElements(e_, zero, right_.dtype, p_.b, lanes));
    }
    llvm::Value *to = add(rowOf(k), times(column, p_.group));
    e_.store(p_.b, value, e_.elementPointer(p_.b, panel_, to), lanes);
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  const Contraction &c_;
  const RightOperand &right_;
  const Product &p_;
  const ColumnTile &tile_;
  llvm::Value *source_, *column_, *panel_;
  int64_t run_;
};

} // namespace

void emitGather(KernelEmitter &e, const Contraction &contraction, const Schedule &schedule,
                const ColumnTile &tile, llvm::Value *source, llvm::Value *column,
                llvm::Value *panel) {
  GatherEmitter(e, contraction, schedule, tile, source, column, panel).run();
}

} // namespace edgecc::native
