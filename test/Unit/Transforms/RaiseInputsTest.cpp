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
                     int dimension) {
    std::string empty = add("tensor.empty()", full);
    std::string name = "%v" + std::to_string(count++);
    text += "  " + name + " = linalg.broadcast ins(" + value + " : " + type +
            ") outs(" + empty + " : " + full + ") dimensions = [" +
            std::to_string(dimension) + "]\n";
    return name;
  }
  /// x · 1/8 summed, in every element of the row.
  std::string mean(const std::string &x) {
    return repeat(both("arith.mulf", sum(x), constant(0.125, rows), rows), rows,
                  1);
  }
  /// A vector of random weights in every row.
  std::string vector(uint64_t seed) {
    std::string matrix = randomDense(1, 8, seed);
    // dense<[[…]]> as dense<[…]>
    std::string flat = "dense<" + matrix.substr(7, matrix.size() - 9) + ">";
    return repeat(add("arith.constant " + flat, "tensor<8xf32>"),
                  "tensor<8xf32>", 0);
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
    std::string weight = b.both("arith.addf", b.constant(1), b.vector(1));
    add(b, b.both("arith.mulf", x, weight));
  }
  { // Divided by a root, and the weight first.
    Body b;
    std::string squares = b.both("arith.mulf", "%x", "%x");
    std::string root = b.add(
        "math.sqrt " + b.both("arith.addf", b.constant(1e-3), b.mean(squares)),
        Body::full);
    std::string scaled = b.both("arith.mulf", b.vector(2), "%x");
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
    y = b.both("arith.mulf", y, b.vector(3));
    add(b, bias ? b.both("arith.addf", y, b.vector(4)) : y);
  }
  { // E[x²] − E[x]², as flax does.
    Body b;
    std::string mean = b.mean("%x");
    std::string squares = b.mean(b.both("arith.mulf", "%x", "%x"));
    std::string variance =
        b.both("arith.subf", squares, b.both("arith.mulf", mean, mean));
    std::string factor =
        b.both("arith.mulf", inverseRoot(b, variance, 1e-2), b.vector(5));
    std::string y =
        b.both("arith.mulf", b.both("arith.subf", "%x", mean), factor);
    add(b, b.both("arith.addf", y, b.vector(6)));
  }
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
