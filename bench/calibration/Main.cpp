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

// Adds up the time that is spent reading and decoding, and runs the model alone on each sample: the
// two are compared under the same load of the machine.
class TimedData : public DataSource {
public:
  TimedData(DataSource &data, Executor::Session &alone) : data_(data), alone_(alone) {}
  size_t size() const override { return data_.size(); }
  Expected<std::vector<Tensor>> sample(size_t index) override {
    auto start = Clock::now();
    EDGECC_TRY(inputs, data_.sample(index));
    decoding += secondsSince(start);
    start = Clock::now();
    EDGECC_CHECK(alone_.run(inputs));
    alone += secondsSince(start);
    return std::move(inputs);
  }
  double decoding = 0, alone = 0;

private:
  DataSource &data_;
  Executor::Session &alone_;
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
  driver::NativeExecutor executor(native);
  const std::vector<Value *> &yields = module->main().body.yields();
  EDGECC_TRY(alone, executor.prepare(module->main(),
                                     std::vector<const Value *>(yields.begin(), yields.end())));
  EDGECC_TRY(first, data->sample(0));
  EDGECC_CHECK(alone->run(first));
  double count = static_cast<double>(data->size());
  fmt::print("{} samples, {} threads; the model alone: peak RSS {:.0f} MB\n", data->size(),
             o.threads, peakMegabytes());
  fmt::print("{:<16} {:>11} {:>10} {:>6} {:>8} {:>9} {:>9} {:>9} {:>9}\n", "", "calibration",
             "alone", "ratio", "in model", "observing", "compiling", "decoding", "peak RSS");
  bool fastEnough = true;
  for (const std::string &method : o.methods) {
    EDGECC_TRY(passes, registry.parse("calibrate{method=" + method +
                                      ",per-channel=" + (o.perChannel ? "true}" : "false}")));
    TimedData timed(*data, *alone);
    TimedExecutor calibrating(native);
    Compression compression;
    compression.data = &timed;
    manager.executor = &calibrating;
    manager.compression = &compression;
    auto start = Clock::now();
    EDGECC_CHECK(runPasses(*module, passes, manager));
    double seconds = secondsSince(start) - timed.decoding - timed.alone - calibrating.compiling;
    double ratio = timed.alone / seconds;
    fmt::print("{:<16} {:>9.1f}/s {:>8.1f}/s {:>6.2f} {:>6.2f} s {:>7.2f} s {:>7.2f} s {:>7.2f} s "
               "{:>6.0f} MB\n",
               method, count / seconds, count / timed.alone, ratio, calibrating.running,
               seconds - calibrating.running, calibrating.compiling, timed.decoding,
               peakMegabytes());
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
