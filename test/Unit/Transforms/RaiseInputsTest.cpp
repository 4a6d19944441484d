//===- RaiseInputsTest.cpp - norms and gates in their many spellings ------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "RaiseFixture.h"

using namespace qopt;
using namespace qopt::test;

namespace {

/// Text of functions of %x, a tensor<5x8xf32>, whose last value %n a linear
/// reads.
class Body {
public:
  /// A name for what an op computes.
  std::string add(const std::string &op, const std::string &type) {
    std::string name = "%v" + std::to_string(count++);
    text += "  " + name + " = " + op + " : " + type + "\n";
    return name;
  }
  std::string both(const std::string &op, const std::string &a,
                   const std::string &b, const std::string &type = full) {
    return add(op + " " + a + ", " + b, type);
  }
  std::string constant(double value, const std::string &type = full) {
    return add("arith.constant dense<" + std::to_string(value) + ">", type);
  }
  /// The sum of each row.
  std::string sum(const std::string &x) {
    std::string zeros = constant(0, rows);
    std::string name = "%v" + std::to_string(count++);
    text += "  " + name + " = linalg.reduce { arith.addf } ins(" + x + " : " +
            full + ") outs(" + zeros + " : " + rows + ") dimensions = [1]\n";
    return name;
  }
  std::string repeat(const std::string &value, const std::string &type,
                     int dimension, const std::string &result = full) {
    std::string empty = add("tensor.empty()", result);
    std::string name = "%v" + std::to_string(count++);
    text += "  " + name + " = linalg.broadcast ins(" + value + " : " + type +
            ") outs(" + empty + " : " + result + ") dimensions = [" +
            std::to_string(dimension) + "]\n";
    return name;
  }
  /// x · 1/8 summed, in every element of the row.
  std::string mean(const std::string &x) {
    return repeat(both("arith.mulf", sum(x), constant(0.125, rows), rows), rows,
                  1);
  }
  /// A vector of random weights.
  std::string vector(uint64_t seed, const std::string &type = channels) {
    std::string matrix = randomDense(1, 8, seed);
    // dense<[[…]]> as dense<[…]>
    std::string flat = "dense<" + matrix.substr(7, matrix.size() - 9) + ">";
    return add("arith.constant " + flat, type);
  }
  /// One in every row.
  std::string vectors(uint64_t seed) {
    return repeat(vector(seed), channels, 0);
  }
  /// An elementwise op by linalg.generic, on vectors.
  std::string generic(const std::string &vector, const std::string &body) {
    std::string empty = add("tensor.empty()", channels);
    std::string name = "%v" + std::to_string(count++);
    text += "  " + name +
            " = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, "
            "affine_map<(i) -> (i)>], iterator_types = [\"parallel\"]} ins(" +
            vector + " : " + channels + ") outs(" + empty + " : " + channels +
            ") {\n  ^bb0(%i: f32, %o: f32):\n    %one = arith.constant 1.0 : "
            "f32\n    %r = " +
            body + " : f32\n    linalg.yield %r : f32\n  } -> " + channels +
            "\n";
    return name;
  }
  std::string cast(const std::string &op, const std::string &x,
                   const std::string &from, const std::string &to) {
    return add(op + " " + x, from + " to " + to);
  }
  /// The function, with a linear of `value`.
  std::string function(const std::string &name, const std::string &value) {
    return "func.func @" + name + "(%x: " + full + ") -> tensor<5x6xf32> {\n" +
           text + "  %w = arith.constant " + randomDense(6, 8, 9) +
           " : tensor<6x8xf32>\n"
           "  %z = arith.constant dense<0.0> : tensor<5x6xf32>\n"
           "  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(" +
           value + ", %w : " + full +
           ", tensor<6x8xf32>) outs(%z : tensor<5x6xf32>) -> tensor<5x6xf32>\n"
           "  return %y : tensor<5x6xf32>\n}\n";
  }

  static constexpr const char *full = "tensor<5x8xf32>";
  static constexpr const char *rows = "tensor<5xf32>";
  static constexpr const char *channels = "tensor<8xf32>";
  static constexpr const char *half = "tensor<5x8xf16>";

private:
  std::string text;
  int count = 0;
};

class RaiseInputs : public RaiseFixture {
protected:
  void add(const Body &body, const std::string &value) {
    text += Body(body).function("f" + std::to_string(count++), value);
  }

  void check(const std::string &op) { checkRaised(op); }
};

/// Something that is computed from x in a way that no formula knows.
std::string opaque(Body &b) {
  return b.both("arith.maximumf", "%x", b.constant(-0.25));
}

/// 1 / sqrt(x + eps).
std::string inverseRoot(Body &b, const std::string &x, double eps) {
  return b.add("math.rsqrt " + b.both("arith.addf", x, b.constant(eps)),
               Body::full);
}

} // namespace

