#include "backends/native/MemoryFunctions.h"
#include "backends/native/Native.h"
#include "backends/native/ObjectCache.h"
#include "backends/native/Steps.h"
#include "backends/native/support/Bitcode.h"

#include <algorithm>
#include <atomic>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Linker/Linker.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/GVN.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SROA.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <mutex>
#include <thread>

using namespace llvm;

namespace edgecc::native {

static void initializeTargets() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeRISCVTargetInfo();
    LLVMInitializeRISCVTarget();
    LLVMInitializeRISCVTargetMC();
    LLVMInitializeRISCVAsmPrinter();
  });
}

static std::unique_ptr<TargetMachine> createMachine(const NativeTarget &target) {
  initializeTargets();
  std::string message;
  const llvm::Target *llvmTarget = TargetRegistry::lookupTarget(target.triple, message);
  assert(llvmTarget && "the three architectures are linked in");
  TargetOptions options;
  options.AllowFPOpFusion = FPOpFusion::Strict; // only llvm.fma fuses
  std::string features = target.featureString();
  if (target.arch == Arch::RISCV64) {
    options.MCOptions.ABIName = "lp64d";
    if (target.has("v"))
      features += ",+zvl128b";
  }
  return std::unique_ptr<TargetMachine>(llvmTarget->createTargetMachine(
      target.triple, target.baselineCpu(), features, options, Reloc::PIC_,
      target.arch == Arch::RISCV64 ? std::optional(CodeModel::Medium) : std::nullopt,
      CodeGenOptLevel::Default));
}

static std::unique_ptr<llvm::Module> createModule(LLVMContext &context, const NativeTarget &target,
                                                  const TargetMachine &machine, StringRef name) {
  auto module = std::make_unique<llvm::Module>(name, context);
  module->setTargetTriple(target.triple);
  module->setDataLayout(machine.createDataLayout());
  module->setPICLevel(PICLevel::BigPIC);
  if (target.arch == Arch::RISCV64)
    module->addModuleFlag(llvm::Module::Error, "target-abi", MDString::get(context, "lp64d"));
  return module;
}

// A CPU's name would bring in features that the target does not list; for scheduling it does not.
static void tuneFor(llvm::Module &module, const NativeTarget &target) {
  if (target.cpu == target.baselineCpu())
    return;
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      function.addFnAttr("tune-cpu", target.cpu);
}

// Scalar clean-up only: the kernels are vectorised, tiled and unrolled when they are emitted.
static void optimize(llvm::Module &module, TargetMachine &machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager sccs;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(sccs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, sccs, modules);
  FunctionPassManager passes;
  passes.addPass(SROAPass(SROAOptions::ModifyCFG));
  passes.addPass(EarlyCSEPass(true));
  passes.addPass(InstCombinePass());
  passes.addPass(SimplifyCFGPass());
  passes.addPass(createFunctionToLoopPassAdaptor(LICMPass(LICMOptions()), /*UseMemorySSA=*/true,
                                                 /*UseBlockFrequencyInfo=*/false));
  passes.addPass(GVNPass());
  passes.addPass(InstCombinePass());
  passes.addPass(SimplifyCFGPass());
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      passes.run(function, functions);
}

// What addPassesToEmitFile does, without the instruction scheduler on AArch64: it hoists loads
// above the multiply-adds of a register tile until accumulators spill. (x86-64 needs it to fold
// broadcasts into the arithmetic.)
static void addEmission(legacy::PassManager &passes, TargetMachine &machine,
                        raw_svector_ostream &out, CodeGenFileType type) {
  auto &codegen = static_cast<LLVMTargetMachine &>(machine);
  auto *functions = new MachineModuleInfoWrapperPass(&codegen);
  TargetPassConfig *config = codegen.createPassConfig(passes);
  if (machine.getTargetTriple().isAArch64())
    config->disablePass(&MachineSchedulerID);
  passes.add(config);
  passes.add(functions);
  [[maybe_unused]] bool failed = config->addISelPasses();
  assert(!failed && "the targets select instructions");
  config->addMachinePasses();
  config->setInitialized();
  failed = codegen.addAsmPrinter(passes, out, nullptr, type, functions->getMMI().getContext());
  assert(!failed && "the targets emit objects and assembly");
  passes.add(createFreeMachineFunctionPass());
}

static std::vector<std::byte> emitFile(llvm::Module &module, TargetMachine &machine,
                                       CodeGenFileType type) {
  SmallVector<char, 0> buffer;
  raw_svector_ostream out(buffer);
  legacy::PassManager passes;
  addEmission(passes, machine, out, type);
  passes.run(module);
  auto *bytes = reinterpret_cast<const std::byte *>(buffer.data());
  return {bytes, bytes + buffer.size()};
}

static void emitKernel(llvm::Module &module, const Kernel &kernel, const std::string &symbol,
                       const NativeTarget &target) {
  LLVMContext &c = module.getContext();
  llvm::Type *u32 = llvm::Type::getInt32Ty(c);
  auto *type = FunctionType::get(llvm::Type::getVoidTy(c),
                                 {PointerType::getUnqual(c), u32, u32, u32}, false);
  // The symbol may have been declared by the entry function when all share one module.
  auto *function = cast<llvm::Function>(module.getOrInsertFunction(symbol, type).getCallee());
  function->setVisibility(GlobalValue::HiddenVisibility);
  function->setDSOLocal(true);
  function->addFnAttr(llvm::Attribute::NoUnwind);
  if (target.arch == Arch::X86_64 && target.vectorBytes == 64)
    function->addFnAttr("prefer-vector-width", "512");
  // Vectors that do not fit in registers must not straddle cache lines of the stack: where they do
  // depends on the process, and reading one back at once would take several times as long.
  if (target.arch == Arch::X86_64 && target.vectorBytes > 16)
    function->addFnAttr(llvm::Attribute::getWithStackAlignment(c, llvm::Align(target.vectorBytes)));
  KernelEmitter emitter(*function, target, static_cast<unsigned>(kernel.args.size()));
  kernel.emit(emitter);
  emitter.b.CreateRetVoid();
  linkSupport(module, target);
  assert(!verifyFunction(*function, &errs()) && "kernel emission made invalid LLVM IR");
}

