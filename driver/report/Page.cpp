#include "driver/report/Page.h"

#include "driver/report/Html.h"
#include "driver/report/ReportStyle.h"

#include <fmt/format.h>

namespace edgecc::driver::html {

std::string pageStart(std::string_view title, std::string_view style) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; script-src 'unsafe-inline'\">\n"
      "<title>{0}: report of edgecc</title>\n<style>{1}{2}</style>\n</head>\n<body>\n<header>\n"
      "<h1 class=\"name\">{0}</h1>\n",
      escape(title), kStyle, style);
}

std::string pageEnd() {
  return std::string("<script>") + kScript + "</script>\n</body>\n</html>\n";
}

std::string card(std::string_view label, const std::string &value, const std::string &detail) {
  return fmt::format(
      "<div class=\"card\"><div class=\"label\">{}</div><div class=\"value\">{}</div>"
      "<div class=\"detail\">{}</div></div>\n",
      label, value, detail);
}

std::string named(std::string_view text) {
  return "<span class=\"name\">" + escape(text) + "</span>";
}

} // namespace edgecc::driver::html
