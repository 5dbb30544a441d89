// Provenance in ONNX files: which original tensor each tensor stands for, after channels were
// scaled or removed, as the model's metadata entry "edgecc.provenance". Other programs ignore it.
// Internal to the frontend.
#pragma once

#include "frontend/onnx/onnx.pb.h"
#include "ir/Module.h"

namespace edgecc {

// Writes the entry, as JSON, for the values whose provenance their exported name does not tell.
void writeProvenance(onnx::ModelProto &model, const std::map<const Value *, std::string> &names);

// Gives the values of the main function the provenance that the entry says. Entries that do not fit
// are ignored: they say nothing about what the model computes.
void readProvenance(const onnx::ModelProto &model, Module &module);

} // namespace edgecc
