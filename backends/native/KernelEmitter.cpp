#include "backends/native/Kernel.h"

#include <llvm/IR/Intrinsics.h>

using namespace llvm;

namespace edgecc::native {

// frame = { ptr scratchBase, i64 scratchStride, ptr status, ptr args... }, see Entry.cpp.
static constexpr unsigned kFrameScratch = 0, kFrameStride = 1, kFrameStatus = 2, kFrameArgs = 3;

static llvm::Value *frameSlot(IRBuilder<> &b, llvm::Value *frame, unsigned slot, llvm::Type *type) {
  llvm::Value *pointer = b.CreateConstInBoundsGEP1_64(b.getPtrTy(), frame, slot);
  return b.CreateLoad(type, pointer);
}

KernelEmitter::KernelEmitter(llvm::Function &function, const NativeTarget &target,
                             unsigned argCount)
    : target(target), b(function.getContext()), function_(function) {
  b.SetInsertPoint(BasicBlock::Create(function.getContext(), "entry", &function));
  frame_ = function.getArg(0);
  begin_ = b.CreateZExt(function.getArg(1), b.getInt64Ty(), "begin");
  end_ = b.CreateZExt(function.getArg(2), b.getInt64Ty(), "end");
  thread_ = b.CreateZExt(function.getArg(3), b.getInt64Ty(), "thread");
  for (unsigned i = 0; i < argCount; ++i)
    args_.push_back(frameSlot(b, frame_, kFrameArgs + i, b.getPtrTy()));
  llvm::Value *base = frameSlot(b, frame_, kFrameScratch, b.getPtrTy());
  llvm::Value *stride = frameSlot(b, frame_, kFrameStride, b.getInt64Ty());
  scratch_ = b.CreateInBoundsGEP(b.getInt8Ty(), base, b.CreateMul(thread_, stride), "scratch");
}

// --- types ---

llvm::Type *KernelEmitter::scalarType(DType dtype) const {
  LLVMContext &c = context();
  switch (dtype) {
  case DType::F32:
    return llvm::Type::getFloatTy(c);
  case DType::F16:
    return llvm::Type::getHalfTy(c);
  case DType::BF16:
    return llvm::Type::getBFloatTy(c);
  case DType::F64:
    return llvm::Type::getDoubleTy(c);
  case DType::Bool:
    return llvm::Type::getInt1Ty(c);
  default:
    return llvm::Type::getIntNTy(c, bitWidth(dtype));
  }
}

llvm::Type *KernelEmitter::memoryType(DType dtype) const {
  return dtype == DType::Bool ? llvm::Type::getInt8Ty(context()) : scalarType(dtype);
}

llvm::Type *KernelEmitter::vectorType(DType dtype, unsigned lanes) const {
  llvm::Type *scalar = scalarType(dtype);
  return lanes == 1 ? scalar : FixedVectorType::get(scalar, lanes);
}

static llvm::Type *widen(llvm::Type *scalar, unsigned lanes) {
  return lanes == 1 ? scalar : FixedVectorType::get(scalar, lanes);
}

// --- addresses and memory ---

llvm::Value *KernelEmitter::elementPointer(DType dtype, llvm::Value *base, llvm::Value *index) {
  assert(!isSubByte(dtype) && "packed elements have no address of their own");
  return b.CreateInBoundsGEP(memoryType(dtype), base, index);
}

static Align alignmentOf(DType dtype) { return Align(std::max(1u, bitWidth(dtype) / 8)); }

// Lanes below `active` on.
static llvm::Value *maskOf(IRBuilder<> &b, unsigned lanes, unsigned active) {
  SmallVector<Constant *> bits;
  for (unsigned i = 0; i < lanes; ++i)
    bits.push_back(b.getInt1(i < active));
  return ConstantVector::get(bits);
}

llvm::Value *KernelEmitter::load(DType dtype, llvm::Value *pointer, unsigned lanes,
                                 unsigned active) {
  llvm::Type *type = widen(memoryType(dtype), lanes);
  llvm::Value *value;
  if (active == lanes) {
    value = b.CreateAlignedLoad(type, pointer, alignmentOf(dtype));
  } else if (target.maskedMemory) {
    value = b.CreateMaskedLoad(type, pointer, alignmentOf(dtype), maskOf(b, lanes, active),
                               Constant::getNullValue(type));
  } else {
    value = Constant::getNullValue(type);
    for (unsigned i = 0; i < active; ++i)
      value = b.CreateInsertElement(value,
                                    b.CreateAlignedLoad(memoryType(dtype),
                                                        elementPointer(dtype, pointer, i64(i)),
                                                        alignmentOf(dtype)),
                                    i64(i));
  }
  return dtype == DType::Bool ? b.CreateICmpNE(value, Constant::getNullValue(type)) : value;
}

void KernelEmitter::store(DType dtype, llvm::Value *value, llvm::Value *pointer, unsigned lanes,
                          unsigned active) {
  if (dtype == DType::Bool)
    value = b.CreateZExt(value, widen(memoryType(dtype), lanes));
  if (active == lanes) {
    b.CreateAlignedStore(value, pointer, alignmentOf(dtype));
  } else if (target.maskedMemory) {
    b.CreateMaskedStore(value, pointer, alignmentOf(dtype), maskOf(b, lanes, active));
  } else {
    // Power-of-two pieces from the low lanes up.
    unsigned at = 0;
    for (unsigned piece = llvm::bit_floor(active); at < active;
         piece = llvm::bit_floor(active - at)) {
      llvm::Value *part;
      if (piece == 1) {
        part = b.CreateExtractElement(value, i64(at));
      } else {
        SmallVector<int> lanesOfPart;
        for (unsigned i = 0; i < piece; ++i)
          lanesOfPart.push_back(static_cast<int>(at + i));
        part = b.CreateShuffleVector(value, lanesOfPart);
      }
      b.CreateAlignedStore(part, elementPointer(dtype, pointer, i64(at)), alignmentOf(dtype));
      at += piece;
    }
  }
}

llvm::Value *KernelEmitter::loadSplat(DType dtype, llvm::Value *pointer, unsigned lanes) {
  return splat(load(dtype, pointer), lanes);
}

llvm::Value *KernelEmitter::splat(llvm::Value *scalar, unsigned lanes) {
  return lanes == 1 ? scalar : b.CreateVectorSplat(lanes, scalar);
}

// --- control flow ---

void KernelEmitter::loop(llvm::Value *from, llvm::Value *to, int64_t step,
                         const std::function<void(llvm::Value *)> &body, const Twine &name) {
  loop(
      from, to, step, {},
      [&](llvm::Value *i, const std::vector<llvm::Value *> &) {
        body(i);
        return std::vector<llvm::Value *>{};
      },
      name);
}

std::vector<llvm::Value *> KernelEmitter::loop(
    llvm::Value *from, llvm::Value *to, int64_t step, std::vector<llvm::Value *> carried,
    const std::function<std::vector<llvm::Value *>(llvm::Value *,
                                                   const std::vector<llvm::Value *> &)> &body,
    const Twine &name) {
  BasicBlock *before = b.GetInsertBlock();
  BasicBlock *head = BasicBlock::Create(context(), name + ".loop", &function_);
  BasicBlock *after = BasicBlock::Create(context(), name + ".end", &function_);
  // Constant bounds need no test before the first trip.
  auto *constFrom = dyn_cast<ConstantInt>(from), *constTo = dyn_cast<ConstantInt>(to);
  bool runs = constFrom && constTo && constFrom->getSExtValue() < constTo->getSExtValue();
  if (constFrom && constTo && !runs) {
    head->eraseFromParent();
    after->eraseFromParent();
    return carried;
  }
  if (runs)
    b.CreateBr(head);
  else
    b.CreateCondBr(b.CreateICmpSLT(from, to), head, after);

  b.SetInsertPoint(head);
  PHINode *index = b.CreatePHI(b.getInt64Ty(), 2, name);
  index->addIncoming(from, before);
  std::vector<llvm::Value *> inside;
  for (llvm::Value *value : carried) {
    PHINode *phi = b.CreatePHI(value->getType(), 2);
    phi->addIncoming(value, before);
    inside.push_back(phi);
  }
  std::vector<llvm::Value *> next = body(index, inside);
  assert(next.size() == carried.size());
  BasicBlock *latch = b.GetInsertBlock();
  llvm::Value *advanced = b.CreateNSWAdd(index, i64(step));
  index->addIncoming(advanced, latch);
  for (size_t i = 0; i < next.size(); ++i)
    cast<PHINode>(inside[i])->addIncoming(next[i], latch);
  b.CreateCondBr(b.CreateICmpSLT(advanced, to), head, after);

  b.SetInsertPoint(after);
  if (runs)
    return next;
  std::vector<llvm::Value *> out;
  for (size_t i = 0; i < next.size(); ++i) {
    PHINode *phi = b.CreatePHI(next[i]->getType(), 2);
    phi->addIncoming(carried[i], before);
    phi->addIncoming(next[i], latch);
    out.push_back(phi);
  }
  return out;
}

void KernelEmitter::ifThen(llvm::Value *condition, const std::function<void()> &body) {
  BasicBlock *then = BasicBlock::Create(context(), "then", &function_);
  BasicBlock *after = BasicBlock::Create(context(), "after", &function_);
  b.CreateCondBr(condition, then, after);
  b.SetInsertPoint(then);
  body();
  b.CreateBr(after);
  b.SetInsertPoint(after);
}

// --- arithmetic ---

llvm::Value *KernelEmitter::multiplyAdd(llvm::Value *x, llvm::Value *y, llvm::Value *z) {
  if (target.fma)
    return b.CreateIntrinsic(Intrinsic::fma, {x->getType()}, {x, y, z});
  return b.CreateFAdd(b.CreateFMul(x, y), z);
}

llvm::Value *KernelEmitter::reduceTree(
    llvm::Value *vector,
    const std::function<llvm::Value *(llvm::Value *, llvm::Value *)> &combine) {
  auto *type = dyn_cast<FixedVectorType>(vector->getType());
  if (!type)
    return vector;
  for (unsigned half = type->getNumElements() / 2; half >= 1; half /= 2) {
    SmallVector<int> low, high;
    for (unsigned i = 0; i < half; ++i) {
      low.push_back(static_cast<int>(i));
      high.push_back(static_cast<int>(half + i));
    }
    vector = combine(b.CreateShuffleVector(vector, low), b.CreateShuffleVector(vector, high));
  }
  return b.CreateExtractElement(vector, i64(0));
}

void KernelEmitter::fail(int32_t code) {
  llvm::Value *status = frameSlot(b, frame_, kFrameStatus, b.getPtrTy());
  // Several threads may store; all store a failure, and which of two codes wins does not matter.
  auto *write = b.CreateAlignedStore(b.getInt32(static_cast<uint32_t>(code)), status, Align(4));
  write->setAtomic(AtomicOrdering::Monotonic);
}

} // namespace edgecc::native
