// Faces as YuNet's outputs describe them.
#pragma once

#include "bench/accuracy/Workbench.h"

#include <array>

namespace edgecc::bench {

struct Face {
  double x = 0, y = 0, width = 0, height = 0; // pixels of the network's input
  std::array<std::array<double, 2>, 5> landmarks{};
  double score = 0; // 0..1

  double diagonal() const;
};

double intersectionOverUnion(const Face &a, const Face &b);

// The outputs cls, obj, bbox and kps for the strides 8, 16 and 32, each ordered by row and column
// of the stride's grid. Score: sqrt(cls * obj); the box is relative to the cell, its extents are
// logarithms. Non-maximum suppression at an overlap of 0.3. Best first.
Expected<std::vector<Face>> detectFaces(const std::vector<driver::RunnableModel::Port> &ports,
                                        const std::vector<Tensor> &outputs, int64_t inputHeight,
                                        int64_t inputWidth, double leastScore);

// Of the faces that the float model finds, by whether the longer side of the box has 24 pixels.
struct FaceScores {
  struct Group {
    size_t faces = 0;
    double overlap = 0;   // mean intersection over union of those that both find
    double landmarks = 0; // mean distance of their landmarks, in percent of the box's diagonal
  };
  Group large, small;
  double landmarks = 0;       // of both groups
  size_t missed = 0;          // of all
  size_t missedConfident = 0; // of those with a score over 0.8
  size_t extra = 0;           // found by the other model only
};

Expected<FaceScores> scoreFaces(const std::vector<driver::RunnableModel::Port> &inputs,
                                const std::vector<driver::RunnableModel::Port> &outputs,
                                const Outputs &reference, const Outputs &actual);

} // namespace edgecc::bench
