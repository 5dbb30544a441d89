#include "backends/native/Entry.h"
#include "runtime/include/edgecc/abi.h"

#include <algorithm>

using namespace llvm;

namespace edgecc::native {

namespace {

// Fields of edgecc_call_context, in order.
enum ContextField : unsigned {
  kAbiVersion,
  kNumThreads,
  kInputs,
  kOutputs,
  kWeights,
  kArena,
  kParallelFor,
  kProfile,
  kUser,
  kOutputExtents,
};

constexpr unsigned kFrameHeader = 3; // scratch base, scratch stride, status

class EntryEmitter {
public:
  EntryEmitter(llvm::Module &module, const EntryPlan &plan)
      : module_(module), plan_(plan), b_(module.getContext()) {}

  void emit();

private:
  llvm::Type *contextType();
  llvm::Value *field(llvm::Value *context, ContextField field, llvm::Type *type);
  llvm::Function *declareKernel(unsigned kernel);
  llvm::Function *defineInvoke();
  llvm::Value *address(const KernelArg &arg);
  llvm::Value *tableEntry(ContextField table, uint32_t index);
  void emitSteps(const std::vector<Step> &steps);
  void emitStep(const Step &step);
  void emitIf(const Step &step);
  void emitLoop(const Step &step);
  void emitCopy(const Step &step);
  void emitLayer(unsigned layer);
  llvm::Value *loadBool(const KernelArg &arg) {
    return b_.CreateICmpNE(b_.CreateLoad(b_.getInt8Ty(), address(arg)), b_.getInt8(0));
  }
  llvm::BasicBlock *block(const Twine &name) {
    return BasicBlock::Create(module_.getContext(), name, entry_);
  }

  llvm::Module &module_;
  const EntryPlan &plan_;
  IRBuilder<> b_;
  llvm::Function *entry_ = nullptr, *invoke_ = nullptr;
  llvm::Value *context_ = nullptr, *frame_ = nullptr;
  llvm::Value *trip_ = nullptr; // of the innermost loop
  llvm::Value *profile_ = nullptr, *user_ = nullptr, *weights_ = nullptr, *arena_ = nullptr;
};

llvm::Type *EntryEmitter::contextType() {
  llvm::Type *ptr = b_.getPtrTy(), *u32 = b_.getInt32Ty();
  return StructType::get(module_.getContext(), {u32, u32, ptr, ptr, ptr, ptr, ptr, ptr, ptr, ptr});
}

llvm::Value *EntryEmitter::field(llvm::Value *context, ContextField field, llvm::Type *type) {
  return b_.CreateLoad(type, b_.CreateStructGEP(contextType(), context, field));
}

llvm::Function *EntryEmitter::declareKernel(unsigned kernel) {
  llvm::Type *u32 = b_.getInt32Ty();
  auto *type = FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), u32, u32, u32}, false);
  auto callee = module_.getOrInsertFunction(plan_.kernelSymbols[kernel], type);
  auto *function = cast<llvm::Function>(callee.getCallee());
  function->setVisibility(GlobalValue::HiddenVisibility);
  function->setDSOLocal(true);
  return function;
}