TEST_F(RaiseInputs, FindsRmsNorms) {
  { // A weight less one, as Gemma's.
    Body b;
    std::string squares = b.both("arith.mulf", "%x", "%x");
    std::string x =
        b.both("arith.mulf", "%x", inverseRoot(b, b.mean(squares), 1e-2));
    std::string weight = b.both("arith.addf", b.constant(1), b.vectors(1));
    add(b, b.both("arith.mulf", x, weight));
  }
  { // Divided by a root, and the weight first.
    Body b;
    std::string squares = b.both("arith.mulf", "%x", "%x");
    std::string root = b.add(
        "math.sqrt " + b.both("arith.addf", b.constant(1e-3), b.mean(squares)),
        Body::full);
    std::string scaled = b.both("arith.mulf", b.vectors(2), "%x");
    add(b, b.both("arith.divf", scaled, root));
  }
  check("llm.rms_norm");
}

TEST_F(RaiseInputs, FindsLayerNorms) {
  for (bool bias : {true, false}) { // as torch-mlir writes them
    Body b;
    std::string x = b.both("arith.subf", "%x", b.mean("%x"));
    std::string squares = b.both("arith.mulf", x, x);
    std::string y =
        b.both("arith.mulf", x, inverseRoot(b, b.mean(squares), 1e-2));
    y = b.both("arith.mulf", y, b.vectors(3));
    add(b, bias ? b.both("arith.addf", y, b.vectors(4)) : y);
  }
  { // E[x²] − E[x]², as flax does.
    Body b;
    std::string mean = b.mean("%x");
    std::string squares = b.mean(b.both("arith.mulf", "%x", "%x"));
    std::string variance =
        b.both("arith.subf", squares, b.both("arith.mulf", mean, mean));
    std::string factor =
        b.both("arith.mulf", inverseRoot(b, variance, 1e-2), b.vectors(5));
    std::string y =
        b.both("arith.mulf", b.both("arith.subf", "%x", mean), factor);
    add(b, b.both("arith.addf", y, b.vectors(6)));
  }
  check("llm.layer_norm");
}

TEST_F(RaiseInputs, FindsNormsOfHalves) {
  { // As in transformers: in f32, and rounded before the weight.
    Body b;
    std::string h = b.cast("arith.truncf", "%x", Body::full, Body::half);
    h = b.both("arith.addf", h, h, Body::half);
    std::string x = b.cast("arith.extf", h, Body::half, Body::full);
    std::string squares = b.both("arith.mulf", x, x);
    x = b.both("arith.mulf", x, inverseRoot(b, b.mean(squares), 1e-2));
    x = b.cast("arith.truncf", x, Body::full, Body::half);
    std::string weight =
        b.repeat(b.vector(1, "tensor<8xf16>"), "tensor<8xf16>", 0, Body::half);
    x = b.both("arith.mulf", weight, x, Body::half);
    add(b, b.cast("arith.extf", x, Body::half, Body::full));
  }
  tolerance = 2e-3f;
  check("llm.rms_norm");
}

TEST_F(RaiseInputs, FindsNormsWithoutWeight) {
  Body b;
  std::string squares = b.both("arith.mulf", "%x", "%x");
  add(b, b.both("arith.mulf", "%x", inverseRoot(b, b.mean(squares), 1e-2)));
  check("llm.rms_norm");
}

TEST_F(RaiseInputs, FindsWeightsThatAreComputed) {
  Body b; // as torch-mlir writes Gemma's
  std::string squares = b.both("arith.mulf", "%x", "%x");
  std::string x =
      b.both("arith.mulf", "%x", inverseRoot(b, b.mean(squares), 1e-2));
  std::string weight = b.generic(b.vector(1), "arith.addf %i, %one");
  add(b, b.both("arith.mulf", x, b.repeat(weight, Body::channels, 0)));
  check("llm.rms_norm");
}

