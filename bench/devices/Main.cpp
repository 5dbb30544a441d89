// edgecc-device-bench: what the device models predict, beside what is published.
#include "bench/devices/Deconvolution.h"
#include "bench/devices/Fit.h"
#include "bench/devices/Models.h"
#include "bench/devices/Published.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

using namespace edgecc;

int main(int argc, char **argv) {
  CLI::App app("Compares predictions of device models with published figures.",
               "edgecc-device-bench");
  app.require_subcommand(1);
  bench::PublishedOptions published;
  auto *rows = app.add_subcommand("published", "networks of a table of published figures");
  rows->add_option("--device", published.device, "name or description file")->required();
  rows->add_option("--table", published.table, "CSV file")->required()->check(CLI::ExistingFile);
  rows->add_option("--only", published.only, "these models alone");
  rows->add_flag("--layers", published.verbose, "also the slowest layers of each");
  std::string device = "myriadx", table;
  auto *deconvolution =
      app.add_subcommand("deconvolution", "transposed convolution against pixel shuffle");
  deconvolution->add_option("--device", device, "name or description file");
  deconvolution->add_option("--table", table, "CSV file with published layer times")
      ->check(CLI::ExistingFile);
  bench::FitOptions fitted;
  auto *fit = app.add_subcommand("fit", "constants of a dataflow machine from rows to calibrate");
  fit->add_option("--device", fitted.device, "name or description file")->required();
  fit->add_option("--table", fitted.table, "CSV file")->required()->check(CLI::ExistingFile);
  bench::ModelsOptions models;
  auto *collection = app.add_subcommand("models", "all models of a folder with models.json");
  collection->add_option("--device", models.device, "name or description file")->required();
  collection->add_option("--folder", models.folder, "with models.json")
      ->required()
      ->check(CLI::ExistingDirectory);
  collection->add_option("--only", models.only, "these models alone");
  collection->add_flag("!--costs-alone", models.numerics, "compute nothing");
  CLI11_PARSE(app, argc, argv);
  if (collection->parsed()) {
    auto equal = bench::compareModels(models);
    if (equal)
      return *equal ? 0 : 1;
    fmt::print(stderr, "edgecc-device-bench: {}\n", str(equal.error()));
    return 1;
  }
  Expected<void> done = rows->parsed()  ? bench::comparePublished(published)
                        : fit->parsed() ? bench::fitConstants(fitted)
                                        : bench::compareDeconvolutions(device, table);
  if (done)
    return 0;
  fmt::print(stderr, "edgecc-device-bench: {}\n", str(done.error()));
  return 1;
}
