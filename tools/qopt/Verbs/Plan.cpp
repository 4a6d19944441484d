//===- Plan.cpp - qopt plan -----------------------------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The dry run of quantize: the same decisions, and no weight is read.
//
//===----------------------------------------------------------------------===//
#include "Quantize/Options.h"
#include "Verbs.h"

#include "qopt/Export/ExportGguf.h"
#include "qopt/Formats/BlockGrid.h"
#include "qopt/Formats/Mix.h"
#include "qopt/IO/Json.h"
#include "qopt/Support/ThreadPool.h"
#include "qopt/Transforms/MemoryPlan.h"
#include "qopt/Transforms/Requantize.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <tuple>

using namespace qopt;

namespace {

struct PlanFlags {
  int64_t context = 0;
  std::string ram, size;
  bool json = false;
};

/// What one choice of types would give.
struct Plan {
  std::string type;
  std::vector<WeightRow> rows;
  WeightTotal total;
  std::optional<RunMemory> run; // nothing if the module has no llm.config
  int64_t encoding;
};

/// A mix, and whether it is within what the user has.
struct Choice {
  Plan plan;
  bool fits;
  bool good; // worth recommending
};

} // namespace

/// "8G", "4.5GiB": powers of 1024; "4GB": powers of 1000; "123456": bytes.
static Result<int64_t> parseBytes(std::string_view text,
                                  std::string_view flag) {
  double number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(end - text.data());
  double base = unit.size() == 2 && unit[1] == 'B' ? 1000 : 1024;
  size_t power = unit.empty() ? 0 : std::string_view("KMGT").find(unit[0]) + 1;
  bool known =
      unit.empty() ||
      (power != 0 && power <= 4 &&
       (unit.size() == 1 || unit.substr(1) == "B" || unit.substr(1) == "iB"));
  double bytes = number * std::pow(base, double(power));
  if (error != std::errc() || !known || !(bytes >= 1) || bytes > 1e18)
    return usageError(flag, " takes a size as 8G, 900M or 4.5GB, not '", text,
                      "'");
  return int64_t(bytes);
}

static Result<Plan> planType(Model &model, QuantizeOptions &options,
                             const std::string &type, int64_t context) {
  options.recipe.types.type = type;
  QOPT_ASSIGN(AssignedTypes assigned,
              assignTypes(*model.module, options.recipe.types));
  QOPT_CHECK(prepareRequantization(*model.module, options.allowRequantize));
  QOPT_ASSIGN(std::vector<WeightRow> rows,
              options.format().plan(model, options));
  WeightTotal total(rows);
  std::optional<RunMemory> run;
  if ((*model.module)->hasAttr("llm.config")) {
    QOPT_ASSIGN(run, runMemory(*model.module, total.bytes, context));
  }
  int64_t encoding =
      encodeMemory(rows, model.services->compute().pool.threads());
  return Plan{type, std::move(rows), total, run, encoding};
}

static double megabytes(int64_t bytes) { return bytes * 1e-6; }

static void printTotals(const Plan &plan) {
  std::printf("%-12s %.2f MB, %.3f bits per weight, %.3f in quantized ones\n",
              "size", megabytes(plan.total.bytes), plan.total.bits(),
              plan.total.quantizedBits());
  if (plan.run)
    std::printf("%-12s %.0f MB: weights %.0f, cache %.0f (%lld tokens, f16), "
                "buffers about %.0f\n",
                "to run", megabytes(plan.run->total()),
                megabytes(plan.run->weights), megabytes(plan.run->cache),
                static_cast<long long>(plan.run->context),
                megabytes(plan.run->buffers));
  std::printf("%-12s about %.0f MB beside mapped files, without calibration\n",
              "to encode", megabytes(plan.encoding));
}

static void printTable(const Plan &plan) {
  for (const WeightRow &row : plan.rows) {
    std::string shape;
    for (int64_t extent : row.shape)
      shape += (shape.empty() ? "" : "x") + std::to_string(extent);
    std::printf("%-32s %-12s %-16s %14lld\n", row.name.c_str(),
                row.type.c_str(), shape.c_str(),
                static_cast<long long>(row.bytes));
  }
  printTotals(plan);
}

static void writeJson(JsonWriter &json, const Plan &plan, bool tensors) {
  json.member("type", plan.type)
      .member("bytes", plan.total.bytes)
      .member("bpw", plan.total.bits())
      .member("bpw_quantized", plan.total.quantizedBits())
      .member("encode_memory", plan.encoding);
  if (plan.run)
    json.member("context", plan.run->context)
        .member("run_memory", plan.run->total())
        .member("cache", plan.run->cache);
  if (!tensors)
    return;
  json.key("tensors").beginArray();
  for (const WeightRow &row : plan.rows) {
    json.beginObject().member("name", row.name).member("type", row.type);
    json.key("shape").beginArray();
    for (int64_t extent : row.shape)
      json.value(extent);
    json.endArray().member("bytes", row.bytes).endObject();
  }
  json.endArray();
}

