// edgecc inspect: what a file holds.
#include "driver/Arguments.h"
#include "driver/Console.h"
#include "driver/Load.h"
#include "driver/commands/InspectCalibration.h"
#include "driver/commands/InspectDevice.h"
#include "driver/device/report/Trace.h"
#include "frontend/io/MappedFile.h"
#include "frontend/onnx/ModelInfo.h"
#include "ir/Text.h"
#include "runtime/blob/BlobView.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

namespace {

using nlohmann::json;

template <class T> json listOf(const flatbuffers::Vector<T> *values) {
  json out = json::array();
  if (values)
    for (auto value : *values)
      out.push_back(value);
  return out;
}

json describeTensor(const blob::Tensor &tensor) {
  json out = {{"name", tensor.name()->str()},
              {"type", blob::EnumNameElementType(tensor.type())},
              {"dims", listOf(tensor.dims())},
              {"dynamic", tensor.dynamic()}};
  if (const auto *q = tensor.quantization())
    out["quantization"] = {{"scales", listOf(q->scales())},
                           {"zero_points", listOf(q->zero_points())},
                           {"axis", q->axis()}};
  if (const auto *p = tensor.preprocessing())
    out["preprocessing"] = {{"layout", blob::textOf(p->layout())},
                            {"channel_order", blob::textOf(p->channel_order())},
                            {"mean", listOf(p->mean())},
                            {"scale", listOf(p->scale())},
                            {"compiled_in", p->compiled_in()}};
  return out;
}

json describeVariant(const blob::Variant &variant) {
  json out = {{"target", blob::textOf(variant.triple())},
              {"arch", blob::EnumNameArch(variant.arch())},
              {"cpu", blob::textOf(variant.cpu())},
              {"features", json::array()},
              {"arena_bytes", variant.arena_bytes()},
              {"thread_scratch_bytes", variant.thread_scratch_bytes()},
              {"layers", json::array()},
              {"kernels", json::array()}};
  if (variant.features())
    for (const auto *feature : *variant.features())
      out["features"].push_back(feature->str());
  if (variant.layers())
    for (const auto *layer : *variant.layers()) {
      json nodes = json::array();
      if (layer->nodes())
        for (const auto *node : *layer->nodes())
          nodes.push_back(node->str());
      out["layers"].push_back({{"nodes", nodes},
                               {"op", blob::textOf(layer->op())},
                               {"kind", blob::EnumNameLayerKind(layer->kind())},
                               {"macs", layer->macs()},
                               {"bytes", layer->bytes()}});
    }
  if (variant.symbols())
    for (const auto *symbol : *variant.symbols())
      out["kernels"].push_back({{"name", symbol->name()->str()}, {"bytes", symbol->size()}});
  return out;
}

struct Arguments {
  std::string file, calibration, budget, trace;
  bool asJson = false, disassemble = false;
};

// What only device programs have. `verdicts` gets those of the budget.
Expected<json> inspectProgram(std::span<const std::byte> bytes, const blob::BlobView &view,
                              const Arguments &arguments, std::vector<Verdict> &verdicts) {
  std::vector<Limit> budget;
  if (!arguments.budget.empty()) {
    EDGECC_TRY(limits, parseBudget(arguments.budget));
    budget = std::move(limits);
  }
  EDGECC_TRY(device, openDevice(bytes, view, arguments.file, !arguments.trace.empty()));
  verdicts = judge(budget, *device.program, device.measured);
  if (!arguments.trace.empty()) {
    std::string trace = traceAsJson(*device.program, device.measured);
    EDGECC_CHECK(writeFile(arguments.trace, std::as_bytes(std::span(trace))));
  }
  json out = inspectDevice(device, *view.metadata().device());
  if (!budget.empty())
    out["budget"] = budgetJson(verdicts, *device.program);
  if (arguments.disassemble)
    out["disassembly"] = emulator::disassemble(*device.program);
  return out;
}

Expected<json> inspectBlob(const Arguments &arguments, std::vector<Verdict> &verdicts) {
  const std::string &path = arguments.file;
  EDGECC_TRY(file, MappedFile::open(path));
  auto bytes = file->bytes();
  blob::BlobView view;
  auto *data = reinterpret_cast<const uint8_t *>(bytes.data());
  auto result = blob::BlobView::parse(data, bytes.size(), bytes.size(), &view);
  if (!result.ok())
    return error(result.detail, path);
  json out = {{"kind", "blob"},
              {"format_version", view.header().format_version},
              {"file_bytes", view.header().file_size},
              {"model", blob::textOf(view.metadata().model_name())},
              {"producer", blob::textOf(view.metadata().producer())},
              {"inputs", json::array()},
              {"outputs", json::array()},
              {"variants", json::array()}};
  for (uint32_t i = 0; i < view.inputCount(); ++i)
    out["inputs"].push_back(describeTensor(view.input(i)));
  for (uint32_t i = 0; i < view.outputCount(); ++i)
    out["outputs"].push_back(describeTensor(view.output(i)));
  for (uint32_t i = 0; i < view.variantCount(); ++i)
    out["variants"].push_back(describeVariant(view.variant(i)));
  if (view.metadata().device()) {
    EDGECC_TRY(described, inspectProgram(bytes, view, arguments, verdicts));
    out["device"] = std::move(described);
  } else if (arguments.disassemble || !arguments.budget.empty() || !arguments.trace.empty()) {
    return error("the blob holds code for a CPU", path,
                 "--disassemble, --budget and --trace are for device programs");
  }
  return out;
}

json describeValues(const std::vector<ValueSummary> &values) {
  json out = json::array();
  for (const ValueSummary &value : values)
    out.push_back({{"name", value.name}, {"type", value.dtype}, {"dims", value.dims}});
  return out;
}

Expected<json> inspectOnnx(const std::string &path) {
  EDGECC_TRY(info, readModelInfo(path));
  json out = {{"kind", "onnx"},
              {"ir_version", info.irVersion},
              {"producer", info.producer},
              {"opsets", json::object()},
              {"inputs", describeValues(info.inputs)},
              {"outputs", describeValues(info.outputs)},
              {"nodes", info.nodes},
              {"initializers", info.initializers},
              {"functions", info.functions}};
  for (const auto &[domain, version] : info.opsets)
    out["opsets"][domain.empty() ? "ai.onnx" : domain] = version;
  return out;
}

Expected<json> inspectText(const std::string &path) {
  EDGECC_TRY(module, loadModule(path, {}));
  json out = {{"kind", "ir"}, {"module", module->name}, {"functions", json::array()}};
  for (const auto &function : module->functions()) {
    json ops = json::object();
    walk(function->body, [&](const Op &op) {
      std::string name(op.name());
      ops[name] = ops.value(name, 0) + 1;
    });
    out["functions"].push_back({{"name", function->name}, {"ops", ops}});
  }
  out["parameters"] = module->parameters().size();
  return out;
}

std::string dimsText(const json &dims) {
  std::string out;
  for (const auto &d : dims)
    out += (out.empty() ? "" : "x") + (d.is_string() ? d.get<std::string>() : d.dump());
  return out;
}

void printPorts(const char *title, const json &ports) {
  for (const auto &port : ports)
    fmt::print("{:<7} {} : {}[{}]{}\n", title, port["name"].get<std::string>(),
               port["type"].get<std::string>(), dimsText(port["dims"]),
               port.value("dynamic", false) ? " (upper bound)" : "");
}

// The same content as the JSON, without its long lists.
void printText(const json &j) {
  std::string kind = j["kind"];
  if (kind == "blob") {
    fmt::print("blob of '{}', format {}, {}, by {}\n", j["model"].get<std::string>(),
               j["format_version"].dump(), formatBytes(j["file_bytes"]),
               j["producer"].get<std::string>());
    for (const auto &v : j["variants"]) {
      std::string features;
      for (const auto &f : v["features"])
        features += " " + f.get<std::string>();
      fmt::print("code    {}{}\n        {} layers, {} kernels, arena {} + {} a thread\n",
                 v["target"].get<std::string>(), features, v["layers"].size(), v["kernels"].size(),
                 formatBytes(v["arena_bytes"]), formatBytes(v["thread_scratch_bytes"]));
    }
    if (j.contains("device"))
      printDevice(j["device"]);
  } else if (kind == "onnx") {
    fmt::print("ONNX model, IR version {}, by {}, {} initialisers, {} functions\n",
               j["ir_version"].dump(), j["producer"].get<std::string>(), j["initializers"].dump(),
               j["functions"].dump());
    for (const auto &[domain, version] : j["opsets"].items())
      fmt::print("opset   {} {}\n", domain, version.dump());
    for (const auto &[op, count] : j["nodes"].items())
      fmt::print("nodes   {:>5} {}\n", count.dump(), op);
  } else {
    fmt::print("text IR of '{}', {} parameters\n", j["module"].get<std::string>(),
               j["parameters"].dump());
    for (const auto &f : j["functions"])
      for (const auto &[op, count] : f["ops"].items())
        fmt::print("{:<7} {:>5} {}\n", f["name"].get<std::string>(), count.dump(), op);
  }
  if (j.contains("inputs")) {
    printPorts("input", j["inputs"]);
    printPorts("output", j["outputs"]);
  }
}

} // namespace

