#include "backends/device/scheduled/Prefetch.h"

#include <algorithm>

namespace edgecc::device::scheduled {

namespace {

bool writes(const Draft &draft, uint32_t buffer) {
  return std::ranges::any_of(draft.it->outputs,
                             [&](const auto &view) { return view->buffer == buffer; });
}

// Where the load may go: before the last instruction of the convolution engine, if nothing behind
// that writes what it reads. It does not pass vector units, which may need the memory that its tile
// would take.
size_t positionFor(const Draft &load, const std::vector<Draft> &list,
                   const StreamMachine &machine) {
  uint32_t source = load.it->inputs[0]->buffer;
  for (size_t at = list.size(); at-- > 0;) {
    const Draft &earlier = list[at];
    if (earlier.isLoad || writes(earlier, source))
      break;
    if (earlier.engine == machine.convolution)
      return at;
    if (earlier.engine != machine.transfer)
      break;
  }
  return list.size();
}

} // namespace

void prefetch(std::vector<Draft> &drafts, const StreamMachine &machine) {
  std::vector<Draft> list;
  list.reserve(drafts.size());
  for (size_t i = 0; i < drafts.size();) {
    if (!drafts[i].isLoad) {
      list.push_back(std::move(drafts[i++]));
      continue;
    }
    // Loads in a row move together and keep their order.
    size_t end = i;
    size_t position = 0;
    while (end < drafts.size() && drafts[end].isLoad)
      position = std::max(position, positionFor(drafts[end++], list, machine));
    std::vector<Draft> loads(std::make_move_iterator(drafts.begin() + static_cast<ptrdiff_t>(i)),
                             std::make_move_iterator(drafts.begin() + static_cast<ptrdiff_t>(end)));
    list.insert(list.begin() + static_cast<ptrdiff_t>(position),
                std::make_move_iterator(loads.begin()), std::make_move_iterator(loads.end()));
    i = end;
  }
  drafts = std::move(list);
}

} // namespace edgecc::device::scheduled
