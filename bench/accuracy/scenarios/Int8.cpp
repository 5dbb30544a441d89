#include "bench/accuracy/Statistics.h"
#include "bench/accuracy/scenarios/Scenarios.h"
#include "bench/accuracy/score/Detections.h"
#include "bench/accuracy/score/Scores.h"

#include <fmt/format.h>

namespace edgecc::bench {
namespace {

std::string show(const Interval &interval) {
  return fmt::format("[{:+.2f}, {:+.2f}]", interval.low, interval.high);
}

std::vector<double> difference(const std::vector<double> &a, const std::vector<double> &b) {
  std::vector<double> out(a.size());
  for (size_t i = 0; i < a.size(); ++i)
    out[i] = a[i] - b[i];
  return out;
}

class Int8 {
public:
  explicit Int8(const Workbench &bench) : bench_(bench) {}

  Expected<Tables> run() {
    for (const Task &task : tasks())
      if (bench_.isWanted(task.model))
        if (auto done = measure(task); !done)
          failed_.add({{"model", task.model}, {"reason", str(done.error())}});
    Tables tables;
    for (Table *table : {&classes_, &faces_, &clean_, &agreement_, &failed_})
      if (!table->empty())
        tables.push_back(std::move(*table));
    return tables;
  }

private:
  Expected<void> measure(const Task &task) {
    EDGECC_TRY(prepared, bench_.prepare(task));
    CompressionRecipe recipe = bench_.settings().base;
    if (recipe.quantize.empty())
      recipe.quantize = "int8";
    EDGECC_TRY(int8, bench_.compress(prepared, recipe));
    EDGECC_TRY(outputs, bench_.run(int8, prepared.split.scored()));
    EDGECC_TRY(gain, gains(prepared, int8));
    switch (task.scoring) {
    case Scoring::Labels:
    case Scoring::Classes:
      return addClasses(prepared, outputs, gain);
    case Scoring::Faces:
      return addFaces(prepared, outputs, gain);
    case Scoring::Denoising:
      return addClean(prepared, outputs, gain);
    case Scoring::Agreement:
      return addAgreement(prepared, outputs, gain);
    }
    return {};
  }

  // What every table shows: how much smaller and faster the model became.
  Expected<Table::Row> gains(Prepared &prepared, Compiled &int8) const {
    EDGECC_TRY(inputs, prepared.split.scored().inputs(0));
    Compiled *models[] = {&prepared.floating, &int8};
    EDGECC_TRY(times, bench_.time(models, inputs));
    return Table::Row{{"model", prepared.task->model},
                      {"samples", prepared.split.scored().size()},
                      {"smaller", timesSmaller(prepared.floating, int8)},
                      {"float_ms", times[0] / 1e6},
                      {"int8_ms", times[1] / 1e6},
                      {"faster", times[0] / times[1]}};
  }

  Expected<void> addClasses(const Prepared &prepared, const Outputs &outputs, Table::Row row) {
    const Task &task = *prepared.task;
    const auto &scored = prepared.split.scored();
    EDGECC_TRY(floating, scoreClasses(task, scored, prepared.reference, prepared.reference));
    EDGECC_TRY(int8, scoreClasses(task, scored, prepared.reference, outputs));
    constexpr double kLeastAgreement = 97;
    double agreement = mean(int8.agrees);
    bool meets = agreement >= kLeastAgreement;
    row["agreement"] = agreement;
    row["kl"] = int8.divergence;
    bool labelled = task.scoring == Scoring::Labels;
    if (labelled) {
      Interval interval = bootstrap(difference(int8.right, floating.right));
      row["float"] = mean(floating.right);
      row["int8"] = mean(int8.right);
      row["interval"] = show(interval);
      meets &= interval.high >= 0;
    }
    if (task.published) {
      EDGECC_TRY(published, bench_.compile(bench_.options(task.published), nullptr));
      EDGECC_TRY(theirs, bench_.run(published, scored));
      EDGECC_TRY(others, scoreClasses(task, scored, prepared.reference, theirs));
      row["published_agreement"] = mean(others.agrees);
      if (labelled) {
        Interval interval = bootstrap(difference(int8.right, others.right));
        row["published"] = mean(others.right);
        row["published_interval"] = show(interval);
        meets &= interval.high >= 0;
      }
    }
    row["meets"] = meets;
    classes_.add(std::move(row));
    return {};
  }

