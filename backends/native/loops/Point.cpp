// Access to memory at a position of a nest.
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/LoopNest.h"

namespace edgecc::native {

using llvm::Value;

namespace {

// 4-bit elements: two to a byte, the lower index in the low nibble.
Value *loadNibble(KernelEmitter &e, DType dtype, Value *base, Value *index) {
  auto &b = e.b;
  Value *byte =
      b.CreateLoad(b.getInt8Ty(), b.CreateInBoundsGEP(b.getInt8Ty(), base, b.CreateLShr(index, 1)));
  Value *shift = b.CreateTrunc(b.CreateShl(b.CreateAnd(index, 1), 2), b.getInt8Ty());
  return b.CreateTrunc(b.CreateLShr(byte, shift), e.scalarType(dtype));
}

void storeNibble(KernelEmitter &e, Value *value, Value *base, Value *index) {
  auto &b = e.b;
  Value *at = b.CreateInBoundsGEP(b.getInt8Ty(), base, b.CreateLShr(index, 1));
  Value *shift = b.CreateTrunc(b.CreateShl(b.CreateAnd(index, 1), 2), b.getInt8Ty());
  Value *kept =
      b.CreateAnd(b.CreateLoad(b.getInt8Ty(), at), b.CreateNot(b.CreateShl(b.getInt8(0xf), shift)));
  Value *nibble = b.CreateShl(b.CreateZExt(value, b.getInt8Ty()), shift);
  b.CreateStore(b.CreateOr(kept, nibble), at);
}

// How elements travel: f16 and bf16 as integers, because moving single ones in registers would
// otherwise convert them on targets without such types.
DType moved(DType dtype) {
  return dtype == DType::F16 || dtype == DType::BF16 ? DType::U16 : dtype;
}

Value *asElements(KernelEmitter &e, Value *value, DType dtype) {
  return moved(dtype) == dtype ? value
                               : e.b.CreateBitCast(value, typeLike(e.scalarType(dtype), value));
}

Value *asMoved(KernelEmitter &e, Value *value, DType dtype) {
  return moved(dtype) == dtype ? value
                               : e.b.CreateBitCast(value, typeLike(e.b.getInt16Ty(), value));
}

Value *loadElement(KernelEmitter &e, DType dtype, Value *base, Value *index) {
  if (isSubByte(dtype))
    return loadNibble(e, dtype, base, index);
  return e.load(dtype, e.elementPointer(dtype, base, index));
}

void storeElement(KernelEmitter &e, DType dtype, Value *value, Value *base, Value *index) {
  if (isSubByte(dtype))
    storeNibble(e, value, base, index);
  else
    e.store(dtype, value, e.elementPointer(dtype, base, index));
}

Value *reversed(KernelEmitter &e, Value *vector) {
  llvm::SmallVector<int> lanes;
  for (unsigned i = lanesOf(vector); i-- > 0;)
    lanes.push_back(static_cast<int>(i));
  return e.b.CreateShuffleVector(vector, lanes);
}

} // namespace

Value *Point::loadScalar(unsigned v) const {
  const View &view = nest->plan.nest().views[v];
  return loadElement(nest->e, moved(view.dtype), nest->e.arg(view.arg), offsets[v]);
}

Value *Point::pointer(unsigned v) const {
  const View &view = nest->plan.nest().views[v];
  return nest->e.elementPointer(view.dtype, nest->e.arg(view.arg), offsets[v]);
}

// The offset of every lane, where indices from memory make them irregular.
std::vector<Value *> Point::laneOffsets(unsigned v) const {
  KernelEmitter &e = nest->e;
  const View &view = nest->plan.nest().views[v];
  std::vector<Value *> out;
  for (unsigned i = 0; i < active; ++i)
    out.push_back(e.b.CreateAdd(offsets[v], e.i64(laneStrides[v] * i)));
  for (size_t k = 0; k < indexOffsets[v].size(); ++k) {
    if (!indexOffsets[v][k])
      continue;
    const Indirection &index = view.indirections[k];
    for (unsigned i = 0; i < active; ++i) {
      Value *at = e.b.CreateAdd(indexOffsets[v][k], e.i64(indexLaneStrides[v][k] * i));
      Value *raw = e.load(index.dtype, e.elementPointer(index.dtype, e.arg(index.arg), at));
      Value *checked = checkedIndex(e, index, raw);
      out[i] = e.b.CreateAdd(out[i], e.b.CreateMul(checked, e.i64(index.scale)));
    }
  }
  return out;
}

bool Point::isIrregular(unsigned v) const {
  for (Value *pending : indexOffsets[v])
    if (pending)
      return true;
  return false;
}

Value *Point::load(unsigned v) const {
  return asElements(nest->e, loadMoved(v), nest->plan.nest().views[v].dtype);
}

Value *Point::loadMoved(unsigned v) const {
  KernelEmitter &e = nest->e;
  const View &view = nest->plan.nest().views[v];
  int64_t stride = laneStrides[v];
  DType dtype = moved(view.dtype);
  if (hoisted[v])
    return e.splat(hoisted[v], lanes);
  if (view.iota) {
    Value *first = e.splat(offsets[v], lanes);
    if (lanes == 1 || stride == 0)
      return first;
    llvm::SmallVector<llvm::Constant *> steps;
    for (unsigned i = 0; i < lanes; ++i)
      steps.push_back(e.i64(stride * i));
    return e.b.CreateAdd(first, llvm::ConstantVector::get(steps));
  }
  Value *base = e.arg(view.arg);
  bool irregular = isIrregular(v);
  if (!irregular && (lanes == 1 || stride == 0))
    return e.splat(loadElement(e, dtype, base, offsets[v]), lanes);
  if (!irregular && stride == 1 && !isSubByte(dtype))
    return e.load(dtype, pointer(v), lanes, active);
  if (!irregular && stride == -1 && !isSubByte(dtype) && active == lanes) {
    Value *last = e.b.CreateSub(offsets[v], e.i64(lanes - 1));
    return reversed(e, e.load(dtype, e.elementPointer(dtype, base, last), lanes));
  }
  auto at = laneOffsets(v);
  if (lanes == 1)
    return loadElement(e, dtype, base, at[0]);
  Value *vector = llvm::Constant::getNullValue(e.vectorType(dtype, lanes));
  for (unsigned i = 0; i < active; ++i)
    vector = e.b.CreateInsertElement(vector, loadElement(e, dtype, base, at[i]), i);
  return vector;
}

void Point::store(unsigned v, Value *value) const {
  KernelEmitter &e = nest->e;
  const View &view = nest->plan.nest().views[v];
  DType dtype = moved(view.dtype);
  value = asMoved(e, value, view.dtype);
  Value *base = e.arg(view.arg);
  bool irregular = isIrregular(v);
  if (!irregular && lanes == 1) {
    storeElement(e, dtype, value, base, offsets[v]);
    return;
  }
  if (!irregular && laneStrides[v] == 1 && !isSubByte(dtype)) {
    e.store(dtype, value, pointer(v), lanes, active);
    return;
  }
  auto at = laneOffsets(v);
  for (unsigned i = 0; i < active; ++i)
    storeElement(e, dtype, lanes == 1 ? value : e.b.CreateExtractElement(value, i), base, at[i]);
}

} // namespace edgecc::native
