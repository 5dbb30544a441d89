// edgecc share: several models on one device.
#include "driver/Arguments.h"
#include "driver/CompileModel.h"
#include "driver/commands/CompressArguments.h"
#include "driver/device/DeviceArtifact.h"
#include "driver/device/share/Divide.h"
#include "runtime/emulator/Together.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>
#include <unistd.h>

namespace edgecc::driver {

namespace {

struct Arguments {
  std::vector<std::string> models; // FILE or FILE=FPS
  std::string target = "hailo8";
  std::filesystem::path folder;
  CompileOptions base;
};

struct Model {
  std::filesystem::path path;
  double wanted = 1; // frames a second; only their ratios count
  std::filesystem::path blob;
};

// Of a model alone on a part of the device.
struct Outcome {
  std::string failure;
  double fps = 0, latencyMs = 0;
  std::shared_ptr<const emulator::ProgramT> program;
};

// What a model comes to beside the others.
struct Use {
  double fps = 0, latencyMs = 0;
};

struct Division {
  std::vector<unsigned> units; // of each model; empty: none runs all models
  std::vector<Use> uses;
  std::optional<emulator::TogetherReport> together; // dataflow machines
  double least = 0;                                 // of the frame rates over the wanted ones
};

void declare(CLI::App &app, Arguments &o) {
  app.add_option(
         "models", o.models,
         "two or more ONNX models; FILE=FPS weights them by the frame rates that are wanted")
      ->type_name("FILE[=FPS]")
      ->required();
  app.add_option("--target", o.target, "device, or the path of a description (.json)")
      ->type_name("T")
      ->capture_default_str();
  app.add_option("-o,--output", o.folder, "folder for one blob a model")
      ->type_name("DIR")
      ->required();
  app.add_option("--batch", o.base.device.batch, "frames for each visit of a context")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  addRepeatable(app, "--shape", o.base.shapes, "NAME=DIMS", "gives an input's shape; repeatable");
  declareCompressArguments(app, o.base.compress);
}

Expected<std::vector<Model>> modelsOf(const Arguments &o) {
  std::vector<Model> models;
  std::set<std::string> names;
  for (const std::string &text : o.models) {
    Model model;
    size_t equals = text.rfind('=');
    model.path = text.substr(0, equals);
    if (equals != std::string::npos) {
      char *end = nullptr;
      model.wanted = std::strtod(text.c_str() + equals + 1, &end);
      if (*end != '\0' || !(model.wanted > 0) || !std::isfinite(model.wanted))
        return error("'" + text.substr(equals + 1) + "' is no frame rate", text);
    }
    std::error_code status;
    if (!std::filesystem::is_regular_file(model.path, status))
      return error("there is no such model", model.path.string());
    std::string name = std::filesystem::path(shortName(model.path)).stem().string();
    while (!names.insert(name).second)
      name += "_";
    model.blob = o.folder / (name + ".blob");
    models.push_back(std::move(model));
  }
  if (models.size() < 2)
    return error("a device is shared by two models at least", "models");
  return models;
}

// Compiles one model for a part of the device.
Outcome compileFor(const Arguments &o, const Model &model, const emulator::DeviceT &part,
                   const std::filesystem::path &output) {
  CompileOptions options = o.base;
  options.input = model.path;
  options.target = o.target;
  options.part = std::make_shared<const emulator::DeviceT>(part);
  options.output = output;
  options.quiet = true;
  auto summary = compileModel(options);
  if (!summary)
    return {.failure = str(summary.error())};
  return {"", summary->deviceRun->fps, summary->deviceRun->latencyUs / 1e3, summary->deviceProgram};
}

using Outcomes = std::vector<std::vector<Outcome>>; // of each model, with 1, 2, ... units

bool runs(const Outcomes &outcomes, std::span<const unsigned> units) {
  for (size_t m = 0; m < units.size(); ++m)
    if (units[m] == 0 || !outcomes[m][units[m] - 1].failure.empty())
      return false;
  return true;
}

// Of models that all run. Scheduled parts have an equal share of what they use together; the
// programs of dataflow parts are simulated together.
Expected<Division> measureDivision(const std::vector<Model> &models, const Outcomes &outcomes,
                                   std::vector<unsigned> units) {
  Division division{.units = std::move(units)};
  std::vector<const emulator::ProgramT *> programs;
  for (size_t m = 0; m < models.size(); ++m) {
    const Outcome &alone = outcomes[m][division.units[m] - 1];
    division.uses.push_back({alone.fps, alone.latencyMs});
    if (alone.program && alone.program->dataflow && !alone.program->dataflow->contexts.empty())
      programs.push_back(alone.program.get());
  }
  if (programs.size() == models.size()) {
    auto together = emulator::measureTogether(programs);
    if (!together)
      return error(together.error().message, "share");
    for (size_t m = 0; m < models.size(); ++m)
      division.uses[m] = {together->programs[m].fps, together->programs[m].latencyUs / 1e3};
    division.together = std::move(*together);
  }
  division.least = std::numeric_limits<double>::infinity();
  for (size_t m = 0; m < models.size(); ++m)
    division.least = std::min(division.least, division.uses[m].fps / models[m].wanted);
  return division;
}

// The best of all divisions, each measured; where there are too many, that for which the models
// alone do best.
Expected<Division> bestDivision(const std::vector<Model> &models, const Outcomes &outcomes,
                                unsigned total) {
  constexpr size_t kMeasured = 128;
  auto candidates = divisions(static_cast<unsigned>(models.size()), total, kMeasured + 1);
  if (candidates.size() > kMeasured) {
    std::vector<std::vector<double>> values(models.size());
    for (size_t m = 0; m < models.size(); ++m)
      for (const Outcome &outcome : outcomes[m])
        values[m].push_back(outcome.failure.empty() ? outcome.fps / models[m].wanted : -1);
    candidates = {divide(values, total)};
  }
  Division best;
  for (auto &units : candidates) {
    if (units.empty() || !runs(outcomes, units))
      continue;
    EDGECC_TRY(division, measureDivision(models, outcomes, std::move(units)));
    if (best.units.empty() || division.least > best.least)
      best = std::move(division);
  }
  return best;
}

void print(const char *title, const std::vector<Model> &models, const Outcomes &outcomes,
           const Division &division) {
  fmt::print("{}\n", title);
  for (size_t m = 0; m < models.size(); ++m) {
    const Outcome &alone = outcomes[m][division.units[m] - 1];
    fmt::print("  {:<28} {:>3} units {:>10.1f} frames a second {:>9.2f} ms",
               shortName(models[m].path), division.units[m], division.uses[m].fps,
               division.uses[m].latencyMs);
    fmt::print("   (alone there {:.1f}, {:.2f} ms)\n", alone.fps, alone.latencyMs);
  }
  if (const auto &together = division.together)
    fmt::print(
        "  used: link in {:.0f} %, link out {:.0f} %, host {:.0f} %, loading contexts {:.0f} %\n",
        100 * together->linkInBusy, 100 * together->linkOutBusy, 100 * together->hostBusy,
        100 * together->loadingBusy);
  fmt::print("  all together: {:.3f} of what is wanted\n", division.least);
}

void printEqual(const std::vector<Model> &models, const Outcomes &outcomes,
                const std::vector<unsigned> &units) {
  fmt::print("equal parts:\n");
  for (size_t m = 0; m < models.size(); ++m)
    if (const std::string &failure = outcomes[m][units[m] - 1].failure; !failure.empty())
      fmt::print("  {:<28} {:>3} units  does not run: {}\n", shortName(models[m].path), units[m],
                 failure);
}

Expected<void> share(const Arguments &o) {
  // A device may quantise unasked; then these options are for that.
  CompressOptions compress = o.base.compress;
  if (compress.recipe.quantize.empty() && quantizesForTarget(o.target))
    compress.recipe.quantize = "int8";
  EDGECC_CHECK(checkCompressArguments(compress, ""));
  EDGECC_TRY(models, modelsOf(o));
  EDGECC_TRY(device, device::loadDevice(o.target));
  unsigned total = divisibleUnits(device), count = static_cast<unsigned>(models.size());
  if (total < count)
    return error(fmt::format("{} has {} units to give out", device.name, total), "--target");
  std::error_code status;
  std::filesystem::create_directories(o.folder, status);
  if (status)
    return error("cannot make the folder: " + status.message(), o.folder.string());

  // Each model alone on every part that leaves a unit for each of the others.
  Outcomes outcomes(count);
  Progress progress(true);
  std::filesystem::path scratch =
      std::filesystem::temp_directory_path() / fmt::format("edgecc-share-{}.blob", getpid());
  for (unsigned m = 0; m < count; ++m)
    for (unsigned units = 1; units + count - 1 <= total; ++units) {
      progress.advance("compiling for parts", m * (total - count + 1) + units,
                       size_t{count} * (total - count + 1));
      outcomes[m].push_back(compileFor(o, models[m], partOf(device, units, count), scratch));
    }
  std::filesystem::remove(scratch, status);

  std::vector<unsigned> equal(count, total / count);
  if (runs(outcomes, equal)) {
    EDGECC_TRY(division, measureDivision(models, outcomes, equal));
    print("equal parts:", models, outcomes, division);
  } else {
    printEqual(models, outcomes, equal);
  }
  EDGECC_TRY(best, bestDivision(models, outcomes, total));
  if (best.units.empty()) {
    Diagnostics diagnostics;
    for (unsigned m = 0; m < count; ++m)
      if (!outcomes[m].back().failure.empty())
        diagnostics.push_back({outcomes[m].back().failure, models[m].path.string(), ""});
    if (diagnostics.empty())
      diagnostics.push_back({"the models do not fit on the device together", device.name, ""});
    return tl::unexpected(std::move(diagnostics));
  }
  print("divided so that the slowest is as fast as possible:", models, outcomes, best);
  for (unsigned m = 0; m < count; ++m)
    if (Outcome outcome =
            compileFor(o, models[m], partOf(device, best.units[m], count), models[m].blob);
        !outcome.failure.empty())
      return error(outcome.failure, models[m].path.string());
  return {};
}

} // namespace

int shareCommand(int argc, char **argv) {
  CLI::App app("Compiles several models for one device, each for a part of it.", "edgecc share");
  Arguments arguments;
  declare(app, arguments);
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  auto done = share(arguments);
  return done ? kSuccess : report(done.error());
}

} // namespace edgecc::driver
