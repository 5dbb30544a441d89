#include "bench/accuracy/data/Samples.h"

#include "bench/accuracy/data/DataSets.h"
#include "bench/accuracy/data/Noisy.h"
#include "bench/accuracy/data/Random.h"

namespace edgecc::bench {
namespace {

// Pictures as they are, preprocessed when asked for.
class Pictures : public Samples {
public:
  Pictures(std::vector<Labelled> pictures, Type type, ImageOptions options)
      : pictures_(std::move(pictures)), type_(std::move(type)), options_(std::move(options)) {}

  size_t size() const override { return pictures_.size(); }
  int label(size_t index) const override { return pictures_[index].label; }
  Expected<std::vector<Tensor>> inputs(size_t index) override {
    EDGECC_TRY(tensor, imageToTensor(pictures_[index].image, type_, options_));
    return std::vector{std::move(tensor)};
  }

private:
  std::vector<Labelled> pictures_;
  Type type_;
  ImageOptions options_;
};

class SeededNumbers : public Samples {
public:
  SeededNumbers(const std::vector<SeededInput> &specs, std::vector<Type> types)
      : specs_(specs), types_(std::move(types)) {}

  size_t size() const override { return kSamples; }
  Expected<std::vector<Tensor>> inputs(size_t index) override {
    Random random(static_cast<uint32_t>(1000 + index));
    std::vector<Tensor> out;
    for (size_t i = 0; i < specs_.size(); ++i) {
      Tensor &tensor = out.emplace_back(types_[i].dtype, types_[i].dims);
      for (int64_t k = 0; k < tensor.elements(); ++k)
        tensor.setDouble(k, draw(specs_[i], random));
    }
    return out;
  }

private:
  static constexpr size_t kSamples = 64;

  static double draw(const SeededInput &spec, Random &random) {
    switch (spec.kind) {
    case SeededInput::Kind::Normal:
      return spec.scale * random.normal();
    case SeededInput::Kind::Magnitude:
      return std::abs(spec.scale * random.normal());
    case SeededInput::Kind::Uniform:
      return spec.scale * random.uniform();
    case SeededInput::Kind::Integers:
      return std::floor(spec.scale * random.uniform());
    case SeededInput::Kind::Constant:
      break;
    }
    return spec.scale;
  }

  std::vector<SeededInput> specs_;
  std::vector<Type> types_;
};

std::vector<Labelled> withoutLabels(std::vector<Image> images) {
  std::vector<Labelled> out;
  for (Image &image : images)
    out.push_back({std::move(image), -1});
  return out;
}

Expected<std::vector<Labelled>> readPictures(const Task &task, const std::filesystem::path &images,
                                             const Dims &dims) {
  int channels = task.image.order == ChannelOrder::Gray ? 1 : 3;
  auto folder = [&](const char *name) -> Expected<std::vector<Labelled>> {
    EDGECC_TRY(read, readFolder(images / name, channels));
    return withoutLabels(std::move(read));
  };
  switch (task.source) {
  case Source::Cifar:
    return readCifar(images / "cifar10_test2000");
  case Source::Mnist:
    return readIdx(images / "mnist_test2000");
  case Source::ImageNet:
    return readListed(images / "imagenet_sample_500", 224);
  case Source::Coco:
    return folder("coco_val_40");
  case Source::FacePhotos:
    return folder("faces");
  case Source::Kodak:
    return folder("kodak_500_12");
  case Source::Page: {
    EDGECC_TRY(page, readImage(images / "misc" / "skimage_page.png", channels));
    return withoutLabels(
        windows(page, static_cast<int>(dims.back()), static_cast<int>(dims[dims.size() - 2])));
  }
  default:
    return error("the task has no pictures", task.model);
  }
}

} // namespace

Expected<std::shared_ptr<Samples>>
makeSamples(const Task &task, const std::filesystem::path &shared,
            const std::vector<driver::RunnableModel::Port> &inputs) {
  std::filesystem::path images = shared / "images";
  if (task.source == Source::Seeded) {
    std::vector<Type> types;
    for (const auto &port : inputs)
      types.push_back(port.type);
    if (types.size() != task.seeded.size())
      return error("the task describes another number of inputs", task.model);
    return std::make_shared<SeededNumbers>(task.seeded, std::move(types));
  }
  if (inputs.size() != 1 || inputs[0].type.dims.size() != 4)
    return error("a picture cannot be the input of this model", task.model);
  const Type &type = inputs[0].type;
  if (task.source == Source::Set12)
    return noisyGray(images / "set12_gray", type);
  if (task.source == Source::RawKodak)
    return noisyRaw(images / "kodak_500_12", type);
  EDGECC_TRY(pictures, readPictures(task, images, type.dims));
  return std::make_shared<Pictures>(std::move(pictures), type, task.image);
}

} // namespace edgecc::bench
