// Takes large weights out of a model's bytes before protobuf sees them.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace edgecc::onnx {

// Protobuf copies every bytes field into a string of its own. To keep weights mapped from the file,
// this rewrites the serialised ModelProto with each large TensorProto.raw_data replaced by a
// TensorProto.segment that holds its byte range within `model`. Bytes that are not well-formed are
// passed on unchanged; protobuf reports them.
std::string withoutLargeTensors(std::span<const std::byte> model);

} // namespace edgecc::onnx
