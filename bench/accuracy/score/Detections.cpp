#include "bench/accuracy/score/Detections.h"

#include "bench/accuracy/Statistics.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::bench {

double Face::diagonal() const { return std::hypot(width, height); }

double intersectionOverUnion(const Face &a, const Face &b) {
  double width = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  double height = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (width <= 0 || height <= 0)
    return 0;
  double both = width * height;
  return both / (a.width * a.height + b.width * b.height - both);
}

static Expected<const Tensor *> outputNamed(const std::vector<driver::RunnableModel::Port> &ports,
                                            const std::vector<Tensor> &outputs,
                                            const std::string &name, int64_t elements) {
  for (size_t i = 0; i < ports.size(); ++i)
    if (ports[i].name == name && outputs[i].elements() == elements &&
        outputs[i].dtype() == DType::F32)
      return &outputs[i];
  return error(fmt::format("there is no output '{}' with {} elements", name, elements));
}

Expected<std::vector<Face>> detectFaces(const std::vector<driver::RunnableModel::Port> &ports,
                                        const std::vector<Tensor> &outputs, int64_t inputHeight,
                                        int64_t inputWidth, double leastScore) {
  std::vector<Face> found;
  for (int64_t stride : {8, 16, 32}) {
    int64_t rows = inputHeight / stride, columns = inputWidth / stride, cells = rows * columns;
    auto named = [&](const char *name, int64_t each) {
      return outputNamed(ports, outputs, fmt::format("{}_{}", name, stride), cells * each);
    };
    EDGECC_TRY(cls, named("cls", 1));
    EDGECC_TRY(obj, named("obj", 1));
    EDGECC_TRY(bbox, named("bbox", 4));
    EDGECC_TRY(kps, named("kps", 10));
    const float *box = bbox->data<float>().data(), *points = kps->data<float>().data();
    for (int64_t cell = 0; cell < cells; ++cell, box += 4, points += 10) {
      auto i = static_cast<size_t>(cell);
      double score = std::sqrt(std::clamp<double>(cls->data<float>()[i], 0, 1) *
                               std::clamp<double>(obj->data<float>()[i], 0, 1));
      if (score < leastScore)
        continue;
      auto column = static_cast<double>(cell % columns), row = static_cast<double>(cell / columns);
      auto pitch = static_cast<double>(stride);
      Face face;
      face.score = score;
      face.width = std::exp(box[2]) * pitch;
      face.height = std::exp(box[3]) * pitch;
      face.x = (column + box[0]) * pitch - face.width / 2;
      face.y = (row + box[1]) * pitch - face.height / 2;
      for (size_t p = 0; p < 5; ++p)
        face.landmarks[p] = {(column + points[2 * p]) * pitch, (row + points[2 * p + 1]) * pitch};
      found.push_back(face);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Face &a, const Face &b) { return a.score > b.score; });
  constexpr double kOverlap = 0.3;
  std::vector<Face> kept;
  for (const Face &face : found)
    if (std::none_of(kept.begin(), kept.end(), [&](const Face &other) {
          return intersectionOverUnion(face, other) > kOverlap;
        }))
      kept.push_back(face);
  return kept;
}

static double landmarkError(const Face &expected, const Face &face) {
  double sum = 0;
  for (size_t p = 0; p < 5; ++p)
    sum += std::hypot(face.landmarks[p][0] - expected.landmarks[p][0],
                      face.landmarks[p][1] - expected.landmarks[p][1]);
  return 100 * sum / 5 / expected.diagonal();
}

Expected<FaceScores> scoreFaces(const std::vector<driver::RunnableModel::Port> &inputs,
                                const std::vector<driver::RunnableModel::Port> &outputs,
                                const Outputs &reference, const Outputs &actual) {
  // A face counts as found with a score from 0.6. One that lost a little of its score is not
  // missed, so the other model's detections are taken from 0.5.
  constexpr double kFound = 0.6, kStillFound = 0.5, kConfident = 0.8, kSame = 0.5;
  constexpr double kLarge = 24;
  const Dims &dims = inputs.at(0).type.dims;
  FaceScores out;
  std::vector<double> overlap[2], landmarks[2];
  for (size_t i = 0; i < reference.size(); ++i) {
    EDGECC_TRY(expected, detectFaces(outputs, reference[i], dims[2], dims[3], kFound));
    EDGECC_TRY(weak, detectFaces(outputs, reference[i], dims[2], dims[3], kStillFound));
    EDGECC_TRY(faces, detectFaces(outputs, actual[i], dims[2], dims[3], kStillFound));
    auto best = [](const std::vector<Face> &among, const Face &face) {
      return std::max_element(among.begin(), among.end(), [&](const Face &a, const Face &b) {
        return intersectionOverUnion(a, face) < intersectionOverUnion(b, face);
      });
    };
    for (const Face &face : expected) {
      bool isLarge = std::max(face.width, face.height) >= kLarge;
      ++(isLarge ? out.large : out.small).faces;
      auto match = best(faces, face);
      if (match == faces.end() || intersectionOverUnion(*match, face) < kSame) {
        ++out.missed;
        out.missedConfident += face.score > kConfident;
        continue;
      }
      overlap[isLarge].push_back(intersectionOverUnion(*match, face));
      landmarks[isLarge].push_back(landmarkError(face, *match));
    }
    for (const Face &face : faces) {
      auto match = best(weak, face);
      out.extra += face.score > kFound &&
                   (match == weak.end() || intersectionOverUnion(*match, face) < kSame);
    }
  }
  out.large.overlap = mean(overlap[1]);
  out.large.landmarks = mean(landmarks[1]);
  out.small.overlap = mean(overlap[0]);
  out.small.landmarks = mean(landmarks[0]);
  std::vector<double> all = landmarks[0];
  all.insert(all.end(), landmarks[1].begin(), landmarks[1].end());
  out.landmarks = mean(all);
  return out;
}

} // namespace edgecc::bench
