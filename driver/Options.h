// What the compile command was asked to do.
#pragma once

#include "backends/device/Device.h"
#include "driver/ImageArguments.h"
#include "driver/device/Budget.h"
#include "ir/DataSource.h"
#include "ir/Metric.h"
#include "ir/Type.h"
#include "passes/Pipeline.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace edgecc::pruning {
class CurveCache;
}

namespace edgecc::driver {

enum class Emit : uint8_t { Blob, Object, Library, Assembly, Llvm, Ir, Onnx };

// How the model is made smaller and faster, and what the user wants to know about it.
struct CompressOptions {
  CompressionRecipe recipe;
  std::string calibrate;        // folder of samples, or "random:N"
  size_t calibrateSamples = 0;  // of them, spread evenly; 0: all
  ImageArguments image;         // how pictures become the input
  std::filesystem::path labels; // for --metric
  std::string metric;           // empty: agreement, where the model is a classifier
  std::filesystem::path reportHtml, reportJson;

  // In place of the above, for programs that link the driver; may be null. The judge is asked about
  // samples by their numbers in `data`.
  DataSource *data = nullptr;
  const Metric *judge = nullptr;
  // Shared by compiles of one model on the same samples: only the first one scores channels.
  std::shared_ptr<pruning::CurveCache> pruningCurves;

  bool wantsReport() const { return !reportHtml.empty() || !reportJson.empty(); }
};

struct CompileOptions {
  std::filesystem::path input;
  std::filesystem::path output;
  Emit emit = Emit::Blob;
  std::vector<std::string> shapes;  // "NAME=1x3x224x224", or "SYMBOL=4"
  std::filesystem::path shapesFrom; // folder with input_J.pb
  std::vector<std::string> freeze;  // "NAME=file.npy"
  std::string target = "native";
  std::string cpu;                      // empty: the target's default
  std::string passes;                   // replaces the pipeline; empty: the whole pipeline
  std::vector<std::string> plugins;     // --load-pass
  std::vector<std::string> printAfter;  // pass names, or "all"
  std::vector<std::string> imageInputs; // options of the pass image-input, one run each
  bool timePasses = false;
  bool verifyEach = false;
  bool quiet = false;
  unsigned threads = 0;        // 0: all cores
  std::filesystem::path cache; // folder of compiled kernels; empty: none
  std::filesystem::path tune;  // what was measured for this machine; empty: nothing is
  bool exact = false;          // native code: sums in one order, the same bits on every CPU
  CompressOptions compress;
  device::MapOptions device; // where the target is a device
  // A part of that device, for this model alone; null: the whole.
  std::shared_ptr<const emulator::DeviceT> part;
  std::vector<Limit> budget;   // of a device program
  std::filesystem::path trace; // timeline of a device program
  std::string symbol;          // prefix of the object form's symbols; empty: from the output's name
};

// "name=1x3x224x224" -> {name, dims}; "batch=4" -> {batch, {4}}.
Expected<std::pair<std::string, Dims>> parseShape(const std::string &text);

// What a table calls a model: the file's name, or, as collections often keep NAME/model.onnx, the
// folder's.
std::string shortName(const std::filesystem::path &path);

// "name=value"
Expected<std::pair<std::string, std::string>> parseAssignment(const std::string &text,
                                                              const std::string &option);

} // namespace edgecc::driver
