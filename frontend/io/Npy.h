// NumPy's .npy files (format versions 1 to 3: numpy.lib.format).
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

#include <filesystem>
#include <span>

namespace edgecc {

// Little-endian (or single-byte) arrays of bool, integers of 8 to 64 bits, f16, f32 and f64, in C
// or Fortran order; the result is row-major. `source` names the bytes in diagnostics.
Expected<Tensor> parseNpy(std::span<const std::byte> bytes, const std::string &source);
Expected<Tensor> readNpy(const std::filesystem::path &path);

// The same without reading the elements: the tensor's bytes are the mapped file's, not necessarily
// aligned for their type. An array in Fortran order is read.
Expected<Tensor> mapNpy(const std::filesystem::path &path);

// Fails for the element types that NumPy does not have (bf16, 8-bit floats, 4-bit types).
Expected<std::vector<std::byte>> formatNpy(const Tensor &tensor);
Expected<void> writeNpy(const std::filesystem::path &path, const Tensor &tensor);

} // namespace edgecc
