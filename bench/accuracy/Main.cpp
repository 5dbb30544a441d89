// edgecc-accuracy: what compiled models make of labelled pictures, beside the baseline's numbers.
#include "bench/accuracy/DataSets.h"
#include "driver/CompileModel.h"
#include "driver/RuntimeModel.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <unistd.h>

namespace edgecc::bench {
namespace {

namespace fs = std::filesystem;

struct Options {
  fs::path shared = EDGECC_SHARED_DIR;
  std::vector<std::string> models; // empty: all
  std::string cpu, json;
  unsigned threads = 1;
  size_t limit = 0;    // pictures of each set; 0: all
  double maxDrop = -1; // negative: no check
};

enum class DataSet : uint8_t { Cifar, Mnist, ImageNet };

// How pixels become the model's input, and where its classes begin.
struct Classifier {
  const char *name;
  DataSet data;
  ChannelOrder order;
  std::vector<double> mean, scale; // element = (sample - mean) * scale
  int firstClass;                  // index of class 0 in the output
};

const std::vector<Classifier> &classifiers() {
  using enum ChannelOrder;
  // ImageNet's statistics on samples of 0..1.
  static const std::vector<double> kMean{0.485 * 255, 0.456 * 255, 0.406 * 255};
  static const std::vector<double> kScale{1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)};
  static const std::vector<Classifier> kAll{
      {"mlperf_resnet8_fp32", DataSet::Cifar, RGB, {}, {}, 0},
      {"mlperf_resnet8_qdq", DataSet::Cifar, RGB, {}, {}, 0},
      {"resnet20_cifar10", DataSet::Cifar, RGB, kMean, kScale, 0},
      {"mnist_8", DataSet::Mnist, Gray, {}, {}, 0},
      {"mnist_opset18", DataSet::Mnist, Gray, {0.1307 * 255}, {1 / (0.3081 * 255)}, 0},
      {"mobilenetv2_imagenet_fp32", DataSet::ImageNet, RGB, {127.5}, {1 / 127.5}, 1},
      {"mobilenetv2_imagenet_qdq", DataSet::ImageNet, RGB, {127.5}, {1 / 127.5}, 1},
      {"squeezenet_fp32", DataSet::ImageNet, BGR, {104, 117, 123}, {}, 0}};
  return kAll;
}

constexpr const char *kTop1 = "top-1";

struct Row {
  std::string model, metric;
  size_t pictures = 0;
  double value = 0, baseline = 0, seconds = 0;
};

class Bench {
public:
  explicit Bench(Options options) : options_(std::move(options)) {}

  Expected<std::vector<Row>> run() {
    EDGECC_CHECK(readBaselines());
    std::vector<Row> rows;
    for (const Classifier &classifier : classifiers())
      if (isWanted(classifier.name)) {
        EDGECC_TRY(row, classify(classifier));
        rows.push_back(row);
        print(row);
      }
    if (isWanted(kDenoiser)) {
      EDGECC_TRY(row, denoise());
      rows.push_back(row);
      print(row);
    }
    return rows;
  }

  static void printHeader() {
    fmt::print("{:<28}{:<8}{:>9}{:>10}{:>10}{:>12}{:>9}\n", "model", "metric", "pictures", "edgecc",
               "baseline", "difference", "seconds");
  }

private:
  static constexpr const char *kDenoiser = "dncnn25_gray";

  static void print(const Row &row) {
    fmt::print("{:<28}{:<8}{:>9}{:>10.4f}{:>10.4f}{:>+12.4f}{:>9.1f}\n", row.model, row.metric,
               row.pictures, row.value, row.baseline, row.value - row.baseline, row.seconds);
    std::fflush(stdout);
  }

  bool isWanted(const std::string &name) const {
    return options_.models.empty() ||
           std::find(options_.models.begin(), options_.models.end(), name) != options_.models.end();
  }

  Expected<void> readBaselines() {
    fs::path path = options_.shared / "models" / "baselines.json";
    std::ifstream file(path);
    nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
    if (json.is_discarded() || !json.contains("results"))
      return error("cannot read the baselines", path.string(),
                   "name the folder with models and images with --shared");
    baselines_ = json["results"];
    return {};
  }

  Expected<driver::RuntimeModel> compile(const std::string &name) const {
    driver::CompileOptions compile;
    compile.input = options_.shared / "models" / name / "model.onnx";
    compile.output =
        fs::temp_directory_path() / fmt::format("edgecc-accuracy-{}-{}.blob", name, getpid());
    compile.cpu = options_.cpu;
    compile.quiet = true;
    EDGECC_CHECK(driver::compileModel(compile));
    auto model = driver::RuntimeModel::load(compile.output, options_.threads);
    std::error_code ignored;
    fs::remove(compile.output, ignored); // it stays mapped
    return model;
  }

  Expected<const std::vector<Labelled> *> pictures(DataSet data) {
    auto found = pictures_.find(data);
    if (found != pictures_.end())
      return &found->second;
    fs::path images = options_.shared / "images";
    auto read = data == DataSet::Cifar   ? readCifar(images / "cifar10_test2000")
                : data == DataSet::Mnist ? readIdx(images / "mnist_test2000")
                                         : readListed(images / "imagenet_sample_500", 224);
    if (!read)
      return tl::unexpected(read.error());
    if (options_.limit && read->size() > options_.limit)
      read->resize(options_.limit);
    return &(pictures_[data] = std::move(*read));
  }

