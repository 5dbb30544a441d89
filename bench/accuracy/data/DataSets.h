// Readers for the labelled pictures that accuracy is measured on.
#pragma once

#include "frontend/io/Image.h"

namespace edgecc::bench {

struct Labelled {
  Image image;
  int label = 0; // class, from 0
};

// CIFAR-10's binary format: one label byte, then 3 planes of 32 x 32 samples, for each picture.
Expected<std::vector<Labelled>> readCifar(const std::filesystem::path &folder);

// MNIST's idx format: images-idx3-ubyte and labels-idx1-ubyte.
Expected<std::vector<Labelled>> readIdx(const std::filesystem::path &folder);

// JPEG files listed in labels.tsv (file, class, ...); each is cropped to its central size x size.
Expected<std::vector<Labelled>> readListed(const std::filesystem::path &folder, int size);

// Every PNG and JPEG of a folder in order of name, gray (1 channel) or RGB (3).
Expected<std::vector<Image>> readFolder(const std::filesystem::path &folder, int channels);

// Windows of that size at steps of a quarter of it.
std::vector<Image> windows(const Image &image, int width, int height);

} // namespace edgecc::bench
