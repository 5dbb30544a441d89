// Tensors of ONNX files <-> Tensor.
#pragma once

#include "frontend/io/MappedFile.h"
#include "frontend/onnx/onnx.pb.h"
#include "ir/Diagnostic.h"
#include "ir/Tensor.h"

#include <map>
#include <optional>

namespace edgecc {

// None for the types that the IR does not have: strings, complex numbers, 2-bit integers.
std::optional<DType> dtypeFromOnnx(int32_t dataType);
int32_t dtypeToOnnx(DType dtype);
// "FLOAT16", "STRING"..., or the number for an unknown one.
std::string onnxTypeName(int32_t dataType);

// Where tensor bytes may lie besides the message itself.
struct TensorSource {
  // The model's bytes, for the segments of WireScan.h; kept alive by the tensors that share them.
  std::shared_ptr<const void> owner;
  std::span<const std::byte> model;
  // The folder that external data must lie in; empty: external data is refused.
  std::filesystem::path folder;
  // Files of external data that are already mapped.
  std::map<std::string, std::shared_ptr<const MappedFile>> files;
  // Bytes handed out so far from segments, from external data, and for sparse tensors made dense.
  // Sound models use each byte once or a few times; a hostile one could use one byte a million
  // times.
  uint64_t segmentBytes = 0, externalBytes = 0, denseBytes = 0;
};

// `where` names the tensor's node or file in diagnostics. Large tensors share the bytes of the
// source. Element counts and data sizes are checked before anything is allocated.
Expected<Tensor> tensorFromProto(const onnx::TensorProto &proto, TensorSource *source,
                                 const std::string &where);
// Coordinate form to dense; at most 2^26 elements, and 1 GiB from one source.
Expected<Tensor> tensorFromSparse(const onnx::SparseTensorProto &proto, TensorSource *source,
                                  const std::string &where);
onnx::TensorProto tensorToProto(const Tensor &tensor, const std::string &name);

} // namespace edgecc