// void invoke(context, kernel, frame, units): through parallel_for where that can help.
llvm::Function *EntryEmitter::defineInvoke() {
  llvm::Type *ptr = b_.getPtrTy(), *u32 = b_.getInt32Ty();
  auto *type = FunctionType::get(b_.getVoidTy(), {ptr, ptr, ptr, u32}, false);
  auto *invoke =
      llvm::Function::Create(type, GlobalValue::InternalLinkage, plan_.symbol + "_invoke", module_);
  invoke->addFnAttr(llvm::Attribute::NoInline);
  llvm::Value *context = invoke->getArg(0), *kernel = invoke->getArg(1), *frame = invoke->getArg(2),
              *units = invoke->getArg(3);
  auto &c = module_.getContext();
  auto *top = BasicBlock::Create(c, "entry", invoke);
  auto *parallel = BasicBlock::Create(c, "parallel", invoke);
  auto *serial = BasicBlock::Create(c, "serial", invoke);
  b_.SetInsertPoint(top);
  llvm::Value *threads = field(context, kNumThreads, u32);
  b_.CreateCondBr(b_.CreateAnd(b_.CreateICmpUGT(threads, b_.getInt32(1)),
                               b_.CreateICmpUGT(units, b_.getInt32(1))),
                  parallel, serial);
  b_.SetInsertPoint(parallel);
  auto *forType = FunctionType::get(b_.getVoidTy(), {ptr, ptr, ptr, u32}, false);
  b_.CreateCall(forType, field(context, kParallelFor, ptr),
                {field(context, kUser, ptr), kernel, frame, units});
  b_.CreateRetVoid();
  b_.SetInsertPoint(serial);
  auto *taskType = FunctionType::get(b_.getVoidTy(), {ptr, u32, u32, u32}, false);
  b_.CreateCall(taskType, kernel, {frame, b_.getInt32(0), units, b_.getInt32(0)});
  b_.CreateRetVoid();
  return invoke;
}

llvm::Value *EntryEmitter::tableEntry(ContextField table, uint32_t index) {
  llvm::Value *base = field(context_, table, b_.getPtrTy());
  return b_.CreateLoad(b_.getPtrTy(), b_.CreateConstInBoundsGEP1_64(b_.getPtrTy(), base, index));
}

llvm::Value *EntryEmitter::address(const KernelArg &arg) {
  if (arg.extents)
    return tableEntry(kOutputExtents, arg.index);
  llvm::Value *base = nullptr;
  switch (arg.space) {
  case Storage::Space::Input:
    base = tableEntry(kInputs, arg.index);
    break;
  case Storage::Space::Output:
    base = tableEntry(kOutputs, arg.index);
    break;
  case Storage::Space::Weights:
    base = weights_;
    break;
  case Storage::Space::Arena:
    base = arena_;
    break;
  }
  return arg.offset == 0 ? base
                         : b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), base,
                                                         static_cast<uint64_t>(arg.offset));
}

void EntryEmitter::emitSteps(const std::vector<Step> &steps) {
  for (const Step &step : steps)
    emitStep(step);
}

void EntryEmitter::emitStep(const Step &step) {
  switch (step.kind) {
  case Step::Kind::Layer:
    return emitLayer(step.layer);
  case Step::Kind::Copy:
    return emitCopy(step);
  case Step::Kind::If:
    return emitIf(step);
  case Step::Kind::Loop:
    return emitLoop(step);
  case Step::Kind::Call:
    break;
  }
  for (size_t i = 0; i < step.args.size(); ++i)
    b_.CreateStore(address(*step.args[i]),
                   b_.CreateConstInBoundsGEP1_64(b_.getPtrTy(), frame_, kFrameHeader + i));
  b_.CreateCall(invoke_, {context_, declareKernel(step.kernel), frame_,
                          b_.getInt32(plan_.kernelUnits[step.kernel])});
}