  // Share of pictures whose largest output is their class.
  Expected<Row> classify(const Classifier &c) {
    EDGECC_TRY(set, pictures(c.data));
    EDGECC_TRY(model, compile(c.name));
    ImageOptions image;
    image.order = c.order;
    image.mean = c.mean;
    image.scale = c.scale;
    auto start = std::chrono::steady_clock::now();
    size_t right = 0;
    for (const Labelled &one : *set) {
      EDGECC_TRY(tensor, imageToTensor(one.image, model.inputs()[0].type, image));
      EDGECC_CHECK(model.setInput(0, tensor));
      EDGECC_CHECK(model.run());
      Tensor scores = model.output(0);
      int64_t best = 0;
      for (int64_t i = 1; i < scores.elements(); ++i)
        if (scores.asDouble(i) > scores.asDouble(best))
          best = i;
      right += best == one.label + c.firstClass;
    }
    Row row{c.name,
            "top-1",
            set->size(),
            static_cast<double>(right) / double(set->size()),
            baselines_[c.name].value("top1", 0.0),
            secondsSince(start)};
    return row;
  }

  // Mean peak signal-to-noise ratio over gray crops with Gaussian noise of standard deviation 25.
  // The baseline's noise was another one: the two numbers are not to be compared below half a dB.
  Expected<Row> denoise() {
    constexpr int kSide = 128;
    constexpr double kSigma = 25.0 / 255;
    EDGECC_TRY(images, readGray(options_.shared / "images" / "set12_gray", kSide));
    if (options_.limit && images.size() > options_.limit)
      images.resize(options_.limit);
    EDGECC_TRY(model, compile(kDenoiser));
    std::mt19937 random(5);
    auto start = std::chrono::steady_clock::now();
    double sum = 0;
    for (const Image &image : images) {
      Tensor noisy(DType::F32, {1, 1, kSide, kSide});
      for (int64_t i = 0; i < noisy.elements(); ++i)
        noisy.setDouble(i, image.pixels[static_cast<size_t>(i)] / 255.0 + kSigma * normal(random));
      EDGECC_CHECK(model.setInput(0, noisy));
      EDGECC_CHECK(model.run());
      Tensor clean = model.output(0);
      double squares = 0;
      for (int64_t i = 0; i < clean.elements(); ++i) {
        double value = std::clamp(clean.asDouble(i), 0.0, 1.0);
        squares += std::pow(value - image.pixels[static_cast<size_t>(i)] / 255.0, 2);
      }
      sum += -10 * std::log10(squares / static_cast<double>(clean.elements()));
    }
    return Row{kDenoiser,
               "PSNR dB",
               images.size(),
               sum / static_cast<double>(images.size()),
               baselines_[kDenoiser].value("denoised", 0.0),
               secondsSince(start)};
  }

  // Box and Muller's transform: the library's distribution differs between libraries.
  static double normal(std::mt19937 &random) {
    double u = (random() + 1.0) * 0x1p-32, v = random() * 0x1p-32;
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v);
  }

  static double secondsSince(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  Options options_;
  nlohmann::json baselines_;
  std::map<DataSet, std::vector<Labelled>> pictures_;
};

int run(int argc, char **argv) {
  Options options;
  CLI::App app{"Accuracy of compiled models on labelled pictures", "edgecc-accuracy"};
  app.add_option("models", options.models, "models to measure; none: all");
  app.add_option("--shared", options.shared, "folder with models/ and images/");
  app.add_option("--cpu", options.cpu, "as for edgecc");
  app.add_option("--threads", options.threads, "threads of the runs");
  app.add_option("--limit", options.limit, "pictures of each set; 0: all");
  app.add_option("--json", options.json, "file for the numbers");
  app.add_option("--max-drop", options.maxDrop,
                 "fail if a share of right answers is lower than the baseline by more than this");
  CLI11_PARSE(app, argc, argv);
  Bench::printHeader();
  auto rows = Bench(options).run();
  if (!rows) {
    fmt::print(stderr, "edgecc-accuracy: {}\n", str(rows.error()));
    return 1;
  }
  if (!options.json.empty()) {
    nlohmann::json json = nlohmann::json::array();
    for (const Row &row : *rows)
      json.push_back({{"model", row.model},
                      {"metric", row.metric},
                      {"pictures", row.pictures},
                      {"edgecc", row.value},
                      {"baseline", row.baseline},
                      {"seconds", row.seconds}});
    std::ofstream file(options.json);
    file << json.dump(1) << "\n";
    if (!file.flush()) {
      fmt::print(stderr, "edgecc-accuracy: cannot write {}\n", options.json);
      return 1;
    }
  }
  bool isGood = true;
  for (const Row &row : *rows)
    isGood &=
        options.maxDrop < 0 || row.metric != kTop1 || row.value >= row.baseline - options.maxDrop;
  return isGood ? 0 : 1;
}

} // namespace
} // namespace edgecc::bench

int main(int argc, char **argv) { return edgecc::bench::run(argc, argv); }
