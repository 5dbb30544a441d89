// edgecc-calibration-bench: how fast the pass `calibrate` runs samples, beside the model alone.
#include "backends/native/Native.h"
#include "driver/CalibrationData.h"
#include "driver/Load.h"
#include "driver/NativeExecutor.h"
#include "driver/NativeTargetModel.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/compress/Compression.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <fmt/format.h>
#include <sys/resource.h>

namespace edgecc::bench {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct Options {
  fs::path model = fs::path(EDGECC_SHARED_DIR) / "models/mobilenetv2_imagenet_fp32/model.onnx";
  std::string data = (fs::path(EDGECC_SHARED_DIR) / "images/imagenet_sample_500").string();
  size_t samples = 250;
  unsigned threads = 1;
  std::vector<std::string> methods{"minmax", "mse"};
  bool perChannel = false;
  driver::ImageArguments image{.mean = {127.5}, .scale = {1 / 127.5}};
  double minimum = 0; // ratio below which the program fails
};

double secondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double peakMegabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1e3;
}

// Adds up the time that is spent reading and decoding.
class TimedData : public DataSource {
public:
  explicit TimedData(DataSource &data) : data_(data) {}
  size_t size() const override { return data_.size(); }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    auto start = Clock::now();
    auto result = data_.sample(index);
    seconds += secondsSince(start);
    return result;
  }
  double seconds = 0;

private:
  DataSource &data_;
};

// Adds up the time that is spent compiling and that in compiled code.
class TimedExecutor : public driver::NativeExecutor {
public:
  using NativeExecutor::NativeExecutor;
  Expected<std::unique_ptr<Session>> prepare(const Function &function,
                                             std::span<const Value *const> values) override {
    auto start = Clock::now();
    EDGECC_TRY(session, NativeExecutor::prepare(function, values));
    compiling += secondsSince(start);
    return std::make_unique<TimedSession>(std::move(session), running);
  }
  double compiling = 0, running = 0;

private:
  class TimedSession : public Session {
  public:
    TimedSession(std::unique_ptr<Session> session, double &seconds)
        : session_(std::move(session)), seconds_(seconds) {}
    Expected<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
      auto start = Clock::now();
      auto result = session_->run(inputs);
      seconds_ += secondsSince(start);
      return result;
    }

  private:
    std::unique_ptr<Session> session_;
    double &seconds_;
  };
};

Expected<void> runPlain(const Module &module, Executor &executor, DataSource &data) {
  const std::vector<Value *> &yields = module.main().body.yields();
  EDGECC_TRY(session, executor.prepare(module.main(),
                                       std::vector<const Value *>(yields.begin(), yields.end())));
  for (size_t i = 0; i < data.size(); ++i) {
    EDGECC_TRY(inputs, data.sample(i));
    EDGECC_CHECK(session->run(inputs));
  }
  return {};
}

Expected<bool> run(const Options &o) {
  EDGECC_TRY(target, native::resolveTarget("native", "host"));
  driver::NativeTargetModel targetModel(target);
  Registry registry;
  registerBuiltinPasses(registry);
  EDGECC_TRY(module, driver::loadModule(o.model, {}));
  ReferenceExecutor folder;
  PassManagerOptions manager;
  manager.executor = &folder;
  manager.target = &targetModel;
  EDGECC_CHECK(runPasses(*module, buildPipeline(registry).portable, manager));

  driver::CalibrationDataOptions dataOptions;
  dataOptions.image = o.image;
  dataOptions.subset = driver::Subset::Even;
  dataOptions.samples = o.samples;
  EDGECC_TRY(data, driver::CalibrationData::open(o.data, module->main(), dataOptions));
  driver::NativeOptions native{.threads = o.threads, .compileThreads = o.threads};
  double count = static_cast<double>(data->size());
  TimedExecutor alone(native);
  EDGECC_CHECK(runPlain(*module, alone, *data));
  fmt::print("{} samples, {} threads\n{:<16} {:>9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10}\n",
             data->size(), o.threads, "", "samples/s", "of plain", "model", "observing",
             "compiling", "decoding", "peak RSS");
  fmt::print("{:<16} {:>9.1f} {:>8} {:>7.2f} s {:>9} {:>7.2f} s {:>9} {:>7.0f} MB\n", "model alone",
             count / alone.running, "1.00", alone.running, "", alone.compiling, "",
             peakMegabytes());
  bool fastEnough = true;
  for (const std::string &method : o.methods) {
    EDGECC_TRY(passes, registry.parse("calibrate{method=" + method +
                                      ",per-channel=" + (o.perChannel ? "true}" : "false}")));
    TimedData timed(*data);
    TimedExecutor executor(native);
    Compression compression;
    compression.data = &timed;
    manager.executor = &executor;
    manager.compression = &compression;
    auto start = Clock::now();
    EDGECC_CHECK(runPasses(*module, passes, manager));
    double seconds = secondsSince(start) - timed.seconds - executor.compiling;
    double ratio = alone.running / seconds;
    fmt::print("{:<16} {:>9.1f} {:>8.2f} {:>7.2f} s {:>7.2f} s {:>7.2f} s {:>7.2f} s {:>7.0f} MB\n",
               method, count / seconds, ratio, executor.running, seconds - executor.running,
               executor.compiling, timed.seconds, peakMegabytes());
    fastEnough &= ratio >= o.minimum;
  }
  return fastEnough;
}

int main(int argc, char **argv) {
  CLI::App app("Measures calibration beside plain inference; decoding and compiling are counted "
               "apart.",
               "edgecc-calibration-bench");
  Options o;
  app.add_option("--model", o.model, "ONNX file")->type_name("FILE");
  app.add_option("--data", o.data, "folder with samples, or random:COUNT")->type_name("DIR");
  app.add_option("--samples", o.samples, "of them, from the even ones")->capture_default_str();
  app.add_option("--threads", o.threads, "to run on")->capture_default_str();
  app.add_option("--methods", o.methods, "ways to choose ranges")->delimiter(',');
  app.add_flag("--per-channel", o.perChannel, "observe each channel by itself");
  app.add_option("--min-ratio", o.minimum, "fail below this part of the plain rate");
  driver::declareImageArguments(app, o.image);
  CLI11_PARSE(app, argc, argv);
  auto passed = run(o);
  if (!passed) {
    fmt::print(stderr, "{}\n", str(passed.error()));
    return 1;
  }
  return *passed ? 0 : 1;
}

} // namespace
} // namespace edgecc::bench

int main(int argc, char **argv) { return edgecc::bench::main(argc, argv); }
