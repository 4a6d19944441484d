//===- WeightError.cpp - how far each scheme is from real weights ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
//   qopt-weight-error FILE.safetensors...
//
// Rounds every float matrix of the files to every scheme and prints, as a
// table in Markdown, √(Σ |W − Ŵ|² / Σ |W|²) over all matrices of a file whose
// rows are whole blocks of the scheme ("–": none).
//
//===----------------------------------------------------------------------===//
#include "qopt/IO/Safetensors.h"
#include "qopt/Numerics/Awq.h"
#include "qopt/Numerics/ErrorMetrics.h"
#include "qopt/Numerics/Rtn.h"

#include <cstdio>
#include <filesystem>
#include <string>

using namespace qopt;

namespace {
struct Scheme {
  std::string name;
  int64_t blockLength; // that divides a row
  MatrixRounder round;
};

struct Matrix {
  int64_t rows, columns;
  std::vector<float> numbers;
};
} // namespace

static MatrixRounder searched(const GroupedScheme &scheme) {
  return
      [scheme](const ComputeContext &context, MutableMatrix weights) -> Status {
        QOPT_ASSIGN(GroupedMatrix codes, rtnQuantize(context, weights, scheme,
                                                     GridOptions{.mse = true}));
        for (int64_t row = 0; row < weights.rows; ++row)
          codes.dequantizeRow(row, weights.row(row));
        return {};
      };
}

static std::vector<Scheme> allSchemes() {
  std::vector<Scheme> schemes;
  for (int bits : {8, 6, 5, 4, 3, 2})
    for (int64_t group : {128, 64, 32})
      for (bool symmetric : {false, true}) {
        GroupedScheme scheme{bits, group, symmetric};
        std::string name = "int" + std::to_string(bits) + ", " +
                           std::to_string(group) +
                           (symmetric ? ", sym" : ", asym");
        schemes.push_back({name, 1, groupedRounder(scheme)});
        if (bits < 5)
          schemes.push_back({name + ", mse", 1, searched(scheme)});
      }
  for (const FormatRow &format : formatTable())
    if (format.quantized)
      schemes.push_back({std::string(format.name), format.blockElements,
                         ggufRounder(format)});
  return schemes;
}

static Result<std::vector<Matrix>> readMatrices(const std::string &path) {
  QOPT_ASSIGN(SafetensorsFile file, SafetensorsFile::open(path));
  std::vector<Matrix> matrices;
  for (const SafetensorsTensor &tensor : file.tensors()) {
    if (tensor.shape.size() != 2 || !isFloat(tensor.dtype))
      continue;
    Matrix matrix{tensor.shape[0], tensor.shape[1], {}};
    matrix.numbers.resize(matrix.rows * matrix.columns);
    QOPT_ASSIGN(ByteSpan bytes, file.data(tensor));
    decodeToF32(tensor.dtype, bytes.data(), matrix.numbers.data(),
                matrix.numbers.size());
    matrices.push_back(std::move(matrix));
  }
  return matrices;
}

/// The relative error over the matrices that the scheme can hold; negative if
/// there are none.
static Result<double> relativeError(const ComputeContext &context,
                                    const Scheme &scheme,
                                    const std::vector<Matrix> &matrices) {
  double error = 0, size = 0;
  for (const Matrix &matrix : matrices) {
    if (matrix.columns % scheme.blockLength != 0)
      continue;
    std::vector<float> rounded = matrix.numbers, zeros(rounded.size());
    auto view = [&](const std::vector<float> &numbers) {
      return ConstMatrix(numbers.data(), matrix.rows, matrix.columns);
    };
    QOPT_CHECK(
        scheme.round(context, {rounded.data(), matrix.rows, matrix.columns}));
    error += squaredDistance(context, view(matrix.numbers), view(rounded));
    size += squaredDistance(context, view(matrix.numbers), view(zeros));
  }
  return size > 0 ? std::sqrt(error / size) : -1;
}

int main(int argc, char **argv) {
  ThreadPool pool;
  std::vector<std::vector<Matrix>> files;
  std::printf("| scheme |");
  for (int i = 1; i < argc; ++i) {
    auto matrices = readMatrices(argv[i]);
    if (!matrices) {
      std::fprintf(stderr, "%s\n", matrices.error().message.c_str());
      return 1;
    }
    std::printf(" %s |", std::filesystem::path(argv[i]).stem().c_str());
    files.push_back(std::move(*matrices));
  }
  std::printf("\n|---|");
  for (size_t i = 0; i < files.size(); ++i)
    std::printf("---|");
  for (const Scheme &scheme : allSchemes()) {
    std::printf("\n| %s |", scheme.name.c_str());
    for (const std::vector<Matrix> &matrices : files) {
      auto error = relativeError(pool, scheme, matrices);
      if (!error) {
        std::fprintf(stderr, "%s\n", error.error().message.c_str());
        return 1;
      }
      if (*error < 0)
        std::printf(" – |");
      else
        std::printf(" %.4f |", *error);
      std::fflush(stdout); // the next cell may take seconds
    }
  }
  std::printf("\n");
}
