//===- ReportPage.cpp - the report as one HTML page -----------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// No script, no font and no picture from elsewhere. Colours come from custom
// properties, so that one style serves light and dark.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>

using namespace qopt;

using Weight = QuantizationReport::Weight;

static constexpr const char *kStyle = R"css(
:root{--ink:#1b1f24;--paper:#fff;--faint:#6a737d;--line:#d8dee4;--mark:#0b6bcb;--cold:#e8f1fb;--hot:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--paper:#0d1117;--faint:#8b949e;--line:#30363d;--mark:#58a6ff;--cold:#15243a;--hot:#ff7b72}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin:2.2rem 0 .3rem}
p{margin:.3rem 0;color:var(--faint)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.6rem;margin:1rem 0}
dl div{border:1px solid var(--line);border-radius:6px;padding:.5rem .7rem}
dt{color:var(--faint);font-size:.8rem}dd{margin:0;font-size:1.15rem}
svg{width:100%;height:auto}svg text{font:11px system-ui,sans-serif;fill:var(--faint)}
svg .cell text{fill:var(--ink)}
table{border-collapse:collapse;width:100%;font-size:.85rem}
th,td{text-align:right;padding:.15rem .5rem;border-bottom:1px solid var(--line)}
th:first-child,td:first-child,th:nth-child(2),td:nth-child(2){text-align:left}
details{margin:1.5rem 0}summary{cursor:pointer}
)css";

static std::string escaped(std::string_view text) {
  std::string result;
  for (char letter : text)
    switch (letter) {
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '&':
      result += "&amp;";
      break;
    case '"':
      result += "&quot;";
      break;
    default:
      result += letter;
    }
  return result;
}

