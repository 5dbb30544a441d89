#include "backends/native/MemoryFunctions.h"

#include <llvm/IR/IRBuilder.h>

using namespace llvm;

namespace edgecc::native {

namespace {

constexpr uint64_t kChunk = 32; // bytes a wide step moves

class MemoryFunction {
public:
  MemoryFunction(llvm::Module &module, const char *name, ArrayRef<Type *> parameters)
      : b_(module.getContext()) {
    auto *type = FunctionType::get(b_.getPtrTy(), parameters, false);
    function_ = cast<Function>(module.getOrInsertFunction(name, type).getCallee());
    function_->setVisibility(GlobalValue::HiddenVisibility);
    function_->setDSOLocal(true);
    // The body must not be turned into a call of itself.
    function_->addFnAttr("no-builtins");
    function_->addFnAttr(Attribute::NoUnwind);
    b_.SetInsertPoint(BasicBlock::Create(module.getContext(), "entry", function_));
  }

  IRBuilder<> &builder() { return b_; }
  Value *parameter(unsigned i) { return function_->getArg(i); }
  BasicBlock *block(const char *name) {
    return BasicBlock::Create(function_->getContext(), name, function_);
  }
  Type *chunkType() { return FixedVectorType::get(b_.getInt8Ty(), kChunk); }

  // for (i = from; i + step <= to; i += step) body(i); returns the first i that was not run.
  Value *forward(Value *from, Value *to, uint64_t step, function_ref<void(Value *)> body) {
    BasicBlock *before = b_.GetInsertBlock(), *head = block("head"), *run = block("run"),
               *after = block("after");
    b_.CreateBr(head);
    b_.SetInsertPoint(head);
    PHINode *i = b_.CreatePHI(b_.getInt64Ty(), 2);
    i->addIncoming(from, before);
    Value *next = b_.CreateAdd(i, b_.getInt64(step));
    b_.CreateCondBr(b_.CreateICmpULE(next, to), run, after);
    b_.SetInsertPoint(run);
    body(i);
    i->addIncoming(next, b_.GetInsertBlock());
    b_.CreateBr(head);
    b_.SetInsertPoint(after);
    return i;
  }

  void move(Type *type, Value *index) {
    Value *value = b_.CreateAlignedLoad(type, at(1, index), Align(1));
    b_.CreateAlignedStore(value, at(0, index), Align(1));
  }
  Value *at(unsigned pointer, Value *index) {
    return b_.CreateInBoundsGEP(b_.getInt8Ty(), parameter(pointer), index);
  }

  void copyForward() {
    Value *size = parameter(2);
    Value *wide = forward(b_.getInt64(0), size, kChunk, [&](Value *i) { move(chunkType(), i); });
    forward(wide, size, 1, [&](Value *i) { move(b_.getInt8Ty(), i); });
    b_.CreateRet(parameter(0));
  }

private:
  IRBuilder<> b_;
  Function *function_;
};

void defineMemmove(MemoryFunction &f) {
  IRBuilder<> &b = f.builder();
  BasicBlock *up = f.block("up"), *down = f.block("down");
  b.CreateCondBr(b.CreateICmpULE(f.parameter(0), f.parameter(1)), up, down);
  b.SetInsertPoint(up);
  f.copyForward();
  b.SetInsertPoint(down);
  Value *size = f.parameter(2);
  // Step i moves the chunk that ends at size - i; all its bytes are loaded before any is stored.
  auto moveBack = [&](Type *type, uint64_t bytes) {
    return [&, type, bytes](Value *i) {
      f.move(type, b.CreateSub(b.CreateSub(size, i), b.getInt64(bytes)));
    };
  };
  Value *wide = f.forward(b.getInt64(0), size, kChunk, moveBack(f.chunkType(), kChunk));
  f.forward(wide, size, 1, moveBack(b.getInt8Ty(), 1));
  b.CreateRet(f.parameter(0));
}

void defineMemset(MemoryFunction &f) {
  IRBuilder<> &b = f.builder();
  Value *size = f.parameter(2);
  Value *byte = b.CreateTrunc(f.parameter(1), b.getInt8Ty());
  Value *chunk = b.CreateVectorSplat(kChunk, byte);
  Value *wide = f.forward(b.getInt64(0), size, kChunk,
                          [&](Value *i) { b.CreateAlignedStore(chunk, f.at(0, i), Align(1)); });
  f.forward(wide, size, 1, [&](Value *i) { b.CreateAlignedStore(byte, f.at(0, i), Align(1)); });
  b.CreateRet(f.parameter(0));
}

} // namespace

void defineMemoryFunctions(llvm::Module &module) {
  LLVMContext &c = module.getContext();
  Type *ptr = PointerType::getUnqual(c), *size = Type::getInt64Ty(c), *i32 = Type::getInt32Ty(c);
  MemoryFunction(module, "memcpy", {ptr, ptr, size}).copyForward();
  MemoryFunction memmove(module, "memmove", {ptr, ptr, size});
  defineMemmove(memmove);
  MemoryFunction memset(module, "memset", {ptr, i32, size});
  defineMemset(memset);
}

} // namespace edgecc::native
