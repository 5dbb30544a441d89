// edgecc-accuracy: what compression costs and gains, measured on real models and pictures.
#include "bench/accuracy/scenarios/Scenarios.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fstream>

namespace edgecc::bench {
namespace {

// Whether a row says that it misses its target.
bool missesTarget(const Tables &tables) {
  for (const Table &table : tables)
    for (const Table::Row &row : table.rows())
      if (row.contains("meets") && row["meets"] == false)
        return true;
  return false;
}

int run(int argc, char **argv) {
  Settings settings;
  settings.shared = EDGECC_SHARED_DIR;
  std::string json;
  bool check = false;
  CLI::App app{"What compression costs and gains. Calibrates on the samples with even indices and "
               "scores on those with odd ones.",
               "edgecc-accuracy"};
  app.require_subcommand(1);
  std::vector<std::pair<const CLI::App *, const Scenario *>> commands;
  for (const Scenario &scenario : scenarios()) {
    CLI::App *command = app.add_subcommand(scenario.name, scenario.doc);
    command->add_option("models", settings.models, "models to measure; none: all");
    command->add_option("--shared", settings.shared, "folder with models/ and images/");
    command->add_option("--cpu", settings.cpu, "as for edgecc");
    command->add_option("--threads", settings.threads, "threads of the runs");
    command->add_option("--limit", settings.limit,
                        "samples of each model, half of them to calibrate; 0: all");
    command->add_option("--calibrate", settings.calibrate,
                        "most samples to calibrate on; 0: all even ones");
    command->add_option("--rounds", settings.rounds, "turns of each model in timing");
    command->add_option("--percents", settings.percents, "of the MACs, for the scenario prune");
    CompressionRecipe &base = settings.base;
    command->add_option("--quantize", base.quantize,
                        "another width than int8, for the scenario int8");
    command->add_option("--ranges", base.ranges, "as for edgecc");
    command->add_option("--rounding", base.rounding, "as for edgecc");
    command->add_flag("!--no-equalize", base.equalize, "as for edgecc");
    command->add_flag("!--no-bias-correction", base.correctBias, "as for edgecc");
    command->add_flag("!--quantize-all", base.onlyIfFaster, "as for edgecc");
    command->add_option("--json", json, "file for the numbers");
    command->add_flag("--check", check, "fail if a target is missed");
    commands.emplace_back(command, &scenario);
  }
  CLI11_PARSE(app, argc, argv);
  const Scenario *chosen = nullptr;
  for (const auto &[command, scenario] : commands)
    if (command->parsed())
      chosen = scenario;
  auto tables = chosen->run(Workbench(settings));
  if (!tables) {
    fmt::print(stderr, "edgecc-accuracy: {}\n", str(tables.error()));
    return 1;
  }
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Table &table : *tables) {
    fmt::print("{}\n", table.text());
    all.push_back(table.json());
  }
  if (!json.empty()) {
    std::ofstream file(json);
    file << all.dump(1) << "\n";
    if (!file.flush()) {
      fmt::print(stderr, "edgecc-accuracy: cannot write {}\n", json);
      return 1;
    }
  }
  return check && missesTarget(*tables) ? 2 : 0;
}

} // namespace
} // namespace edgecc::bench

int main(int argc, char **argv) { return edgecc::bench::run(argc, argv); }
