// The bitcode of support/All.c for every architecture, embedded when edgecc is built.
#include "backends/native/support/Bitcode.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Linker/Linker.h>
#include <llvm/Support/MemoryBuffer.h>

#define EMBED(name, path)                                                                          \
  asm(".section .rodata\n"                                                                         \
      ".balign 16\n"                                                                               \
      ".globl edgecc_bitcode_" #name "\n"                                                          \
      "edgecc_bitcode_" #name ":\n"                                                                \
      ".incbin \"" path "\"\n"                                                                     \
      ".globl edgecc_bitcode_" #name "_end\n"                                                      \
      "edgecc_bitcode_" #name "_end:\n"                                                            \
      ".previous\n");                                                                              \
  extern "C" const char edgecc_bitcode_##name[], edgecc_bitcode_##name##_end[]

EMBED(x86_64, EDGECC_SUPPORT_X86_64);
EMBED(aarch64, EDGECC_SUPPORT_AARCH64);
EMBED(riscv64, EDGECC_SUPPORT_RISCV64);

namespace edgecc::native {

static llvm::StringRef bitcodeFor(Arch arch) {
  switch (arch) {
  case Arch::X86_64:
    return {edgecc_bitcode_x86_64,
            static_cast<size_t>(edgecc_bitcode_x86_64_end - edgecc_bitcode_x86_64)};
  case Arch::AArch64:
    return {edgecc_bitcode_aarch64,
            static_cast<size_t>(edgecc_bitcode_aarch64_end - edgecc_bitcode_aarch64)};
  case Arch::RISCV64:
    return {edgecc_bitcode_riscv64,
            static_cast<size_t>(edgecc_bitcode_riscv64_end - edgecc_bitcode_riscv64)};
  }
  __builtin_unreachable();
}

static bool callsSupport(const llvm::Module &module) {
  for (const llvm::Function &function : module)
    if (function.isDeclaration() && function.getName().starts_with("edgecc_support_"))
      return true;
  return false;
}

void linkSupport(llvm::Module &module, const NativeTarget &target) {
  if (!callsSupport(module))
    return;
  auto support = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bitcodeFor(target.arch), "support"),
                                        module.getContext());
  assert(support && "the embedded bitcode was made by this build");
  (*support)->setTargetTriple(module.getTargetTriple());
  (*support)->setDataLayout(module.getDataLayout());
  // The kernel's module and its target machine say how code is to be generated.
  if (auto *flags = (*support)->getModuleFlagsMetadata())
    (*support)->eraseNamedMetadata(flags);
  for (llvm::Function &function : **support) {
    function.removeFnAttr("target-cpu");
    function.removeFnAttr("tune-cpu");
    function.removeFnAttr("target-features");
  }
  std::vector<std::string> names;
  for (const llvm::Function &function : **support)
    if (!function.isDeclaration())
      names.push_back(function.getName().str());
  [[maybe_unused]] bool failed =
      llvm::Linker::linkModules(module, std::move(*support), llvm::Linker::LinkOnlyNeeded);
  assert(!failed && "support functions have names of their own");
  for (const std::string &name : names)
    if (llvm::Function *function = module.getFunction(name); function && !function->isDeclaration())
      function->setLinkage(llvm::GlobalValue::InternalLinkage);
}

} // namespace edgecc::native
