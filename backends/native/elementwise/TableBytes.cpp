// Tables of 256 bytes in registers: the shuffles that machines have select among 16, 64 or 128
// bytes, and the parts are put together.
#include "backends/native/elementwise/Emitters.h"

#include <llvm/Analysis/VectorUtils.h>
#include <llvm/IR/IntrinsicsAArch64.h>
#include <llvm/IR/IntrinsicsX86.h>

namespace edgecc::native {

using llvm::Value;
namespace Intrinsic = llvm::Intrinsic;

namespace {

class TableReader {
public:
  TableReader(KernelEmitter &e, Value *table) : e_(e), b_(e.b), table_(table) {
    if (!isArm())
      width_ = e.target.has("avx512vbmi") && e.target.vectorBytes == 64 ? 64 : 32;
  }

  unsigned width() const { return width_; }

  // For `width` indices.
  Value *read(Value *index) {
    if (isArm())
      return byQuarters(index);
    return width_ == 64 ? byHalves(index) : byParts(index);
  }

private:
  bool isArm() const { return e_.target.arch == Arch::AArch64; }

  Value *part(unsigned from, unsigned bytes) {
    Value *at = b_.CreateInBoundsGEP(b_.getInt8Ty(), table_, e_.i64(from));
    return b_.CreateAlignedLoad(withLanes(b_.getInt8Ty(), bytes), at, llvm::Align(1));
  }

  // vpermi2b takes the low 7 bits of an index.
  Value *byHalves(Value *index) {
    auto half = [&](unsigned from) {
      return b_.CreateIntrinsic(Intrinsic::x86_avx512_vpermi2var_qi_512, {},
                                {part(from, 64), index, part(from + 64, 64)});
    };
    Value *isUpper = b_.CreateICmpSLT(index, llvm::Constant::getNullValue(index->getType()));
    return b_.CreateSelect(isUpper, half(128), half(0));
  }

  // pshufb takes the low 4 bits of an index, and gives zero where bit 7 is set: after the
  // saturating addition of 0x70 that is wherever the high half is not zero.
  Value *byParts(Value *index) {
    Value *result = nullptr;
    for (unsigned from = 0; from < 256; from += 16) {
      Value *own = b_.CreateXor(index, intLike(index, from));
      own = b_.CreateBinaryIntrinsic(Intrinsic::uadd_sat, own, intLike(own, 0x70));
      Value *bytes = part(from, 16);
      Value *both = llvm::concatenateVectors(b_, {bytes, bytes});
      Value *found = b_.CreateIntrinsic(Intrinsic::x86_avx2_pshuf_b, {}, {both, own});
      result = result ? b_.CreateOr(result, found) : found;
    }
    return result;
  }

  // tbl gives zero for an index beyond its 64 bytes.
  Value *byQuarters(Value *index) {
    Value *result = nullptr;
    for (unsigned from = 0; from < 256; from += 64) {
      Value *own = b_.CreateSub(index, intLike(index, from));
      Value *found = b_.CreateIntrinsic(
          Intrinsic::aarch64_neon_tbl4, {index->getType()},
          {part(from, 16), part(from + 16, 16), part(from + 32, 16), part(from + 48, 16), own});
      result = result ? b_.CreateOr(result, found) : found;
    }
    return result;
  }

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  Value *table_;
  unsigned width_ = 16; // bytes of a register
};

} // namespace

// Below these, loads one by one are as fast.
bool canLookUpBytes(const NativeTarget &target, unsigned lanes) {
  if (target.arch == Arch::AArch64)
    return lanes >= 8;
  bool hasHalves = target.has("avx512vbmi") && target.vectorBytes == 64;
  return target.arch == Arch::X86_64 &&
         (hasHalves ? lanes >= 8 : target.has("avx2") && lanes >= 32);
}

Value *lookUpBytes(KernelEmitter &e, Value *table, Value *index) {
  auto &b = e.b;
  TableReader reader(e, table);
  unsigned lanes = lanesOf(index), width = reader.width();
  std::vector<Value *> parts;
  for (unsigned from = 0; from < lanes; from += width) {
    llvm::SmallVector<int> own;
    for (unsigned i = 0; i < width; ++i)
      own.push_back(from + i < lanes ? static_cast<int>(from + i) : llvm::PoisonMaskElem);
    parts.push_back(reader.read(b.CreateShuffleVector(index, own)));
  }
  llvm::SmallVector<int> wanted;
  for (unsigned i = 0; i < lanes; ++i)
    wanted.push_back(static_cast<int>(i));
  return b.CreateShuffleVector(llvm::concatenateVectors(b, parts), wanted);
}

} // namespace edgecc::native