/// Mixes for any model: not those of types that suit models trained for them
/// (ternary, MXFP4).
static bool isGeneral(const Mix &mix) { return findBlockGrid(mix.base); }
/// At equal size super-blocks are better than the older types of 32 weights.
static bool isBestOfItsSize(const Mix &mix) {
  return mix.base == GgufType::Q8_0 || findBlockGrid(mix.base)->elements > 32;
}

/// Every general mix, from the largest to the smallest.
static Result<std::vector<Choice>>
chooseMix(Model &model, QuantizeOptions &options, const PlanFlags &flags) {
  int64_t ram = INT64_MAX, size = INT64_MAX;
  if (!flags.ram.empty()) {
    QOPT_ASSIGN(ram, parseBytes(flags.ram, "--ram"));
  }
  if (!flags.size.empty()) {
    QOPT_ASSIGN(size, parseBytes(flags.size, "--size"));
  }
  std::vector<Choice> choices;
  for (const Mix &mix : mixes()) {
    if (!isGeneral(mix))
      continue;
    QOPT_ASSIGN(Plan plan,
                planType(model, options, std::string(mix.name), flags.context));
    if (!flags.ram.empty() && !plan.run)
      return usageError("--ram needs a module with llm.config; use --size");
    bool fits = plan.total.bytes <= size &&
                (flags.ram.empty() || plan.run->total() <= ram);
    choices.push_back({std::move(plan), fits, isBestOfItsSize(mix)});
  }
  std::ranges::sort(choices, [](const Choice &a, const Choice &b) {
    return std::tuple(-a.plan.total.bytes, a.plan.type) <
           std::tuple(-b.plan.total.bytes, b.plan.type);
  });
  return choices;
}

/// The largest that fits: more bits are less error.
static const Choice *best(const std::vector<Choice> &choices) {
  auto found =
      std::find_if(choices.begin(), choices.end(), [](const Choice &choice) {
        return choice.fits && choice.good;
      });
  return found == choices.end() ? nullptr : &*found;
}

static Status recommend(Model &model, QuantizeOptions &options,
                        const PlanFlags &flags) {
  QOPT_ASSIGN(std::vector<Choice> choices, chooseMix(model, options, flags));
  const Choice *chosen = best(choices);
  if (flags.json) {
    JsonWriter json;
    json.beginObject();
    if (chosen)
      json.member("recommended", chosen->plan.type);
    json.key("mixes").beginArray();
    for (const Choice &choice : choices) {
      json.beginObject();
      writeJson(json, choice.plan, false);
      json.member("fits", choice.fits).endObject();
    }
    json.endArray().endObject();
    std::printf("%s\n", json.text().c_str());
  } else {
    std::printf("%-10s %12s %8s %12s\n", "type", "MB", "bits", "MB to run");
    for (const Choice &choice : choices) {
      std::string run = choice.plan.run
                            ? std::to_string(choice.plan.run->total() / 1000000)
                            : "";
      std::printf("%-10s %12.1f %8.3f %12s  %s\n", choice.plan.type.c_str(),
                  megabytes(choice.plan.total.bytes), choice.plan.total.bits(),
                  run.c_str(),
                  &choice == chosen ? "<- the best that fits"
                  : choice.fits     ? "fits"
                                    : "");
    }
    if (chosen)
      std::printf("qopt quantize %s -o OUT.gguf --format gguf --type %s\n",
                  options.model.c_str(), chosen->plan.type.c_str());
  }
  if (chosen)
    return {};
  const Plan &smallest = choices.back().plan;
  std::string needs = str("has ", smallest.total.bytes, " bytes of weights");
  if (smallest.run)
    needs += str(" and runs in ", smallest.run->total());
  return badInput("no mix is small enough; the smallest, ", smallest.type, ", ",
                  needs);
}

Status qopt::runPlan(std::span<char *> words) {
  QuantizeOptions options;
  PlanFlags flags;
  QOPT_ASSIGN(bool proceed, options.parsePlan(words, [&](Arguments &arguments) {
    arguments.option("--ctx", "N",
                     "tokens that a run keeps; default: min(4096, that of the "
                     "model)",
                     flags.context);
    arguments.option("--ram", "SIZE",
                     "recommend the best GGUF mix that runs in so much memory, "
                     "as 8G",
                     flags.ram);
    arguments.option("--size", "SIZE",
                     "recommend the best GGUF mix whose weights are no larger",
                     flags.size);
    arguments.flag("--json", "print one JSON object", flags.json);
  }));
  if (!proceed)
    return {};
  StderrProgress progress;
  QOPT_ASSIGN(Model model, openModel(options.model, options.machine, progress));
  if (!flags.ram.empty() || !flags.size.empty())
    return recommend(model, options, flags);
  QOPT_ASSIGN(Plan plan, planType(model, options, options.recipe.types.type,
                                  flags.context));
  if (!flags.json) {
    printTable(plan);
    return {};
  }
  JsonWriter json;
  json.beginObject();
  writeJson(json, plan, true);
  json.endObject();
  std::printf("%s\n", json.text().c_str());
  return {};
}
