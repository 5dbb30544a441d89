#include "driver/report/Svg.h"

#include "driver/report/Html.h"

#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver::html {

std::string shortened(std::string_view name, size_t characters) {
  if (name.size() <= characters)
    return escape(name);
  size_t from = name.size() - characters + 1;
  while (from < name.size() && (static_cast<unsigned char>(name[from]) & 0xC0) == 0x80)
    ++from; // inside a UTF-8 character
  return "…" + escape(name.substr(from));
}

std::string text(double x, double y, std::string_view anchor, std::string_view content) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor,
                     content);
}

std::string line(double x0, double y0, double x1, double y1, std::string_view style) {
  return fmt::format(
      "<line class=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", style, x0,
      y0, x1, y1);
}

std::string rectangle(std::string_view style, double x, double y, double width, double height) {
  return fmt::format("<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                     "height=\"{:.1f}\"/>\n",
                     style, x, y, width, height);
}

double tickStep(double extent, double parts) {
  double step = std::pow(10, std::floor(std::log10(extent / parts)));
  for (double factor : {1.0, 2.0, 5.0, 10.0})
    if (extent / (step * factor) <= parts)
      return step * factor;
  return step * 10;
}

} // namespace edgecc::driver::html