int inspectCommand(int argc, char **argv) {
  CLI::App app("Shows what an ONNX model, a text IR file, a blob or a calibration table holds.",
               "edgecc inspect");
  Arguments arguments;
  const std::string &file = arguments.file, &calibration = arguments.calibration;
  app.add_option("file", arguments.file, "ONNX model, text IR or blob")->type_name("FILE");
  app.add_option("--calibration", arguments.calibration,
                 "show a table that the pass calibrate saved: ranges and histograms")
      ->type_name("FILE");
  app.add_flag("--json", arguments.asJson, "print JSON with every detail");
  app.add_flag("--disassemble", arguments.disassemble, "print a device blob's program");
  app.add_option("--budget", arguments.budget,
                 "limits for a device blob, as for compiling; fails with 1 if one is missed")
      ->type_name("LIMITS");
  app.add_option("--trace", arguments.trace,
                 "write a device blob's timeline, for Perfetto or Chrome")
      ->type_name("FILE");
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  if (file.empty() == calibration.empty())
    return report({{"give one file to show", "edgecc inspect", "see edgecc inspect --help"}});
  if (!calibration.empty()) {
    auto table = Calibration::load(calibration);
    if (!table)
      return report(table.error());
    fmt::print("{}", describe(*table));
    return kSuccess;
  }
  auto kind = detectFile(file);
  if (!kind)
    return report(kind.error());
  if (*kind != FileKind::Blob &&
      (arguments.disassemble || !arguments.budget.empty() || !arguments.trace.empty()))
    return report({{"the file is no blob", file,
                    "--disassemble, --budget and --trace are for device programs"}});
  std::vector<Verdict> verdicts;
  auto result = *kind == FileKind::Blob   ? inspectBlob(arguments, verdicts)
                : *kind == FileKind::Text ? inspectText(file)
                                          : inspectOnnx(file);
  if (!result)
    return report(result.error());
  if (arguments.asJson)
    fmt::print("{}\n", result->dump(2, ' ', false, json::error_handler_t::replace));
  else if (arguments.disassemble)
    fmt::print("{}", (*result)["device"]["disassembly"].get<std::string>());
  else
    printText(*result);
  if (!arguments.asJson && result->contains("device") && (*result)["device"].contains("budget"))
    for (const auto &limit : (*result)["device"]["budget"])
      fmt::print("{}\n", limit["text"].get<std::string>());
  return allPass(verdicts) ? kSuccess : kDifferent;
}

} // namespace edgecc::driver
