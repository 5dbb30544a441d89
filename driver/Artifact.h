// Compiled code into the files that users take away.
#pragma once

#include "backends/native/Native.h"
#include "driver/Options.h"
#include "runtime/blob/BlobWriter.h"

namespace edgecc::driver {

// The name, producer, inputs and outputs of a blob for the module's first function.
Expected<blob::BlobContents> describePorts(const Module &module);

// The bytes of a blob with `code` for the module's first function.
Expected<std::string> makeBlob(const Module &module, const native::NativeCode &code);

// Writes the same bytes to a file.
Expected<void> writeBlobArtifact(const std::filesystem::path &path, const Module &module,
                                 const native::NativeCode &code);

// Writes one relocatable object, or a static library, and beside it the header that declares the
// entry function and the sizes. The weights are in the object as `SYMBOL_weights`.
Expected<void> writeObjectArtifact(const std::filesystem::path &path, const Module &module,
                                   const native::NativeCode &code, const std::string &symbol,
                                   bool library);

// A C identifier made from a file's name.
std::string symbolFromPath(const std::filesystem::path &path);

} // namespace edgecc::driver
