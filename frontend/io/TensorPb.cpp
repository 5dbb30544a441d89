#include "frontend/io/TensorPb.h"

#include "frontend/io/MappedFile.h"
#include "frontend/onnx/TensorProto.h"

#include <climits>

namespace edgecc {

Expected<NamedTensor> parseTensorPb(std::span<const std::byte> bytes, const std::string &source) {
  onnx::TensorProto proto;
  if (bytes.size() > INT_MAX || !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return error("not an ONNX TensorProto", source);
  if (proto.data_location() == onnx::TensorProto::EXTERNAL)
    return error("the tensor's data lies in another file", source,
                 "write tensor files with their data inside");
  EDGECC_TRY(tensor, tensorFromProto(proto, nullptr, source));
  return NamedTensor{proto.name(), std::move(tensor)};
}

Expected<NamedTensor> readTensorPb(const std::filesystem::path &path) {
  EDGECC_TRY(file, MappedFile::open(path));
  return parseTensorPb(file->bytes(), path.string());
}

Expected<void> writeTensorPb(const std::filesystem::path &path, const std::string &name,
                             const Tensor &tensor) {
  onnx::TensorProto proto = tensorToProto(tensor, name);
  std::string bytes;
  if (!proto.SerializeToString(&bytes))
    return error("the tensor is too large for a .pb file (2 GiB)", path.string(),
                 "write it as .npy");
  return writeFile(path, std::as_bytes(std::span(bytes)));
}

Expected<std::vector<NamedTensor>> readTestData(const std::filesystem::path &folder,
                                                const std::string &prefix) {
  if (!std::filesystem::is_directory(folder))
    return error("not a folder with test data", folder.string());
  std::vector<NamedTensor> tensors;
  while (true) {
    auto path = folder / (prefix + "_" + std::to_string(tensors.size()) + ".pb");
    if (!std::filesystem::exists(path))
      return tensors;
    EDGECC_TRY(tensor, readTensorPb(path));
    tensors.push_back(std::move(tensor));
  }
}

} // namespace edgecc