void EntryEmitter::emitLayer(unsigned layer) {
  auto *call = block("profile"), *after = block("layer");
  b_.CreateCondBr(b_.CreateIsNotNull(profile_), call, after);
  b_.SetInsertPoint(call);
  auto *type = FunctionType::get(b_.getVoidTy(), {b_.getPtrTy(), b_.getInt32Ty()}, false);
  b_.CreateCall(type, profile_, {user_, b_.getInt32(layer)});
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

void EntryEmitter::emitCopy(const Step &step) {
  llvm::Value *pointers[2];
  for (int i = 0; i < 2; ++i) {
    pointers[i] = address(*step.args[static_cast<size_t>(i)]);
    if (step.tripStride[i] != 0)
      pointers[i] = b_.CreateInBoundsGEP(
          b_.getInt8Ty(), pointers[i],
          b_.CreateMul(trip_, b_.getInt64(static_cast<uint64_t>(step.tripStride[i]))));
  }
  b_.CreateMemCpy(pointers[0], MaybeAlign(), pointers[1], MaybeAlign(),
                  static_cast<uint64_t>(step.bytes));
}

void EntryEmitter::emitIf(const Step &step) {
  auto *then = block("then"), *otherwise = block("else"), *after = block("after");
  b_.CreateCondBr(loadBool(*step.args[0]), then, otherwise);
  b_.SetInsertPoint(then);
  emitSteps(step.body);
  b_.CreateBr(after);
  b_.SetInsertPoint(otherwise);
  emitSteps(step.otherwise);
  b_.CreateBr(after);
  b_.SetInsertPoint(after);
}

void EntryEmitter::emitLoop(const Step &step) {
  auto *before = b_.GetInsertBlock();
  auto *head = block("loop"), *test = block("test"), *body = block("body"), *after = block("done");
  b_.CreateBr(head);
  b_.SetInsertPoint(head);
  auto *trip = b_.CreatePHI(b_.getInt64Ty(), 2, "trip");
  trip->addIncoming(b_.getInt64(0), before);
  b_.CreateCondBr(b_.CreateICmpSLT(trip, b_.getInt64(static_cast<uint64_t>(step.trips))), test,
                  after);
  b_.SetInsertPoint(test);
  if (step.args[0])
    b_.CreateCondBr(loadBool(*step.args[0]), body, after);
  else
    b_.CreateBr(body);
  b_.SetInsertPoint(body);
  llvm::Value *outer = trip_;
  trip_ = trip;
  if (step.args[1])
    b_.CreateStore(trip, address(*step.args[1]));
  emitSteps(step.body);
  trip_ = outer;
  trip->addIncoming(b_.CreateNSWAdd(trip, b_.getInt64(1)), b_.GetInsertBlock());
  b_.CreateBr(head);
  b_.SetInsertPoint(after);
}

size_t mostArgs(const std::vector<Step> &steps) {
  size_t most = 0;
  for (const Step &step : steps)
    most = std::max({most, step.args.size(), mostArgs(step.body), mostArgs(step.otherwise)});
  return most;
}

void EntryEmitter::emit() {
  invoke_ = defineInvoke();
  llvm::Type *ptr = b_.getPtrTy(), *u32 = b_.getInt32Ty();
  entry_ = llvm::Function::Create(FunctionType::get(u32, {ptr}, false),
                                  GlobalValue::ExternalLinkage, plan_.symbol + "_run", module_);
  context_ = entry_->getArg(0);
  b_.SetInsertPoint(block("entry"));
  auto *good = block("good"), *bad = block("bad");
  b_.CreateCondBr(
      b_.CreateICmpEQ(field(context_, kAbiVersion, u32), b_.getInt32(EDGECC_ABI_VERSION)), good,
      bad);
  b_.SetInsertPoint(bad);
  b_.CreateRet(b_.getInt32(EDGECC_ENTRY_BAD_ABI));

  b_.SetInsertPoint(good);
  frame_ = b_.CreateAlloca(ArrayType::get(ptr, kFrameHeader + mostArgs(plan_.steps)));
  auto *status = b_.CreateAlloca(u32);
  b_.CreateStore(b_.getInt32(EDGECC_ENTRY_OK), status);
  weights_ = field(context_, kWeights, ptr);
  arena_ = field(context_, kArena, ptr);
  profile_ = field(context_, kProfile, ptr);
  user_ = field(context_, kUser, ptr);
  llvm::Value *header[kFrameHeader] = {
      b_.CreateConstInBoundsGEP1_64(b_.getInt8Ty(), arena_,
                                    static_cast<uint64_t>(plan_.arenaBytes)),
      b_.getInt64(static_cast<uint64_t>(plan_.scratchStride)), status};
  for (unsigned i = 0; i < kFrameHeader; ++i)
    b_.CreateStore(header[i], b_.CreateConstInBoundsGEP1_64(ptr, frame_, i));
  emitSteps(plan_.steps);
  emitLayer(plan_.layers);
  b_.CreateRet(b_.CreateLoad(u32, status));
}

} // namespace

void emitEntry(llvm::Module &module, const EntryPlan &plan) { EntryEmitter(module, plan).emit(); }

} // namespace edgecc::native
