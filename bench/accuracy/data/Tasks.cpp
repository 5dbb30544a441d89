#include "bench/accuracy/data/Tasks.h"

#include <string>

namespace edgecc::bench {

static ImageOptions picture(ChannelOrder order, std::vector<double> mean = {},
                            std::vector<double> scale = {}, ImageLayout layout = ImageLayout::NCHW,
                            ImageFit fit = ImageFit::Stretch) {
  ImageOptions options;
  options.order = order;
  options.mean = std::move(mean);
  options.scale = std::move(scale);
  options.layout = layout;
  options.fit = fit;
  return options;
}

static std::vector<Task> makeTasks() {
  using enum ChannelOrder;
  using enum Source;
  using enum Scoring;
  using In = SeededInput::Kind;
  constexpr auto kNhwc = ImageLayout::NHWC;
  constexpr auto kLetterbox = ImageFit::Letterbox;
  const std::vector<double> unit{1 / 255.0};
  // ImageNet's statistics on samples of 0..1.
  const std::vector<double> means{0.485 * 255, 0.456 * 255, 0.406 * 255};
  const std::vector<double> scales{1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)};
  const ImageOptions normalised = picture(RGB, means, scales);
  const ImageOptions inception = picture(RGB, {127.5}, {1 / 127.5});
  const ImageOptions faces = picture(BGR, {}, {}, ImageLayout::NCHW, kLetterbox);
  return {
      {"mlperf_resnet8_fp32", Labels, Cifar, picture(RGB), 0, "mlperf_resnet8_qdq"},
      {"resnet20_cifar10", Labels, Cifar, normalised},
      {"mnist_8", Labels, Mnist, picture(Gray)},
      {"mnist_opset18", Labels, Mnist, picture(Gray, {0.1307 * 255}, {1 / (0.3081 * 255)})},
      {"mobilenetv2_imagenet_fp32", Labels, ImageNet, inception, 1, "mobilenetv2_imagenet_qdq"},
      {"squeezenet_fp32", Labels, ImageNet, picture(BGR, {104, 117, 123})},

      {"yunet_n_320", Faces, FacePhotos, faces},
      {"yunet_2023mar", Faces, FacePhotos, faces},
      {"yunet_n_dynamic", Faces, FacePhotos, faces},

      {"dncnn25_gray", Denoising, Set12},
      {"pmrid", Denoising, RawKodak},

      {"mlperf_vww_fp32", Classes, Coco, picture(RGB, {}, unit), 0, "mlperf_vww_qdq"},
      {"mlperf_kws_fp32", Classes, Seeded, {}, 0, "mlperf_kws_qdq", {{In::Normal, 20}}},
      {"magika_v3_3", Classes, Seeded, {}, 0, nullptr, {{In::Integers, 256}}},
      {"cct_2_32_opset20", Classes, Cifar, normalised},
      {"rand_mobilenet_v3_small", Classes, ImageNet, normalised},
      {"rand_shufflenet_v2_x1_0", Classes, ImageNet, normalised},

      {"mediapipe_palm_lite", Agreement, Coco, picture(RGB, {}, unit, kNhwc, kLetterbox)},
      {"mediapipe_hand_landmark_lite", Agreement, Coco, picture(RGB, {}, unit, kNhwc)},
      {"unet_sed", Agreement, FacePhotos, picture(Gray, {}, unit)},
      {"yolox_nano", Agreement, Coco, picture(BGR, {}, {}, ImageLayout::NCHW, kLetterbox)},
      {"fastestdet", Agreement, Coco, picture(BGR, {}, unit)},
      {"ultraface_rfb320", Agreement, FacePhotos, picture(RGB, {127}, {1 / 128.0})},
      {"super_resolution_10", Agreement, Kodak, picture(Gray, {}, unit)},
      {"fsrcnn_x2", Agreement, Kodak, picture(Gray, {}, unit, kNhwc)},
      {"ppocrv3_det", Agreement, Coco, normalised},
      {"ppocrv4_rec", Agreement, Page, picture(BGR, {127.5}, {1 / 127.5})},
      {"gtcrn_simple",
       Agreement,
       Seeded,
       {},
       0,
       nullptr,
       {{In::Normal, 0.3}, {In::Normal, 0.1}, {In::Normal, 0.1}, {In::Normal, 0.1}}},
      {"dtln_1", Agreement, Seeded, {}, 0, nullptr, {{In::Magnitude, 1}, {In::Normal, 0.2}}},
      {"silero_vad",
       Agreement,
       Seeded,
       {},
       0,
       nullptr,
       {{In::Normal, 0.1}, {In::Normal, 0.1}, {In::Constant, 16000}}},
      {"keypoint_classifier", Agreement, Seeded, {}, 0, nullptr, {{In::Normal, 0.5}}},
      {"point_history_lstm",
       Agreement,
       Seeded,
       {},
       0,
       nullptr,
       {{In::Normal, 0.5}, {In::Constant, 0.3}}},
      {"basic_pitch", Agreement, Seeded, {}, 0, nullptr, {{In::Normal, 0.2}}},
      {"oww_embedding", Agreement, Seeded, {}, 0, nullptr, {{In::Uniform, 20}}},
      {"autoencoder1d", Agreement, Seeded, {}, 0, nullptr, {{In::Normal, 1}}},
      {"rand_unet_small", Agreement, FacePhotos, picture(RGB, {}, unit)},
      {"rand_espcn_x3", Agreement, Kodak, picture(Gray, {}, unit)},
      {"rand_tiny_bert",
       Agreement,
       Seeded,
       {},
       0,
       nullptr,
       {{In::Integers, 1000}, {In::Constant, 1}}},
  };
}

const std::vector<Task> &tasks() {
  static const std::vector<Task> kAll = makeTasks();
  return kAll;
}

const Task *findTask(const std::string &model) {
  for (const Task &task : tasks())
    if (task.model == model)
      return &task;
  return nullptr;
}

} // namespace edgecc::bench
