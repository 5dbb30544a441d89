// Elements of drawings.
#pragma once

#include <string>
#include <string_view>

namespace edgecc::driver::html {

// `anchor`: start, middle or end; `content` is escaped.
std::string text(double x, double y, std::string_view anchor, std::string_view content);
std::string line(double x0, double y0, double x1, double y1, std::string_view style);
std::string rectangle(std::string_view style, double x, double y, double width, double height);

// Longer names keep their end, which tells layers apart; the whole belongs in a tooltip. Escaped.
std::string shortened(std::string_view name, size_t characters);

// The least of 1, 2, 5 times a power of ten that divides `extent` into at most `parts`.
double tickStep(double extent, double parts);

} // namespace edgecc::driver::html
