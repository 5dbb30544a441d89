// Native code generation: a lowered function becomes a position-independent image plus weights.
#pragma once

#include "backends/native/Algorithm.h"
#include "backends/native/ByteBuffer.h"
#include "backends/native/Target.h"
#include "ir/Module.h"

namespace edgecc::native {

class ObjectCache;

struct CodegenOptions {
  unsigned threads = 1;         // compile threads; the bytes do not depend on it
  std::string symbol = "model"; // prefix of all symbols; the entry function is SYMBOL_run
  ObjectCache *cache = nullptr; // looked up before a kernel is compiled, and filled
  Algorithms algorithms = {};
};

struct LayerInfo {
  std::string name; // ONNX node names
  std::string op;   // "Conv 3x3 s2 + Relu"
  std::string kind; // "vector", "scalar" or "support"
  int64_t macs = 0;
  int64_t bytes = 0;
};

struct Symbol {
  std::string name;
  int64_t offset = 0; // in the image
  int64_t size = 0;
};

struct Segment {
  int64_t offset = 0; // in the image, multiple of 64 KiB
  int64_t size = 0;
  bool executable = false;
};

// Everything that goes into a blob, an object file or a library.
struct NativeCode {
  NativeTarget target;
  std::vector<std::vector<std::byte>> objects; // relocatable object files, in link order
  std::vector<std::byte> memoryFunctions; // object file with memcpy and the like, for the image
  ByteBuffer weights;
  int64_t arenaBytes = 0; // without scratch
  int64_t scratchBytesPerThread = 0;
  std::vector<LayerInfo> layers; // in order of the profile callback's index
  std::string entrySymbol;
  size_t kernelCount = 0; // distinct kernels emitted
  size_t kernelUses = 0;
};

// Compiles a function after lower/ (every value has its storage).
Expected<NativeCode> generateCode(const Function &function, const NativeTarget &target,
                                  const CodegenOptions &options);

struct Image {
  std::vector<std::byte> bytes;
  std::vector<Segment> segments;
  std::vector<Symbol> symbols;
  int64_t entry = 0; // offset of the entry function
};

// Links the objects into one image without run-time relocations or imports.
Expected<Image> linkImage(const NativeCode &code);

// An object file with a read-only array of bytes, 64-byte aligned.
std::vector<std::byte> compileData(const NativeTarget &target, const std::string &symbol,
                                   std::span<const std::byte> bytes);

// Links the objects into one relocatable object file that also holds the weights, as the read-only
// array `SYMBOL_weights`. It leaves at most memcpy, memset and memmove undefined.
Expected<std::vector<std::byte>> linkObject(const NativeCode &code, const std::string &symbol);

// A static library (ar archive, with the same bytes for the same input) of one object file.
Expected<std::vector<std::byte>> makeArchive(const std::vector<std::byte> &object,
                                             const std::string &member);

// Textual forms, for --emit asm and llvm.
Expected<std::string> emitAssembly(const Function &function, const NativeTarget &target,
                                   const CodegenOptions &options);
Expected<std::string> emitLlvmIr(const Function &function, const NativeTarget &target,
                                 const CodegenOptions &options);

} // namespace edgecc::native