template <typename... Values>
static std::string format(const char *pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

/// Three digits, whatever the size.
static std::string compact(double value) {
  if (value != 0 && (std::fabs(value) < 0.001 || std::fabs(value) >= 100000))
    return format("%.2e", value);
  return format("%.3g", value);
}

//===----------------------------------------------------------------------===//
// Charts
//===----------------------------------------------------------------------===//

/// A line with a point per block.
static std::string lineChart(const std::vector<double> &values) {
  constexpr double width = 880, height = 220, left = 60, bottom = 30, top = 12;
  double most = std::max(1e-12, *std::ranges::max_element(values));
  size_t count = values.size();
  auto x = [&](size_t i) {
    return left + (width - left - 12) *
                      (count > 1 ? double(i) / double(count - 1) : 0.5);
  };
  auto y = [&](double value) {
    return height - bottom - (height - bottom - top) * value / most;
  };
  std::string svg =
      format("<svg viewBox=\"0 0 %g %g\" role=\"img\">", width, height);
  for (int step = 0; step <= 4; ++step) {
    double value = most * step / 4;
    svg += format("<line x1=\"%g\" x2=\"%g\" y1=\"%.1f\" y2=\"%.1f\" "
                  "stroke=\"var(--line)\"/><text x=\"%g\" y=\"%.1f\" "
                  "text-anchor=\"end\">%s</text>",
                  left, width - 12, y(value), y(value), left - 6, y(value) + 4,
                  compact(value).c_str());
  }
  std::string points;
  for (size_t i = 0; i < count; ++i)
    points += format("%.1f,%.1f ", x(i), y(values[i]));
  svg += "<polyline fill=\"none\" stroke=\"var(--mark)\" stroke-width=\"2\" "
         "points=\"" +
         points + "\"/>";
  size_t every = std::max<size_t>(1, count / 16);
  for (size_t i = 0; i < count; ++i) {
    svg += format("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" "
                  "fill=\"var(--mark)\"><title>block %zu: %s</title></circle>",
                  x(i), y(values[i]), i, compact(values[i]).c_str());
    if (i % every == 0)
      svg += format("<text x=\"%.1f\" y=\"%g\" text-anchor=\"middle\">%zu"
                    "</text>",
                    x(i), height - 8, i);
  }
  return svg + "</svg>";
}

/// Rows are blocks, columns kinds of weights; the colour goes with the value.
static std::string
heatMap(const std::vector<Weight> &weights,
        const std::function<std::optional<double>(const Weight &)> &quantity) {
  std::vector<std::string> kinds;
  std::map<std::pair<int64_t, size_t>, std::pair<double, std::string>> cells;
  int64_t blocks = 0;
  double least = INFINITY, most = -INFINITY;
  for (const Weight &weight : weights) {
    std::optional<double> value = quantity(weight);
    auto [block, kind] = weight.place();
    if (!value || block < 0)
      continue;
    auto known = std::ranges::find(kinds, kind);
    size_t column = known - kinds.begin();
    if (known == kinds.end())
      kinds.push_back(kind);
    cells[{block, column}] = {*value, weight.symbol};
    blocks = std::max(blocks, block + 1);
    least = std::min(least, *value);
    most = std::max(most, *value);
  }
  if (cells.empty())
    return "";
  const double width = 880, left = 34, top = 20, cell = blocks > 16 ? 14 : 24;
  double column = (width - left) / double(kinds.size());
  std::string svg = format("<svg viewBox=\"0 0 %g %g\" role=\"img\">", width,
                           top + cell * double(blocks) + 4);
  for (size_t i = 0; i < kinds.size(); ++i)
    svg += format("<text x=\"%.1f\" y=\"13\" text-anchor=\"middle\">%s</text>",
                  left + column * (double(i) + 0.5), escaped(kinds[i]).c_str());
  for (int64_t block = 0; block < blocks; ++block)
    svg += format("<text x=\"%g\" y=\"%.1f\" text-anchor=\"end\">%lld</text>",
                  left - 6, top + cell * (double(block) + 0.5) + 4,
                  (long long)block);
  for (const auto &[place, content] : cells) {
    double share = most > least ? (content.first - least) / (most - least) : 0;
    double x = left + column * double(place.second);
    double y = top + cell * double(place.first);
    svg += format("<g class=\"cell\"><rect x=\"%.1f\" y=\"%.1f\" "
                  "width=\"%.1f\" height=\"%.1f\" rx=\"2\" "
                  "style=\"fill:color-mix(in srgb,var(--hot) %.0f%%,"
                  "var(--cold))\"/>",
                  x + 1, y + 1, column - 2, cell - 2, 70 * share);
    svg += format("<title>%s: %s</title>", escaped(content.second).c_str(),
                  compact(content.first).c_str());
    if (cell > 20)
      svg += format("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s"
                    "</text>",
                    x + column / 2, y + cell / 2 + 4,
                    compact(content.first).c_str());
    svg += "</g>";
  }
  return svg + "</svg>";
}

/// A heading, a sentence and a chart; nothing without a chart.
static std::string section(const char *title, const char *explanation,
                           const std::string &chart) {
  if (chart.empty())
    return "";
  return std::string("<h2>") + title + "</h2><p>" + explanation + "</p>" +
         chart;
}

static std::string quantityMap(const QuantizationReport &report,
                               const char *title, const char *explanation,
                               const char *quantity) {
  return section(title, explanation,
                 heatMap(report.weights, [&](const Weight &weight) {
                   return weight.find(quantity);
                 }));
}

//===----------------------------------------------------------------------===//
// The page
//===----------------------------------------------------------------------===//

static std::string fact(const char *name, const std::string &value) {
  return std::string("<div><dt>") + name + "</dt><dd>" + escaped(value) +
         "</dd></div>";
}

static std::string facts(const QuantizationReport &report,
                         const QuantizeSummary &summary) {
  std::string page = "<dl>";
  page += fact("size", format("%.2f → %.2f MB", summary.before.bytes * 1e-6,
                              summary.after.bytes * 1e-6));
  page += fact("bits per quantized weight",
               format("%.3f", summary.after.quantizedBits()));
  page += fact("bits per weight", format("%.3f", summary.after.bits()));
  page += fact("time", format("%.1f s", summary.seconds));
  if (summary.resumedBlocks > 0)
    page +=
        fact("blocks finished before", std::to_string(summary.resumedBlocks));
  if (const auto &found = report.divergences) {
    page += fact("perplexity", format("%.3f → %.3f", found->referencePerplexity,
                                      found->perplexity));
    page += fact("mean KL", compact(found->whole.mean));
    page += fact("99th percentile of KL", compact(found->whole.p99));
    page += fact("top-1 agreement", format("%.2f %%", 100 * found->whole.top1));
  }
  page += "</dl>";
  std::string recipe;
  for (const auto &[key, value] : report.recipe)
    recipe +=
        (recipe.empty() ? "" : " · ") + escaped(key) + " " + escaped(value);
  return page + "<p>" + recipe + "</p>";
}

static std::string table(const QuantizationReport &report) {
  static constexpr std::pair<const char *, const char *> columns[] = {
      {"alpha", "α"},
      {"weight_error", "weight error"},
      {"output_error", "output error"}};
  std::string page = "<details><summary>All weights</summary><table><tr>"
                     "<th>weight</th><th>type</th><th>shape</th><th>bits</th>"
                     "<th>bytes</th>";
  for (auto [quantity, title] : columns)
    page += std::string("<th>") + title + "</th>";
  page += "</tr>";
  for (const Weight &weight : report.weights) {
    std::string shape;
    for (int64_t extent : weight.shape)
      shape += (shape.empty() ? "" : "×") + std::to_string(extent);
    page += "<tr><td>" + escaped(weight.symbol) + "</td><td>" +
            escaped(weight.type) + "</td><td>" + shape + "</td><td>" +
            format("%.2f", weight.bits()) + "</td><td>" +
            std::to_string(weight.bytes) + "</td>";
    for (auto [quantity, title] : columns) {
      std::optional<double> value = weight.find(quantity);
      page += "<td>" + (value ? compact(*value) : "") + "</td>";
    }
    page += "</tr>";
  }
  return page + "</table></details>";
}

std::string qopt::reportPage(const QuantizationReport &report,
                             const QuantizeSummary &summary) {
  auto name = [](const std::string &path) {
    return escaped(std::filesystem::path(path).filename().string());
  };
  std::string title = name(report.model) + " → " + name(report.output);
  std::string page = "<!doctype html>\n<html lang=\"en\"><head><meta "
                     "charset=\"utf-8\"><meta name=\"viewport\" "
                     "content=\"width=device-width\"><title>" +
                     title + "</title><style>" + kStyle +
                     "</style></head><body>\n<h1>" + title + "</h1>\n" +
                     facts(report, summary) + "\n";
  if (const auto &found = report.divergences)
    page += section(
        "KL behind each block",
        ("Mean KL to the original, in nats, if only the blocks up to this one "
         "are quantized; on " +
         escaped(report.evaluated) + ".")
            .c_str(),
        lineChart(found->afterBlock));
  page += quantityMap(report, "Error of outputs",
                      "‖y − ŷ‖ / ‖y‖ of what each linear computes, with the "
                      "errors of its own block before it.",
                      "output_error");
  page +=
      quantityMap(report, "Error of weights", "‖W − Ŵ‖ / ‖W‖.", "weight_error");
  page += quantityMap(report, "Chosen α",
                      "AWQ scales the columns of a weight by mean|x|^α of its "
                      "inputs; 0: no scales were better.",
                      "alpha");
  page += section("Bits per weight", "Scales and zero points included.",
                  heatMap(report.weights, [](const Weight &weight) {
                    return std::optional(weight.bits());
                  }));
  return page + table(report) + "\n<p>Written by qopt.</p></body></html>\n";
}
