// edgecc run: feeds a blob and shows, compares or stores what comes out.
#include "driver/Arguments.h"
#include "driver/Compare.h"
#include "driver/Console.h"
#include "driver/ImageArguments.h"
#include "driver/Options.h"
#include "driver/RuntimeModel.h"
#include "driver/commands/Commands.h"
#include "driver/device/DeviceJson.h"
#include "driver/device/DeviceModel.h"
#include "frontend/io/MappedFile.h"
#include "frontend/io/Npy.h"
#include "frontend/io/TensorPb.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <numeric>

namespace edgecc::driver {

namespace {

struct RunOptions {
  std::string model, testData, json, outputDir;
  std::vector<std::string> inputs, shapes;
  ImageArguments image;
  double rtol = 1e-3, atol = 1e-5;
  unsigned threads = 1;
  bool profile = false, images = false;
};

void declare(CLI::App &app, RunOptions &o) {
  app.add_option("model", o.model,
                 "compiled model; an ONNX or text IR file runs on the reference backend")
      ->type_name("FILE")
      ->required();
  addRepeatable(app, "--shape", o.shapes, "NAME=DIMS",
                "NAME=1x3x224x224, for an ONNX model that is not compiled");
  app.add_option("--test-data", o.testData,
                 "folder with input_J.pb and output_J.pb: feed the former, compare with the latter")
      ->type_name("DIR");
  app.add_option("--rtol", o.rtol, "relative tolerance of the comparison")
      ->type_name("R")
      ->capture_default_str();
  app.add_option("--atol", o.atol, "absolute tolerance of the comparison")
      ->type_name("A")
      ->capture_default_str();
  addRepeatable(app, "--input", o.inputs, "NAME=FILE",
                "NAME=FILE: .npy, .pb, .png or .jpg; only FILE if there is one input");
  app.add_option("--output-dir", o.outputDir, "write every output there as NAME.npy")
      ->type_name("DIR");
  app.add_flag("--images", o.images, "also write image-shaped outputs as NAME.png");
  declareImageArguments(app, o.image);
  app.add_option("--threads", o.threads, "threads to run on")
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--profile", o.profile, "show the time of each layer");
  app.add_option("--json", o.json, "write the results there for scripts")->type_name("FILE");
}

Expected<void> setInputs(RunnableModel &model, const RunOptions &o) {
  if (!o.testData.empty()) {
    EDGECC_TRY(tensors, readTestData(o.testData, "input"));
    if (tensors.size() != model.inputs().size())
      return error(fmt::format("the folder has {} inputs, the model {}", tensors.size(),
                               model.inputs().size()),
                   o.testData);
    for (unsigned i = 0; i < tensors.size(); ++i)
      EDGECC_CHECK(model.setInput(i, tensors[i].tensor));
    return {};
  }
  std::vector<bool> set(model.inputs().size());
  for (const std::string &text : o.inputs) {
    std::string name, file = text;
    if (model.inputs().size() == 1 && text.find('=') == std::string::npos) {
      name = model.inputs()[0].name;
    } else {
      EDGECC_TRY(parts, parseAssignment(text, "--input"));
      std::tie(name, file) = parts;
    }
    int index = model.findInput(name);
    if (index < 0) {
      std::string names;
      for (const auto &port : model.inputs())
        names += " '" + port.name + "'";
      return error("the model has no input '" + name + "'", "--input", "its inputs are" + names);
    }
    auto at = static_cast<unsigned>(index);
    EDGECC_TRY(tensor,
               readInput(file, model.inputs()[at].type, apply(o.image, model.inputs()[at].image)));
    EDGECC_CHECK(model.setInput(at, std::move(tensor)));
    set[at] = true;
  }
  for (unsigned i = 0; i < set.size(); ++i)
    if (!set[i])
      return error(fmt::format("input '{}' ({}) is not given", model.inputs()[i].name,
                               model.inputs()[i].type.str()),
                   "--input", "give --input NAME=FILE for each input, or --test-data DIR");
  return {};
}

// A file name for each output: its own name where that is one, made unique by its number.
std::vector<std::string> fileNamesOf(const std::vector<RunnableModel::Port> &outputs) {
  std::vector<std::string> names;
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::string name = outputs[i].name;
    for (char &c : name)
      if (c == '/' || c == '\\' || c == ':')
        c = '_';
    if (name.empty() || name[0] == '.' ||
        std::find(names.begin(), names.end(), name) != names.end())
      name = fmt::format("output_{}_{}", i, name);
    names.push_back(std::move(name));
  }
  return names;
}

bool isImage(const Tensor &tensor) {
  const Dims &d = tensor.dims();
  return d.size() == 4 && d[0] == 1 && (d[1] == 1 || d[1] == 3 || d[3] == 1 || d[3] == 3) &&
         (tensor.dtype() == DType::F32 || tensor.dtype() == DType::U8);
}

Expected<void> writeOutputs(const RunnableModel &model, const RunOptions &o) {
  std::error_code status;
  std::filesystem::create_directories(o.outputDir, status);
  if (status)
    return error("cannot make the folder: " + status.message(), o.outputDir);
  std::vector<std::string> names = fileNamesOf(model.outputs());
  for (unsigned i = 0; i < model.outputs().size(); ++i) {
    Tensor tensor = model.output(i);
    auto base = std::filesystem::path(o.outputDir) / names[i];
    EDGECC_CHECK(writeNpy(base.string() + ".npy", tensor));
    if (!o.images || !isImage(tensor))
      continue;
    // Pixels leave as they came in: with the preprocessing of the first input.
    ImageOptions image =
        apply(o.image, model.inputs().empty() ? ImageOptions{} : model.inputs()[0].image);
    const Dims &d = tensor.dims();
    image.layout = d[1] == 1 || d[1] == 3 ? ImageLayout::NCHW : ImageLayout::NHWC;
    EDGECC_TRY(picture, tensorToImage(tensor, image));
    EDGECC_CHECK(writePng(base.string() + ".png", picture));
    fmt::print("wrote {}.png\n", base.string());
  }
  return {};
}

void printOutputs(const RunnableModel &model) {
  for (unsigned i = 0; i < model.outputs().size(); ++i) {
    Tensor tensor = model.output(i);
    std::string values;
    for (int64_t k = 0; k < std::min<int64_t>(tensor.elements(), 8); ++k)
      values += fmt::format(" {:.6g}", tensor.asDouble(k));
    fmt::print("{} : {} ={}{}\n", model.outputs()[i].name, tensor.type().str(), values,
               tensor.elements() > 8 ? " ..." : "");
  }
}

void printProfile(const RuntimeModel &model, nlohmann::json &json) {
  uint32_t count = edgecc_model_layer_count(model.model());
  std::vector<edgecc_layer_profile> times(count);
  double total = 0;
  for (uint32_t i = 0; i < count; ++i) {
    edgecc_context_layer_profile(model.context(), i, &times[i], sizeof times[i]);
    total += static_cast<double>(times[i].total_ns);
  }
  fmt::print("\n{:>10} {:>6} {:>9} {:>9}  {:<8} {}\n", "time", "share", "MACs", "GMAC/s", "code",
             "layer");
  static const char *const kKinds[] = {"vector", "scalar", "support"};
  json["layers"] = nlohmann::json::array();
  for (uint32_t i = 0; i < count; ++i) {
    edgecc_layer_info info{};
    edgecc_model_layer(model.model(), i, &info, sizeof info);
    double ns = static_cast<double>(times[i].total_ns);
    std::string nodes;
    for (uint32_t n = 0; n < info.node_count; ++n)
      nodes += (n ? "," : "") + std::string(edgecc_model_layer_node(model.model(), i, n));
    fmt::print("{:>10} {:>5.1f}% {:>9} {:>9.1f}  {:<8} {}  [{}]\n", formatTime(ns),
               total > 0 ? 100 * ns / total : 0, formatCount(static_cast<double>(info.macs)),
               ns > 0 ? static_cast<double>(info.macs) / ns : 0, kKinds[info.kind], info.op,
               nodes.size() > 60 ? nodes.substr(0, 57) + "..." : nodes);
    json["layers"].push_back({{"nodes", nodes},
                              {"op", info.op},
                              {"kind", kKinds[info.kind]},
                              {"ns", times[i].total_ns},
                              {"macs", info.macs},
                              {"bytes", info.bytes}});
  }
  fmt::print("{:>10} in {} layers\n", formatTime(total), count);
}

// Prints the comparison of each output; returns whether all passed.
Expected<bool> compareOutputs(const RunnableModel &model, const RunOptions &o,
                              nlohmann::json &json) {
  EDGECC_TRY(expected, readTestData(o.testData, "output"));
  if (expected.size() != model.outputs().size())
    return error(fmt::format("the folder has {} outputs, the model {}", expected.size(),
                             model.outputs().size()),
                 o.testData);
  bool all = true;
  json["outputs"] = nlohmann::json::array();
  for (unsigned i = 0; i < expected.size(); ++i) {
    Tensor actual = model.output(i);
    Comparison c = compare(actual, expected[i].tensor, o.rtol, o.atol);
    const std::string &name = model.outputs()[i].name;
    all &= c.passed();
    if (!c.sameType)
      fmt::print("FAIL {}: is {}, expected {}\n", name, actual.type().str(),
                 expected[i].tensor.type().str());
    else
      fmt::print("{} {}: max abs {:.3g}, max rel to peak {:.3g}, cosine {:.8f}{}\n",
                 c.passed() ? "ok  " : "FAIL", name, c.maxAbsolute, c.maxRelativeToPeak, c.cosine,
                 c.outside
                     ? fmt::format(", {} of {} outside the tolerance", c.outside, actual.elements())
                     : "");
    json["outputs"].push_back({{"name", name},
                               {"passed", c.passed()},
                               {"same_type", c.sameType},
                               {"max_abs", c.maxAbsolute},
                               {"max_rel_to_peak", c.maxRelativeToPeak},
                               {"cosine", c.cosine},
                               {"outside", c.outside}});
  }
  json["passed"] = all;
  return all;
}

Expected<void> writeJson(const std::string &path, const nlohmann::json &json) {
  std::string text = json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  return writeFile(path, std::as_bytes(std::span(text)));
}

// What all kinds of models do after a run; returns the exit code.
Expected<int> showResults(const RunnableModel &model, const RunOptions &o, nlohmann::json &json) {
  int code = kSuccess;
  if (!o.testData.empty()) {
    EDGECC_TRY(passed, compareOutputs(model, o, json));
    code = passed ? kSuccess : kDifferent;
  } else {
    printOutputs(model);
  }
  if (!o.outputDir.empty())
    EDGECC_CHECK(writeOutputs(model, o));
  return code;
}

Expected<int> runBlob(const RunOptions &o, nlohmann::json &json) {
  EDGECC_TRY(model, RuntimeModel::load(o.model, o.threads));
  EDGECC_CHECK(setInputs(model, o));
  if (o.profile) {
    EDGECC_CHECK(model.run()); // warm
    edgecc_context_profile(model.context(), 1);
  }
  EDGECC_CHECK(model.run());
  EDGECC_TRY(code, showResults(model, o, json));
  if (o.profile)
    printProfile(model, json);
  return code;
}

bool holdsNan(const Tensor &tensor) {
  for (int64_t i = 0; isFloat(tensor.dtype()) && i < tensor.elements(); ++i)
    if (double value = tensor.asDouble(i); value != value)
      return true;
  return false;
}

// The emulator computes what the chip would, and says what that cost.
Expected<int> runDevice(const RunOptions &o, nlohmann::json &json) {
  EDGECC_TRY(model, DeviceModel::load(o.model));
  EDGECC_CHECK(setInputs(*model, o));
  EDGECC_CHECK(model->run());
  EDGECC_TRY(code, showResults(*model, o, json));
  const emulator::ProgramT &program = model->blob().program();
  const auto &nonFinite = model->report().nonFinite;
  if (nonFinite) {
    const auto &layer = *program.layers[static_cast<size_t>(nonFinite->layer)];
    fmt::print(stderr,
               "edgecc: warning: layer '{}' ({}) is the first that gives {}, {} elements in one "
               "instruction: a value has left the range of f16\n",
               layer.name, layer.op, nonFinite->isNaN ? "NaN" : "infinite values",
               nonFinite->count);
    json["non_finite"] = {{"layer", layer.name},
                          {"op", layer.op},
                          {"nan", nonFinite->isNaN},
                          {"elements", nonFinite->count}};
  }
  for (unsigned i = 0; i < model->outputs().size(); ++i)
    if (holdsNan(model->output(i)))
      fmt::print(stderr, "edgecc: warning: output '{}' holds NaN\n", model->outputs()[i].name);
  auto measured = emulator::measure(program);
  if (!measured)
    return error(measured.error().message, o.model);
  json["device"] = deviceJson(program, *measured);
  fmt::print("{}: {:.3f} ms, {:.1f} frames a second, {:.3f} mJ a frame; limited by {}\n",
             program.device->title, measured->latencyUs / 1e3, measured->fps,
             measured->energyUj / 1e3, measured->bottleneck);
  return code;
}

Expected<int> runReference(const RunOptions &o, nlohmann::json &json) {
  fmt::print(stderr, "edgecc: {} is not compiled; running it on the (slow) reference backend\n",
             o.model);
  LoadOptions load;
  load.shapes = o.shapes;
  load.shapesFrom = o.testData;
  EDGECC_TRY(model, ReferenceModel::load(o.model, load));
  EDGECC_CHECK(setInputs(*model, o));
  EDGECC_CHECK(model->run());
  return showResults(*model, o, json);
}

Expected<int> execute(const RunOptions &o) {
  EDGECC_TRY(kind, detectFile(o.model));
  nlohmann::json json = {{"model", o.model}, {"threads", o.threads}};
  if (kind != FileKind::Blob && o.profile)
    return error("only compiled models have a profile", "--profile", "compile the model first");
  EDGECC_TRY(code, kind != FileKind::Blob  ? runReference(o, json)
                   : isDeviceBlob(o.model) ? runDevice(o, json)
                                           : runBlob(o, json));
  if (!o.json.empty())
    EDGECC_CHECK(writeJson(o.json, json));
  return code;
}

} // namespace

int runCommand(int argc, char **argv) {
  CLI::App app("Runs a compiled model.", "edgecc run");
  RunOptions options;
  declare(app, options);
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  auto code = execute(options);
  return code ? *code : report(code.error());
}

} // namespace edgecc::driver
