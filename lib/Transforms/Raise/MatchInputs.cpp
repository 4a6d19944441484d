//===- MatchInputs.cpp - formulas that are norms or gates -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "MatchInputs.h"

#include "llvm/ADT/APFloat.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

using namespace mlir;
using namespace qopt;

using Kind = Expression::Kind;
using Row = std::vector<double>;

/// Numbers without a pattern: fractional parts of multiples of the golden
/// ratio, in (−scale, scale).
static Row numbers(int64_t count, double scale, int seed) {
  Row row(count);
  for (int64_t i = 0; i < count; ++i) {
    const double turn = std::numbers::phi * double(i + 1) + 0.37 * seed;
    row[i] = scale * (2 * (turn - std::floor(turn)) - 1);
  }
  return row;
}

/// Constants of a formula are f32, so that it agrees to some 1e-7 of the
/// largest.
static bool agree(const Row &a, const Row &b) {
  double largest = 0, difference = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i]))
      return false;
    largest = std::max(largest, std::abs(b[i]));
    difference = std::max(difference, std::abs(a[i] - b[i]));
  }
  return difference <= 2e-6 * largest;
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

static Row without(const Row &x, bool mean) {
  Row result = x;
  const double average = std::reduce(x.begin(), x.end()) / double(x.size());
  for (double &number : result)
    number -= mean ? average : 0;
  return result;
}

static double meanSquare(const Row &x) {
  return std::inner_product(x.begin(), x.end(), x.begin(), 0.) /
         double(x.size());
}

/// The definition.
static Row normOf(const Row &x, const Row &weight, const Row &bias,
                  const NormFormula &norm) {
  Row y = without(x, norm.centered);
  const double root = std::sqrt(meanSquare(y) + norm.eps);
  for (size_t i = 0; i < x.size(); ++i)
    y[i] = y[i] / root * (norm.offset + weight[i]) + bias[i];
  return y;
}

/// The constant of the formula that `eps` is, but for rounding.
static double constantNear(const Expression &formula, double eps) {
  if (formula.is(Kind::Constant) &&
      std::abs(formula.constant - eps) <= 1e-3 * formula.constant)
    return formula.constant;
  for (const ExpressionRef &operand : formula.operands)
    if (double found = constantNear(*operand, eps); found != eps)
      return found;
  return eps;
}

/// Finds offset and eps of a norm of the given kind and operands, and whether
/// the formula is that.
static bool completes(const Expression &formula, int64_t channels,
                      NormFormula &norm) {
  const Row zeros(channels), ones(channels, 1);
  auto compute = [&](const Row &x, const Row &weight, const Row &bias) {
    LeafValues leaves = {{norm.input, x}};
    if (norm.weight)
      leaves[norm.weight] = weight;
    if (norm.bias)
      leaves[norm.bias] = bias;
    return evaluateRow(formula, channels, leaves);
  };
  // Small numbers, of which eps is a large part: y = x̂ (offset + weight), or
  // x̂ without a weight.
  const Row small = numbers(channels, 1e-3, 1);
  const Row none = norm.weight ? compute(small, zeros, zeros) : zeros,
            one = compute(small, ones, zeros);
  const Row centered = without(small, norm.centered);
  size_t largest = 0;
  for (size_t i = 0; i < centered.size(); ++i)
    if (std::abs(centered[i]) > std::abs(centered[largest]))
      largest = i;
  const double normalized = one[largest] - none[largest];
  const double root = centered[largest] / normalized;
  if (!std::isfinite(root) || root <= 0)
    return false;
  norm.offset = none[largest] / normalized;
  if (std::abs(norm.offset - std::round(norm.offset)) < 1e-6)
    norm.offset = std::round(norm.offset);
  const double eps = root * root - meanSquare(centered);
  if (eps < -1e-12)
    return false;
  norm.eps = constantNear(formula, std::max(0., eps));
  for (double scale : {1e-3, 1., 30.}) {
    const Row x = numbers(channels, scale, 2),
              weight = norm.weight ? numbers(channels, 1.5, 3) : ones,
              bias = numbers(channels, norm.bias ? 1 : 0, 4);
    if (!agree(compute(x, weight, bias), normOf(x, weight, bias, norm)))
      return false;
  }
  return true;
}

