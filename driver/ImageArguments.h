// How pictures become a model's input, as options of a command.
#pragma once

#include "frontend/io/Image.h"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace edgecc::driver {

// What the user said; empty fields leave what the model itself says.
struct ImageArguments {
  std::vector<double> mean, scale;
  std::string layout, order, fit;
};

// --mean, --scale, --layout, --order and --fit.
void declareImageArguments(CLI::App &app, ImageArguments &arguments);

ImageOptions apply(const ImageArguments &arguments, ImageOptions image);

} // namespace edgecc::driver