  Expected<void> addFaces(const Prepared &prepared, const Outputs &outputs, Table::Row row) {
    EDGECC_TRY(faces, scoreFaces(prepared.floating.model.inputs(),
                                 prepared.floating.model.outputs(), prepared.reference, outputs));
    row["large"] = faces.large.faces;
    row["large_overlap"] = faces.large.overlap;
    row["large_landmarks"] = faces.large.landmarks;
    row["small"] = faces.small.faces;
    row["small_overlap"] = faces.small.overlap;
    row["small_landmarks"] = faces.small.landmarks;
    row["missed"] = faces.missed;
    row["missed_confident"] = faces.missedConfident;
    row["extra"] = faces.extra;
    // A mean over no faces is not a number and fails no target.
    row["landmarks"] = faces.landmarks;
    row["meets"] = !(faces.large.overlap < 0.95) && !(faces.small.overlap < 0.85) &&
                   !(faces.landmarks > 1) && faces.missedConfident == 0;
    faces_.add(std::move(row));
    return {};
  }

  Expected<void> addClean(const Prepared &prepared, const Outputs &outputs, Table::Row row) {
    EDGECC_TRY(floating, scoreClean(prepared.split.scored(), prepared.reference));
    EDGECC_TRY(int8, scoreClean(prepared.split.scored(), outputs));
    Outputs noisy;
    for (size_t i = 0; i < prepared.split.scored().size(); ++i) {
      EDGECC_TRY(inputs, prepared.split.scored().inputs(i));
      noisy.push_back(inputs);
    }
    EDGECC_TRY(before, scoreClean(prepared.split.scored(), noisy));
    row["noisy_psnr"] = mean(before.psnr);
    row["float_psnr"] = mean(floating.psnr);
    row["int8_psnr"] = mean(int8.psnr);
    row["loss"] = mean(floating.psnr) - mean(int8.psnr);
    row["float_ssim"] = mean(floating.ssim);
    row["int8_ssim"] = mean(int8.ssim);
    row["meets"] = mean(floating.psnr) - mean(int8.psnr) <= 0.1;
    clean_.add(std::move(row));
    return {};
  }

  Expected<void> addAgreement(const Prepared &prepared, const Outputs &outputs, Table::Row row) {
    EDGECC_TRY(scores, scoreAgreement(prepared.reference, outputs));
    row["sqnr"] = scores.sqnr;
    row["cosine"] = scores.cosine;
    if (scores.equals)
      row["equals"] = *scores.equals;
    agreement_.add(std::move(row));
    return {};
  }

  static std::vector<Column> columns(std::vector<Column> own) {
    std::vector<Column> all{{"model", "model"}, {"samples", "samples"}};
    all.insert(all.end(), own.begin(), own.end());
    for (const Column &column : {Column{"smaller", "weights, times smaller"},
                                 {"float_ms", "float ms", 3},
                                 {"int8_ms", "int8 ms", 3},
                                 {"faster", "times faster"},
                                 {"meets", "on target"}})
      all.push_back(column);
    return all;
  }

  const Workbench &bench_;
  Table classes_{"int8 classifiers: top-1 (%) and paired 95 % intervals of the differences",
                 columns({{"float", "float"},
                          {"int8", "int8"},
                          {"interval", "int8 - float"},
                          {"published", "published"},
                          {"published_interval", "int8 - published"},
                          {"agreement", "agreement %"},
                          {"published_agreement", "published's"},
                          {"kl", "KL", 4}})};
  Table faces_{"int8 face detection against the float model's detections",
               columns({{"large", "faces >= 24 px"},
                        {"large_overlap", "IoU", 3},
                        {"large_landmarks", "landmarks %", 2},
                        {"small", "faces < 24 px"},
                        {"small_overlap", "IoU", 3},
                        {"small_landmarks", "landmarks %", 2},
                        {"landmarks", "all landmarks %", 2},
                        {"missed", "missed"},
                        {"missed_confident", "over 0.8"},
                        {"extra", "extra"}})};
  Table clean_{"int8 denoisers against the clean pictures (PSNR in dB)",
               columns({{"noisy_psnr", "noisy"},
                        {"float_psnr", "float"},
                        {"int8_psnr", "int8"},
                        {"loss", "loss", 3},
                        {"float_ssim", "float SSIM", 4},
                        {"int8_ssim", "int8 SSIM", 4}})};
  Table agreement_{"int8 against float, all other models",
                   columns({{"sqnr", "SQNR dB"}, {"cosine", "cosine", 5}, {"equals", "equal %"}})};
  Table failed_{"Not measured", {{"model", "model"}, {"reason", "reason"}}};
};

} // namespace

Expected<Tables> runInt8(const Workbench &bench) { return Int8(bench).run(); }

} // namespace edgecc::bench
