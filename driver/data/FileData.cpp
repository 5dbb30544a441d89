#include "driver/data/FileData.h"

#include "driver/data/Pixels.h"
#include "driver/data/SampleShape.h"
#include "frontend/io/Npy.h"
#include "frontend/io/TensorPb.h"

#include <algorithm>
#include <cctype>

namespace edgecc::driver {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMaxSamples = size_t{1} << 24;
constexpr int kMaxDepth = 8;

std::string extensionOf(const fs::path &path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension;
}

bool isPicture(const fs::path &path) {
  std::string extension = extensionOf(path);
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

bool isData(const fs::path &path) {
  return isPicture(path) || extensionOf(path) == ".npy" || extensionOf(path) == ".pb";
}

struct Listing {
  std::vector<fs::path> files, folders; // in order of name
};

Expected<Listing> listFolder(const fs::path &folder) {
  Listing out;
  std::error_code status;
  for (fs::directory_iterator at(folder, status), end; !status && at != end; at.increment(status)) {
    std::error_code unreadable;
    if (at->is_directory(unreadable))
      out.folders.push_back(at->path());
    else if (at->is_regular_file(unreadable) && isData(at->path()))
      out.files.push_back(at->path());
    if (out.files.size() + out.folders.size() > kMaxSamples)
      return error("the folder has too many files", folder.string());
  }
  if (status)
    return error("cannot list the folder: " + status.message(), folder.string());
  std::ranges::sort(out.files);
  std::ranges::sort(out.folders);
  return out;
}

// The data files of a folder or, if it has none itself, of the folders in it.
Expected<std::vector<fs::path>> dataFiles(const fs::path &folder, int depth = 0) {
  EDGECC_TRY(listing, listFolder(folder));
  if (!listing.files.empty() || depth == kMaxDepth)
    return std::move(listing.files);
  std::vector<fs::path> files;
  for (const fs::path &inner : listing.folders) {
    EDGECC_TRY(more, dataFiles(inner, depth + 1));
    files.insert(files.end(), more.begin(), more.end());
  }
  return files;
}

std::string fileNameOf(std::string input) {
  std::ranges::replace(input, '/', '_');
  return input;
}

// Names the file where a reader did not.
tl::unexpected<Diagnostics> inFile(Diagnostics diagnostics, const fs::path &file) {
  for (Diagnostic &diagnostic : diagnostics)
    if (diagnostic.where.empty())
      diagnostic.where = file.string();
  return tl::unexpected(std::move(diagnostics));
}

} // namespace

Expected<std::unique_ptr<FileData>> FileData::open(const fs::path &source, const Function &function,
                                                   const CalibrationDataOptions &options) {
  auto data = std::make_unique<FileData>();
  for (unsigned i = 0; i < function.body.numArguments(); ++i) {
    const Port &port = function.inputs[i];
    const Type &type = function.body.argument(i)->type;
    data->inputs_.push_back({port.name,
                             type,
                             apply(options.image, imageOptionsOf(port.preprocessing, type)),
                             {},
                             -1,
                             {}});
  }
  EDGECC_CHECK(data->list(source));
  data->warnAboutPixels(function, options);
  size_t total = data->inputs_[0].items.size();
  for (const Input &input : data->inputs_)
    if (input.items.size() != total)
      return error("input '" + data->inputs_[0].name + "' has " + std::to_string(total) +
                       " samples, but input '" + input.name + "' has " +
                       std::to_string(input.items.size()),
                   source.string(), "give each input the same number of samples");
  data->choose(total, options);
  return data;
}

Expected<void> FileData::list(const fs::path &source) {
  std::error_code status;
  root_ = source;
  if (fs::is_regular_file(source, status)) {
    root_ = source.parent_path();
    if (inputs_.size() != 1)
      return error("one file cannot feed a model with " + std::to_string(inputs_.size()) +
                       " inputs",
                   source.string(), "give a folder with a sub-folder for each input");
    if (!isData(source))
      return error("cannot tell the format of the file", source.string(),
                   "use .png, .jpg, .npy or .pb files");
    return add(inputs_[0], source);
  }
  if (!fs::is_directory(source, status))
    return error("there is no such file or folder with samples", source.string(),
                 "give a folder, a file, or random:COUNT");
  EDGECC_TRY(listing, listFolder(source));
  bool isOnnx = std::ranges::any_of(listing.folders, [](const fs::path &folder) {
    return folder.filename().string().starts_with("test_data_set");
  });
  if (isOnnx && listing.files.empty()) {
    for (const fs::path &folder : listing.folders)
      for (size_t j = 0; j < inputs_.size(); ++j)
        EDGECC_CHECK(add(inputs_[j], folder / ("input_" + std::to_string(j) + ".pb")));
    return {};
  }
  if (inputs_.size() > 1)
    return listForeachInput(source);
  EDGECC_TRY(files, dataFiles(source));
  if (files.empty())
    return error("the folder has no samples", source.string(),
                 "put .png, .jpg, .npy or .pb files there");
  for (const fs::path &file : files)
    EDGECC_CHECK(add(inputs_[0], file));
  return {};
}

Expected<void> FileData::listForeachInput(const fs::path &folder) {
  std::error_code status;
  for (Input &input : inputs_) {
    fs::path inner = folder / fileNameOf(input.name);
    fs::path file = inner.string() + ".npy";
    if (fs::is_regular_file(file, status)) {
      EDGECC_CHECK(add(input, file));
      continue;
    }
    if (!fs::is_directory(inner, status))
      return error("there are no samples for input '" + input.name + "'", folder.string(),
                   "add the sub-folder '" + fileNameOf(input.name) + "' or the file '" +
                       file.filename().string() + "'");
    EDGECC_TRY(files, dataFiles(inner));
    if (files.empty())
      return error("the folder has no samples", inner.string());
    for (const fs::path &each : files)
      EDGECC_CHECK(add(input, each));
  }
  return {};
}

Expected<void> FileData::add(Input &input, const fs::path &file) {
  auto index = static_cast<uint32_t>(files_.size());
  files_.push_back(file);
  if (extensionOf(file) != ".npy") {
    input.items.push_back({index, -1});
    return {};
  }
  EDGECC_TRY(array, mapNpy(file));
  EDGECC_TRY(shape, sampleShape(array.dims(), input.type, file.string()));
  if (shape.count > static_cast<int64_t>(kMaxSamples - std::min(kMaxSamples, input.items.size())))
    return error("the file has too many samples", file.string());
  if (shape.count == 1) {
    input.items.push_back({index, -1});
    return {};
  }
  for (int64_t part = 0; part < shape.count; ++part)
    input.items.push_back({index, part});
  return {};
}

Expected<Tensor> FileData::read(Input &input, Item item) {
  const fs::path &file = files_[item.file];
  if (isPicture(file)) {
    auto tensor = readImageTensor(file, input.type, input.image);
    return tensor ? std::move(tensor) : inFile(std::move(tensor.error()), file);
  }
  if (extensionOf(file) == ".pb") {
    EDGECC_TRY(named, readTensorPb(file));
    return asSample(named.tensor, -1, input.type, file.string());
  }
  if (input.mappedFile != item.file) {
    EDGECC_TRY(array, mapNpy(file));
    input.mapped = std::move(array);
    input.mappedFile = item.file;
  }
  return asSample(input.mapped, item.part, input.type, file.string());
}

Expected<std::vector<Tensor>> FileData::sample(size_t index) {
  std::vector<Tensor> tensors;
  for (Input &input : inputs_) {
    EDGECC_TRY(tensor, read(input, input.items[positionOf(index)]));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

std::string FileData::nameOf(size_t index) const {
  const Item &item = inputs_[0].items[positionOf(index)];
  std::string name = files_[item.file].lexically_relative(root_).generic_string();
  return item.part < 0 ? name : name + "[" + std::to_string(item.part) + "]";
}

void FileData::warnAboutPixels(const Function &function, const CalibrationDataOptions &options) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input &input = inputs_[i];
    bool hasPictures = std::ranges::any_of(
        input.items, [&](const Item &item) { return isPicture(files_[item.file]); });
    bool isSaid = !function.inputs[i].preprocessing.layout.empty() || !options.image.mean.empty() ||
                  !options.image.scale.empty();
    if (hasPictures && !isSaid && isFloat(input.type.dtype))
      warnings_.push_back("input '" + input.name +
                          "' is fed pixels of 0..255; give --mean and --scale if the model was "
                          "trained on others");
  }
}

} // namespace edgecc::driver
