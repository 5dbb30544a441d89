// What a compile did to each layer of a model: the data of --report and --report-json
// (docs/report.md describes the fields and their units).
#pragma once

#include "driver/compress/Score.h"
#include "driver/report/Correspondence.h"
#include "ir/DataSource.h"
#include "ir/Executor.h"
#include "passes/compress/Compression.h"

#include <functional>
#include <optional>

namespace edgecc::driver {

struct ReportedNoise {
  Difference accumulated;
  std::optional<Difference> alone;
  std::string inheritedFrom; // the layer that most of what has gathered comes from
};

struct ReportedWeights {
  Dims dims;                 // of the original's
  int64_t elementsAfter = 0; // that are left
  DType before = DType::F32, after = DType::F32;
  Observation values;     // of the original's
  double channelSpread{}; // largest range of an output channel over the median one
  double zeros{};         // share of the weights that are zero now
};

// Of a layer's output.
struct ReportedActivation {
  Observation values;             // of the original's; no samples where there were none
  std::optional<DType> quantized; // what it is stored as
  std::optional<Range> covered;   // by these integers; none if its channels were scaled
  double outside{};               // share of the values beyond it, rounded down to whole bins
};

struct ReportedChannels {
  int axis{};
  int64_t before{}, after{};
  bool scaled{}; // some of those left are in other units than before
};

struct ReportedLayer {
  std::string name, op, tensor; // ONNX node, operator, and tensor of the output
  Dims dims;                    // of the original's output
  bool isRemoved = false;       // nothing of this node is left
  DType activationsBefore = DType::F32, activationsAfter = DType::F32; // of its input
  int64_t macsBefore{}, macsAfter{};
  int64_t bytesBefore{}, bytesAfter{}; // of constants
  std::optional<double> nsBefore, nsAfter;
  std::optional<ReportedWeights> weights;
  ReportedActivation activation;
  std::optional<ReportedNoise> noise;
  std::optional<ReportedChannels> channels;
  std::vector<Note> notes;
  std::string suggestion; // empty if there is nothing to say
};

struct ReportedTotals {
  int64_t macs{}, parameters{}, parameterBytes{};
  std::optional<double> ns;
  std::optional<int64_t> fileBytes, arenaBytes; // of the model compiled for this machine
};

struct ReportedOutput {
  std::string tensor;
  Difference difference;
};

struct Report {
  std::string input, output, target;
  std::vector<std::pair<std::string, std::string>> settings; // options that were given
  bool isCompressed = false;         // else everything "before" is the same as after
  std::vector<ReportedLayer> layers; // in the original's order
  std::vector<size_t> worst;         // the noisiest layers, by what each adds alone
  ReportedTotals before, after;
  int64_t writtenBytes = 0; // size of the output file
  std::optional<Score> score;
  size_t noiseSamples = 0;
  std::vector<ReportedOutput> outputs;
  std::vector<Note> notes; // that are about no layer in particular
  std::vector<std::string> warnings;
};

struct ReportSubject {
  const Module *original = nullptr; // null: nothing was compressed
  const Module *result = nullptr;   // before it is lowered
  const std::vector<Note> *notes = nullptr;
  DataSource *data = nullptr; // null: no noise is measured
  Executor *executor = nullptr;
  std::string cpu;     // to measure times with
  std::string untimed; // why no times can be measured; empty if they can
  bool perTensorWeights = false, cutsRanges = false; // for suggestions
};

// `report` holds what the caller knows of the whole; the rest is added. Measures noise on at most
// 32 samples, spread over the data.
Expected<void> collectReport(Report &report, const ReportSubject &subject,
                             const std::function<void(size_t done, size_t total)> &progress);

} // namespace edgecc::driver