namespace {
// One thing to compile: a distinct kernel, or the entry function (index == kernels.size()).
class Compiler {
public:
  Compiler(const Program &program, const NativeTarget &target)
      : program_(program), target_(target) {}

  size_t units() const { return program_.kernels.size() + 1; }

  void define(llvm::Module &module, size_t unit) const {
    if (unit == program_.kernels.size())
      emitEntry(module, program_.entry);
    else
      emitKernel(module, program_.kernels[unit], program_.entry.kernelSymbols[unit], target_);
  }

  std::vector<std::byte> compile(size_t unit, ObjectCache *cache) const {
    if (!cache || unit == program_.kernels.size())
      return compile(unit);
    const std::string key = ObjectCache::keyOn(target_, program_.entry.kernelSymbols[unit] + '\n' +
                                                            program_.kernels[unit].key);
    std::vector<std::byte> object = cache->find(key);
    if (object.empty()) {
      object = compile(unit);
      cache->add(key, object);
    }
    return object;
  }

  std::vector<std::byte> compile(size_t unit) const {
    LLVMContext context;
    auto machine = createMachine(target_);
    auto module =
        createModule(context, target_, *machine,
                     unit == program_.kernels.size() ? program_.entry.symbol
                                                     : program_.entry.kernelSymbols[unit]);
    define(*module, unit);
    tuneFor(*module, target_);
    optimize(*module, *machine);
    return emitFile(*module, *machine, CodeGenFileType::ObjectFile);
  }

  // Everything in one module, for reading.
  std::unique_ptr<llvm::Module> combine(LLVMContext &context, TargetMachine &machine) const {
    auto module = createModule(context, target_, machine, program_.entry.symbol);
    for (size_t unit = 0; unit < units(); ++unit)
      define(*module, unit);
    tuneFor(*module, target_);
    optimize(*module, machine);
    return module;
  }

private:
  const Program &program_;
  const NativeTarget &target_;
};
} // namespace

static std::vector<std::byte> compileMemoryFunctions(const NativeTarget &target) {
  LLVMContext context;
  auto machine = createMachine(target);
  auto module = createModule(context, target, *machine, "memory");
  defineMemoryFunctions(*module);
  return emitFile(*module, *machine, CodeGenFileType::ObjectFile);
}

Expected<NativeCode> generateCode(const Function &function, const NativeTarget &target,
                                  const CodegenOptions &options) {
  EDGECC_TRY(program, planProgram(function, target, options.symbol, options.algorithms));
  initializeTargets();
  Compiler compiler(program, target);
  NativeCode code;
  code.objects.resize(compiler.units());
  std::atomic<size_t> next{0};
  auto work = [&] {
    for (size_t unit = next++; unit < compiler.units(); unit = next++)
      code.objects[unit] = compiler.compile(unit, options.cache);
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min<size_t>(options.threads, compiler.units()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();

  code.memoryFunctions = compileMemoryFunctions(target);
  code.target = target;
  code.weights = program.weights.take();
  code.arenaBytes = program.entry.arenaBytes;
  code.scratchBytesPerThread = program.entry.scratchStride;
  code.layers = std::move(program.layers);
  code.entrySymbol = program.entry.symbol + "_run";
  code.kernelCount = program.kernels.size();
  code.kernelUses = program.kernelUses;
  return code;
}

std::vector<std::byte> compileData(const NativeTarget &target, const std::string &symbol,
                                   std::span<const std::byte> bytes) {
  LLVMContext context;
  auto machine = createMachine(target);
  auto module = createModule(context, target, *machine, symbol);
  auto *content = ConstantDataArray::get(
      context, ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()));
  auto *array = new GlobalVariable(*module, content->getType(), /*isConstant=*/true,
                                   GlobalValue::ExternalLinkage, content, symbol);
  array->setAlignment(Align(64));
  return emitFile(*module, *machine, CodeGenFileType::ObjectFile);
}

Expected<std::string> emitAssembly(const Function &function, const NativeTarget &target,
                                   const CodegenOptions &options) {
  EDGECC_TRY(program, planProgram(function, target, options.symbol, options.algorithms));
  auto machine = createMachine(target);
  LLVMContext context;
  auto module = Compiler(program, target).combine(context, *machine);
  auto bytes = emitFile(*module, *machine, CodeGenFileType::AssemblyFile);
  return std::string(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

Expected<std::string> emitLlvmIr(const Function &function, const NativeTarget &target,
                                 const CodegenOptions &options) {
  EDGECC_TRY(program, planProgram(function, target, options.symbol, options.algorithms));
  auto machine = createMachine(target);
  LLVMContext context;
  auto module = Compiler(program, target).combine(context, *machine);
  std::string text;
  raw_string_ostream out(text);
  module->print(out, nullptr);
  return text;
}

} // namespace edgecc::native
