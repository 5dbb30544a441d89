// IR -> ONNX.
#pragma once

#include "ir/Module.h"
#include "ir/OpDef.h"

#include <filesystem>

namespace edgecc {

// Any module before lower/ as a serialised ModelProto: opset 21 and IR version 10, or what the ops
// in it need if that is newer. The main function is the graph; parameters are its initialisers.
// Fails, naming all of them, for ops that ONNX cannot express, and for models above 2 GiB.
Expected<std::string> exportOnnx(const Module &module);
Expected<void> exportOnnxFile(const Module &module, const std::filesystem::path &path);

} // namespace edgecc