TEST_F(RaiseInputs, FindsNormsThatWereTosa) {
  // Numbers are tensors of units, and the weight is a row.
  text += "func.func @f0(%x: tensor<5x8xf32>) -> tensor<5x6xf32> {\n"
          "  %g = arith.constant " +
          randomDense(1, 8, 7) + R"( : tensor<1x8xf32>
  %w = arith.constant )" +
          randomDense(6, 8, 9) +
          R"( : tensor<6x8xf32>
  %eighth = arith.constant dense<0.125> : tensor<1x1xf32>
  %eps = arith.constant dense<0.01> : tensor<1x1xf32>
  %e = tensor.empty() : tensor<5x8xf32>
  %e1 = tensor.empty() : tensor<5x1xf32>
  %z = arith.constant dense<0.0> : tensor<5xf32>
  %q = arith.mulf %x, %x : tensor<5x8xf32>
  %sum = linalg.reduce { arith.addf } ins(%q : tensor<5x8xf32>) outs(%z : tensor<5xf32>) dimensions = [1]
  %column = tensor.expand_shape %sum [[0, 1]] output_shape [5, 1] : tensor<5xf32> into tensor<5x1xf32>
  %root = linalg.generic {indexing_maps = [#ij, affine_map<(i, j) -> (0, j)>, affine_map<(i, j) -> (0, j)>, #ij], iterator_types = ["parallel", "parallel"]}
    ins(%column, %eighth, %eps : tensor<5x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>) outs(%e1 : tensor<5x1xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %0, %c : f32
    %2 = math.rsqrt %1 : f32
    linalg.yield %2 : f32
  } -> tensor<5x1xf32>
  %n = linalg.generic {indexing_maps = [#ij, affine_map<(i, j) -> (i, 0)>, affine_map<(i, j) -> (0, j)>, #ij], iterator_types = ["parallel", "parallel"]}
    ins(%x, %root, %g : tensor<5x8xf32>, tensor<5x1xf32>, tensor<1x8xf32>) outs(%e : tensor<5x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32, %o: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.mulf %0, %c : f32
    linalg.yield %1 : f32
  } -> tensor<5x8xf32>
  %z6 = arith.constant dense<0.0> : tensor<5x6xf32>
  %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%n, %w : tensor<5x8xf32>, tensor<6x8xf32>) outs(%z6 : tensor<5x6xf32>) -> tensor<5x6xf32>
  return %y : tensor<5x6xf32>
}
)";
  count = 1;
  check("llm.rms_norm");
}

TEST_F(RaiseInputs, FindsLayerNormsThatTakeTheMeanTwice) {
  Body b; // as torch-mlir writes them: once for the variance
  std::string first = b.both("arith.subf", "%x", b.mean("%x"));
  std::string variance = b.mean(b.both("arith.mulf", first, first));
  std::string x = b.both("arith.subf", "%x", b.mean("%x"));
  x = b.both("arith.mulf", x, inverseRoot(b, variance, 1e-2));
  x = b.both("arith.mulf", x, b.vectors(3));
  add(b, b.both("arith.addf", x, b.vectors(4)));
  check("llm.layer_norm");
}

TEST_F(RaiseInputs, FindsGates) {
  { // erf
    Body b;
    std::string up = opaque(b);
    std::string u =
        b.add("math.erf " + b.both("arith.mulf", "%x", b.constant(0.70710678)),
              Body::full);
    std::string share = b.both("arith.addf", u, b.constant(1));
    std::string half = b.both("arith.mulf", "%x", b.constant(0.5));
    add(b, b.both("arith.mulf", up, b.both("arith.mulf", half, share)));
  }
  { // tanh, with a power
    Body b;
    std::string up = opaque(b);
    std::string cube = b.both("math.powf", "%x", b.constant(3));
    // std::to_string has six digits: 0.044715 is one of them.
    std::string inner = b.both(
        "arith.addf", "%x", b.both("arith.mulf", cube, b.constant(0.044715)));
    std::string root = b.add("arith.constant dense<0.797884583>", Body::full);
    std::string u =
        b.add("math.tanh " + b.both("arith.mulf", inner, root), Body::full);
    std::string share = b.both("arith.addf", b.constant(1), u);
    std::string half = b.both("arith.mulf", b.constant(0.5), share);
    add(b, b.both("arith.mulf", b.both("arith.mulf", "%x", half), up));
  }
  { // x times the logistic function
    Body b;
    std::string up = opaque(b);
    std::string power =
        b.add("math.exp " + b.add("arith.negf %x", Body::full), Body::full);
    std::string logistic = b.both("arith.divf", b.constant(1),
                                  b.both("arith.addf", b.constant(1), power));
    add(b, b.both("arith.mulf", up, b.both("arith.mulf", logistic, "%x")));
  }
  check("llm.gated");
}

TEST_F(RaiseInputs, FindsGatesWithRoundedConstants) {
  Body b; // 0.044715 and the root of 2/π to 16 bits
  std::string up = opaque(b);
  std::string cube = b.both("math.powf", "%x", b.constant(3));
  std::string cubic = b.add("arith.constant dense<0.044677734375>", Body::full);
  std::string inner =
      b.both("arith.addf", "%x", b.both("arith.mulf", cube, cubic));
  std::string root = b.add("arith.constant dense<0.796875>", Body::full);
  std::string share = b.both(
      "arith.addf", b.constant(1),
      b.add("math.tanh " + b.both("arith.mulf", inner, root), Body::full));
  std::string half = b.both("arith.mulf", b.constant(0.5), share);
  add(b, b.both("arith.mulf", b.both("arith.mulf", "%x", half), up));
  tolerance = 2e-3f;
  check("llm.gated");
}
