// Samples from files for the passes that run a model on data.
#pragma once

#include "driver/ImageArguments.h"
#include "ir/DataSource.h"
#include "ir/Module.h"

namespace edgecc::driver {

enum class Subset : uint8_t { All, Even, Odd };

struct CalibrationDataOptions {
  ImageArguments image;        // replaces what the model says of its inputs
  Subset subset = Subset::All; // of the source's samples by position
  size_t samples = 0;          // of these, so many, spread evenly; 0: all
};

// Files are listed and the headers of .npy files read when a source is opened, in order of their
// names; contents are read sample by sample, and only what was asked for is held.
class CalibrationData : public DataSource {
public:
  // `source` is one of
  // - a folder: for a model with one input pictures (.png, .jpg), .npy and .pb files, or
  // sub-folders
  //   with such files; for any model sub-folders test_data_set_* with input_J.pb as ONNX has them,
  //   or for each input a sub-folder or a .npy file of its name ('/' read as '_');
  // - a single such file;
  // - "random:COUNT" or "random:COUNT:SEED": uniform noise.
  // A .npy file may hold many samples along a first axis.
  static Expected<std::unique_ptr<CalibrationData>>
  open(const std::string &source, const Function &function,
       const CalibrationDataOptions &options = {});

  size_t size() const override { return chosen_.size(); }

  // Where sample `index` comes from: "cats/1.png", "all.npy[3]" and its position in the source.
  virtual std::string nameOf(size_t index) const = 0;
  size_t positionOf(size_t index) const { return chosen_[index]; }
  // Samples that the source has before a part of them was chosen.
  size_t total() const { return total_; }

  // Sentences that the user should read.
  const std::vector<std::string> &warnings() const { return warnings_; }

protected:
  void choose(size_t total, const CalibrationDataOptions &options);

  size_t total_ = 0;
  std::vector<size_t> chosen_; // positions
  std::vector<std::string> warnings_;
};

} // namespace edgecc::driver
