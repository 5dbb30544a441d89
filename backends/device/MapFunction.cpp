#include "backends/device/dataflow/Dataflow.h"
#include "backends/device/scheduled/MapScheduled.h"

namespace edgecc::device {

Expected<DeviceCode> mapFunction(const Function &function, const emulator::DeviceT &device,
                                 const MapOptions &options) {
  EDGECC_TRY(tasks, makeTasks(function, device, options));
  return device.scheduled ? mapScheduled(function, std::move(tasks), device, options)
                          : dataflow::mapTasks(function, std::move(tasks), device, options);
}

} // namespace edgecc::device
