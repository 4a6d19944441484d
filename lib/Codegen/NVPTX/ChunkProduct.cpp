//===- ChunkProduct.cpp - decode, multiply, scale -------------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "ChunkProduct.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

std::array<Value, 4> ChunkProduct::ones() {
  std::array<Value, 4> result;
  result.fill(weights.decode.splat(1));
  return result;
}

void ChunkProduct::add(ArrayRef<Value> tiles,
                       function_ref<SmallVector<InputFragment>(int64_t)> input,
                       Sums &sums) {
  int64_t steps = weights.columns() / 16;
  Parameters &parameters = weights.parameters;
  bool sumInput = !scaleWeights && parameters.haveMinima();
  int64_t groups = weights.groups();
  int64_t sumsOfTile = sums.size() / tiles.size();
  SmallVector<Dequantizer::CodeWords> codes(tiles.size()); // of 64 columns
  for (int64_t group = 0; group < groups; ++group) {
    SmallVector<ParameterWords> words;
    SmallVector<Dequantizer::Offsets> offsets;
    for (Value tile : tiles) {
      words.push_back(weights.parametersOf(tile, group));
      offsets.push_back(parameters.offsets(words.back()));
    }
    Sums ofGroup, ofInput;
    if (!scaleWeights)
      ofGroup.assign(sums.size(), b.f32(0));
    if (sumInput)
      ofInput.assign(sumsOfTile, b.f32(0));
    Sums &products = scaleWeights ? sums : ofGroup;
    for (int64_t step = group * steps / groups;
         step < (group + 1) * steps / groups; ++step) {
      SmallVector<InputFragment> x = input(step);
      if (sumInput)
        for (auto [block, fragment] : llvm::enumerate(x))
          multiply(ones(), fragment,
                   MutableArrayRef(ofInput).slice(4 * block, 4));
      for (auto [index, tile] : llvm::enumerate(tiles)) {
        if (step % 4 == 0)
          codes[index] = weights.codes(tile, step / 4);
        std::array<Value, 4> weight =
            weights.decode.fragment(codes[index], step % 4, offsets[index]);
        if (scaleWeights)
          parameters.scale(words[index], weight);
        for (auto [block, fragment] : llvm::enumerate(x))
          multiply(weight, fragment,
                   MutableArrayRef(products).slice(
                       index * sumsOfTile + 4 * block, 4));
      }
    }
    if (scaleWeights)
      continue;
    for (size_t index = 0; index < tiles.size(); ++index) {
      auto accumulate = [&](const Parameters::OfRows &factors,
                            ArrayRef<Value> products) {
        for (int64_t i = 0; i < sumsOfTile; ++i) {
          Value &sum = sums[index * sumsOfTile + i];
          sum = LLVM::FMAOp::create(b, factors[i % 4 / 2], products[i], sum);
        }
      };
      accumulate(parameters.scales(words[index]),
                 ArrayRef(ofGroup).slice(index * sumsOfTile, sumsOfTile));
      if (sumInput)
        accumulate(parameters.negatedMinima(words[index]), ofInput);
    }
  }
}

void ChunkProduct::multiply(const std::array<Value, 4> &weight,
                            const InputFragment &x,
                            MutableArrayRef<Value> sums) {
  // mma.sync takes bf16 operands as i32.
  bool bf16 = spec.activation == ActivationType::BF16;
  Type operand = bf16 ? Type(b.getI32Type()) : Type(weights.decode.pairType());
  auto type = bf16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  SmallVector<Value> left, right;
  for (Value value : weight)
    left.push_back(b.bitcast(operand, value));
  for (Value value : x)
    right.push_back(b.bitcast(operand, value));
  auto resultType = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(4, b.getF32Type()));
  auto result = NVVM::MmaOp::create(
      b, resultType, left, right, sums, ArrayRef<int64_t>{16, 8, 16},
      std::nullopt, std::nullopt, std::array{type, type},
      std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  for (int64_t i = 0; i < 4; ++i)
    sums[i] = LLVM::ExtractValueOp::create(b, result.getRes(), i);
}
