// The last steps of quantisation to 8 bits on x86-64: vectors of integers are narrowed four at a
// time by packing instructions, which saturate, so that most of the clamping costs nothing.
#include "backends/native/elementwise/Emitters.h"

#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/IntrinsicsX86.h>

namespace edgecc::native {

using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

namespace {

class BytePacker {
public:
  BytePacker(KernelEmitter &e, unsigned lanes) : b_(e.b), lanes_(lanes) {}

  // Rounds to nearest even; beyond the range of i32, and for NaN, -2^31.
  Value *toInteger(Value *real) {
    if (lanes_ == 16) {
      llvm::Type *type = withLanes(b_.getInt32Ty(), lanes_);
      return b_.CreateIntrinsic(Intrinsic::x86_avx512_mask_cvtps2dq_512, {},
                                {real, llvm::Constant::getNullValue(type), b_.getInt16(0xffff),
                                 b_.getInt32(4 /* the current mode */)});
    }
    return b_.CreateIntrinsic(
        lanes_ == 8 ? Intrinsic::x86_avx_cvt_ps2dq_256 : Intrinsic::x86_sse2_cvtps2dq, {}, {real});
  }

  // i32 to i16 with saturation. In each 128-bit lane the elements of `low`, then those of `high`.
  Value *packWords(Value *low, Value *high) {
    return b_.CreateIntrinsic(lanes_ == 16  ? Intrinsic::x86_avx512_packssdw_512
                              : lanes_ == 8 ? Intrinsic::x86_avx2_packssdw
                                            : Intrinsic::x86_sse2_packssdw_128,
                              {}, {low, high});
  }

  // i16 to 8 bits likewise.
  Value *packBytes(Value *low, Value *high, bool isSigned) {
    Intrinsic::ID id = isSigned ? (lanes_ == 16  ? Intrinsic::x86_avx512_packsswb_512
                                   : lanes_ == 8 ? Intrinsic::x86_avx2_packsswb
                                                 : Intrinsic::x86_sse2_packsswb_128)
                                : (lanes_ == 16  ? Intrinsic::x86_avx512_packuswb_512
                                   : lanes_ == 8 ? Intrinsic::x86_avx2_packuswb
                                                 : Intrinsic::x86_sse2_packuswb_128);
    return b_.CreateIntrinsic(id, {}, {low, high});
  }

  // The bytes of four vectors, packed lane by lane, one vector after the other.
  Value *inOrder(Value *bytes) {
    unsigned groups = lanes_ / 4; // of 128 bits
    llvm::SmallVector<int> order;
    for (unsigned vector = 0; vector < 4; ++vector)
      for (unsigned group = 0; group < groups; ++group)
        order.push_back(static_cast<int>(4 * group + vector));
    llvm::Type *type = bytes->getType();
    Value *words = b_.CreateBitCast(bytes, withLanes(b_.getInt32Ty(), lanes_));
    return b_.CreateBitCast(b_.CreateShuffleVector(words, order), type);
  }

private:
  llvm::IRBuilder<> &b_;
  unsigned lanes_; // of one vector of i32
};

Value *slice(llvm::IRBuilder<> &b, Value *value, unsigned from, unsigned count) {
  if (from == 0 && count == lanesOf(value))
    return value;
  llvm::SmallVector<int> lanes;
  for (unsigned i = 0; i < count; ++i)
    lanes.push_back(static_cast<int>(from + i));
  return b.CreateShuffleVector(value, lanes);
}

} // namespace

bool canRoundToBytes(const NativeTarget &target, unsigned lanes) {
  if (target.arch != Arch::X86_64 || lanes < 4 || (lanes & (lanes - 1)) != 0)
    return false;
  switch (target.vectorBytes) {
  case 64:
    return target.has("avx512bw");
  case 32:
    return target.has("avx2");
  default:
    return true; // sse2
  }
}

Value *roundToBytes(KernelEmitter &e, Value *real, const ByteRange &range) {
  auto &b = e.b;
  unsigned lanes = lanesOf(real), width = std::min(lanes, e.target.vectorBytes / 4);
  BytePacker packer(e, width);
  // Values above stay within i32 and, shifted, above the range of 8 bits. `bound` comes first, so
  // that NaN passes and becomes the lowest integer.
  if (!range.isBounded) {
    Value *bound = floatLike(real, 65536);
    real = b.CreateSelect(b.CreateFCmpOLT(bound, real), bound, real);
  }
  std::vector<Value *> bytes;
  for (unsigned at = 0; at < lanes; at += 4 * width) {
    std::vector<Value *> words;
    Value *last = nullptr;
    for (unsigned v = 0; v < 4; ++v) {
      if (at + v * width < lanes)
        last = packer.toInteger(slice(b, real, at + v * width, width));
      words.push_back(last);
    }
    std::vector<Value *> pairs;
    for (unsigned v = 0; v < 4; v += 2) {
      Value *pair = packer.packWords(words[v], words[v + 1]);
      if (range.zeroPoint != 0)
        pair = b.CreateBinaryIntrinsic(Intrinsic::sadd_sat, pair, intLike(pair, range.zeroPoint));
      pairs.push_back(pair);
    }
    bytes.push_back(packer.inOrder(packer.packBytes(pairs[0], pairs[1], range.isSigned)));
  }
  Value *value = slice(b, llvm::concatenateVectors(b, bytes), 0, lanes);
  auto less = [&](Value *x, Value *y) {
    return range.isSigned ? b.CreateICmpSLT(x, y) : b.CreateICmpULT(x, y);
  };
  if (range.low > (range.isSigned ? -128 : 0)) {
    Value *low = intLike(value, range.low);
    value = b.CreateSelect(less(value, low), low, value);
  }
  if (range.high < (range.isSigned ? 127 : 255)) {
    Value *high = intLike(value, range.high);
    value = b.CreateSelect(less(high, value), high, value);
  }
  return value;
}

} // namespace edgecc::native
