// edgecc-zoo: lists the rebuilt topologies, compares their sizes with published ones, writes them.
#include "bench/zoo/Csv.h"
#include "bench/zoo/RandomWeights.h"
#include "bench/zoo/Zoo.h"
#include "frontend/onnx/Exporter.h"
#include "ir/Text.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <fmt/format.h>
#include <fstream>

namespace edgecc::zoo {
namespace {

int fail(const Diagnostics &diagnostics) {
  fmt::print(stderr, "edgecc-zoo: {}\n", str(diagnostics));
  return 1;
}

int list() {
  fmt::print("{:<40} {:<12} {:>9} {:>9}  {}\n", "name", "family", "params M", "ops G", "note");
  for (const Topology &topology : topologies()) {
    Size size = sizeOf(*topology.build());
    fmt::print("{:<40} {:<12} {:>9.3f} {:>9.3f}  {}\n", topology.name, topology.family,
               size.megaParameters(), size.gigaOps(), topology.note);
  }
  return 0;
}

std::string percent(double ours, std::optional<double> published) {
  return published ? fmt::format("{:+.1f}", 100 * (ours / *published - 1)) : "-";
}

std::string figure(std::optional<double> value) {
  return value ? fmt::format("{:.2f}", *value) : "-";
}

int check(const std::string &path) {
  auto rows = readCsv(path);
  if (!rows)
    return fail(rows.error());
  std::map<const Topology *, Size> sizes;
  fmt::print("{:<36} {:>8} {:>8} {:>6} {:>8} {:>8} {:>6}  {}\n", "model", "params M", "row", "%",
             "ops G", "row", "%", "topology");
  for (const CsvRow &row : *rows) {
    if (row.text("rebuildable_topology").empty())
      continue;
    const std::string &input =
        row.text("input_hwc").empty() ? row.text("input_hw") : row.text("input_hwc");
    const Topology *topology = findTopology(row.text("device"), row.text("model"), input);
    if (!topology) {
      fmt::print("{:<36} {}: not in the zoo\n", row.text("model"), row.text("role"));
      continue;
    }
    auto [it, isNew] = sizes.try_emplace(topology);
    if (isNew)
      it->second = sizeOf(*topology->build());
    const Size &size = it->second;
    auto parameters = row.number("params_m"), ops = row.number("ops_g");
    fmt::print("{:<36} {:>8.2f} {:>8} {:>6} {:>8.2f} {:>8} {:>6}  {}{}{}\n", row.text("model"),
               size.megaParameters(), figure(parameters),
               percent(size.megaParameters(), parameters), size.gigaOpsWithZeros(), figure(ops),
               percent(size.gigaOpsWithZeros(), ops), topology->name,
               topology->note.empty() ? "" : ": ", topology->note);
  }
  return 0;
}

int write(const std::string &name, const std::string &path, std::optional<uint64_t> seed) {
  const Topology *topology = findTopology(name);
  if (!topology)
    return fail({{"there is no topology " + name, {}, "edgecc-zoo list prints them all"}});
  auto module = topology->build();
  if (seed)
    fillWithRandom(*module, *seed);
  if (path.ends_with(".onnx")) {
    auto written = exportOnnxFile(*module, path);
    return written ? 0 : fail(written.error());
  }
  if (!path.ends_with(".ir"))
    return fail({{"the file's name tells its form", path, "end it in .ir or .onnx"}});
  std::ofstream file(path, std::ios::binary);
  file << print(*module, {.elideAbove = 16});
  if (!file.flush())
    return fail({{"cannot write the file", path, {}}});
  return 0;
}

int run(int argc, char **argv) {
  CLI::App app{"The published networks that edgecc's device models are measured on.", "edgecc-zoo"};
  app.require_subcommand(1);
  std::string name, path, table;
  std::optional<uint64_t> seed;
  app.add_subcommand("list", "all topologies with parameters and operations");
  CLI::App *checkCommand =
      app.add_subcommand("check", "parameters and operations beside those of published rows");
  checkCommand->add_option("table", table, "file of published rows (CSV)")->required();
  CLI::App *writeCommand = app.add_subcommand("write", "writes one as IR text or ONNX");
  writeCommand->add_option("name", name, "of the topology")->required();
  writeCommand->add_option("file", path, "ends in .ir (weights left out) or .onnx")->required();
  writeCommand->add_option("--random", seed, "seed of random weights; without it all are zero");
  CLI11_PARSE(app, argc, argv);
  if (checkCommand->parsed())
    return check(table);
  if (writeCommand->parsed())
    return write(name, path, seed);
  return list();
}

} // namespace
} // namespace edgecc::zoo

int main(int argc, char **argv) { return edgecc::zoo::run(argc, argv); }
