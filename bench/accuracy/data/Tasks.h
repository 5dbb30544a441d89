// The models that are measured: what goes in, and how what comes out is judged.
#pragma once

#include "frontend/io/Image.h"

namespace edgecc::bench {

// Where samples come from. The sets of pictures are folders of the shared data.
enum class Source : uint8_t {
  Cifar,      // 2000, labelled
  Mnist,      // 2000, labelled
  ImageNet,   // 500, labelled
  Coco,       // 40 photographs
  FacePhotos, // 30 photographs
  Kodak,      // 12 photographs
  Set12,      // 12 gray pictures, noise added
  RawKodak,   // 12 photographs turned into noisy raw sensor data
  Page,       // windows of a scanned page
  Seeded,     // random numbers
};

enum class Scoring : uint8_t {
  Labels,    // top-1, agreement, divergence
  Classes,   // the same without labels
  Faces,     // detections against the float model's
  Denoising, // against the clean picture
  Agreement, // numerically with the float model
};

// Of one input of a model that is fed random numbers.
struct SeededInput {
  enum class Kind : uint8_t { Normal, Magnitude, Uniform, Integers, Constant };
  Kind kind;
  double scale; // deviation; bound; the constant
};

struct Task {
  const char *model; // folder in the shared models
  Scoring scoring;
  Source source;
  ImageOptions image = {};
  int firstClass = 0;              // index of class 0 in the output
  const char *published = nullptr; // the same network, quantised by others
  std::vector<SeededInput> seeded = {};
};

// Every float model of the shared folder.
const std::vector<Task> &tasks();

// The task for a quantised model made by others: its float sibling's with another name. Null if
// `model` is not one.
const Task *findTask(const std::string &model);

} // namespace edgecc::bench
