// Blobs with a device program, which run on the emulator.
#pragma once

#include "driver/RuntimeModel.h"
#include "runtime/emulator/DeviceBlob.h"

namespace edgecc::driver {

class DeviceModel : public RunnableModel {
public:
  static Expected<std::unique_ptr<DeviceModel>> load(const std::filesystem::path &path);

  Expected<void> run() override;
  Tensor output(unsigned index) const override { return results_.at(index); }

  const emulator::DeviceBlob &blob() const { return *blob_; }
  // What the last run cost.
  const emulator::RunReport &report() const { return report_; }

private:
  std::unique_ptr<emulator::DeviceBlob> blob_;
  std::vector<Tensor> results_;
  emulator::RunReport report_;
};

// Whether the file is a blob with a device program.
bool isDeviceBlob(const std::filesystem::path &path);

} // namespace edgecc::driver