/// What `value` is if it is x − mean(x).
static Value centeredInput(Value value, int64_t channels) {
  ExpressionRef formula = expressionOf(value);
  if (!formula || !leavesOf(*formula, Kind::Channel).empty())
    return {};
  auto elements = leavesOf(*formula, Kind::Element);
  if (elements.size() != 1 || elements.front() == value)
    return {};
  for (double scale : {1., 100.}) {
    const Row x = numbers(channels, scale, 5);
    if (!agree(evaluateRow(*formula, channels, {{elements.front(), x}}),
               without(x, /*mean=*/true)))
      return {};
  }
  return elements.front();
}

std::optional<NormFormula> qopt::matchNorm(const Expression &formula,
                                           int64_t channels) {
  auto elements = leavesOf(formula, Kind::Element);
  auto vectors = leavesOf(formula, Kind::Channel);
  if (elements.size() != 1 || vectors.size() > 2 || channels < 2 ||
      !contains(formula, Kind::RowSum))
    return {};
  SmallVector<std::pair<Value, Value>> roles; // weight, bias
  if (vectors.empty())
    roles = {{Value(), Value()}};
  else if (vectors.size() == 1)
    roles = {{vectors[0], Value()}, {Value(), vectors[0]}};
  else
    roles = {{vectors[0], vectors[1]}, {vectors[1], vectors[0]}};
  for (auto [weight, bias] : roles)
    for (bool centered : {false, true}) {
      NormFormula norm;
      norm.input = elements.front();
      norm.weight = weight;
      norm.bias = bias;
      norm.centered = centered;
      if (!completes(formula, channels, norm))
        continue;
      // The difference from the mean is read twice, so formulas begin there.
      if (Value input =
              centered ? Value() : centeredInput(norm.input, channels)) {
        norm.input = input;
        norm.centered = true;
      }
      bool exists = norm.centered ? norm.offset == 0 : !norm.bias;
      return exists ? std::optional(norm) : std::nullopt;
    }
  return {};
}

//===----------------------------------------------------------------------===//
// Gates
//===----------------------------------------------------------------------===//

namespace {
/// The constants of activations, as a formula in some float type has them: not
/// the nearest to the true ones, but what was rounded to that type.
struct ActivationConstants {
  double inverseRoot2, rootOf2ByPi, cubic;
};
} // namespace

static std::vector<ActivationConstants> constantsInAnyType() {
  std::vector<ActivationConstants> all;
  for (const llvm::fltSemantics *type :
       {&APFloat::IEEEdouble(), &APFloat::IEEEhalf(), &APFloat::BFloat()}) {
    auto rounded = [&](double value) {
      APFloat number(value);
      bool inexact;
      number.convert(*type, APFloat::rmNearestTiesToEven, &inexact);
      return number.convertToDouble();
    };
    const double root = rounded(std::sqrt(2 * std::numbers::inv_pi)),
                 cubic = rounded(0.044715);
    all.push_back({rounded(1 / std::numbers::sqrt2), root, cubic});
    all.push_back({1 / rounded(std::numbers::sqrt2), root, cubic});
  }
  return all;
}

static double activated(llm::Activation activation,
                        const ActivationConstants &constants, double x) {
  switch (activation) {
  case llm::Activation::Silu:
    return x / (1 + std::exp(-x));
  case llm::Activation::Gelu:
    return x / 2 * std::erfc(-x * constants.inverseRoot2);
  case llm::Activation::GeluTanh:
    return x / 2 *
           (1 + std::tanh(constants.rootOf2ByPi *
                          (x + constants.cubic * x * x * x)));
  }
  llvm_unreachable("every activation is listed");
}

std::optional<GatedFormula> qopt::matchGated(const Expression &formula) {
  auto elements = leavesOf(formula, Kind::Element);
  if (elements.size() != 2 || !leavesOf(formula, Kind::Channel).empty() ||
      contains(formula, Kind::RowSum))
    return {};
  constexpr int64_t count = 64;
  const Row gate = numbers(count, 5, 6), up = numbers(count, 2, 7);
  for (unsigned which : {0, 1}) {
    const Row actual = evaluateRow(
        formula, count, {{elements[which], gate}, {elements[1 - which], up}});
    for (const ActivationConstants &constants : constantsInAnyType())
      for (auto activation : {llm::Activation::Silu, llm::Activation::Gelu,
                              llm::Activation::GeluTanh}) {
        Row expected(count);
        for (int64_t i = 0; i < count; ++i)
          expected[i] = activated(activation, constants, gate[i]) * up[i];
        if (agree(actual, expected))
          return GatedFormula{elements[which], elements[1 - which], activation};
      }
  }
  return {};
}
