// What the web pages of all reports share.
#pragma once

#include <string>
#include <string_view>

namespace edgecc::driver::html {

// From the doctype to the page's heading, which is `title`. The page may load nothing; `style` is
// added to the common one.
std::string pageStart(std::string_view title, std::string_view style = "");

// The script that sorts tables, and the end.
std::string pageEnd();

// A number of the whole model. `value` and `detail` are HTML.
std::string card(std::string_view label, const std::string &value, const std::string &detail);

// A name from the model, escaped, whose direction of writing does not spill over.
std::string named(std::string_view text);

} // namespace edgecc::driver::html
