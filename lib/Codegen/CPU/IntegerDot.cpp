//===- IntegerDot.cpp - products of bytes, by the target's means ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "IntegerDot.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace qopt::cpu;

IntegerDot::IntegerDot(VectorBuilder &v) : v(v) {
  const CpuTarget &target = v.target;
  if (target.isX86()) {
    const bool wide = target.has("avx512bw");
    registerBits = wide ? 512 : target.has("avx2") ? 256 : 128;
    // Of VNNI there are two encodings; the EVEX one of 256 bits needs VL.
    if ((wide && target.has("avx512vnni")) ||
        (registerBits == 256 && target.has("avxvnni")))
      unit = Unit::Vnni;
    else if (target.has("ssse3"))
      unit = Unit::MultiplyAdd;
  } else if (target.isAArch64()) {
    if (target.has("i8mm"))
      unit = Unit::NeonMixed;
    else if (target.has("dotprod"))
      unit = Unit::NeonSigned;
  }
}

IntegerDot::Tile IntegerDot::registerTile(int perSum) const {
  // Of 512 bits there are 32 registers. A value of x is broadcast once for both
  // blocks, and twelve sums hide the latency of a product.
  if (registerBits == 512)
    return {perSum > 2 ? 4 : 6, 2};
  // 32 registers of 128 bits, or 16; 16 rows of W take several.
  return {v.target.isAArch64() ? 4 : 2, 1};
}

Value IntegerDot::cast(Value part, int bits) {
  return vector::BitCastOp::create(v.b, registerOf(bits), part);
}

Value IntegerDot::call(StringRef name, VectorType result, ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(v.b, result, v.b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

Value IntegerDot::perRegister(
    ValueRange operands, llvm::function_ref<Value(ArrayRef<Value>)> operation) {
  const int64_t width = registerBits / 32;
  if (width == lanes)
    return operation(SmallVector<Value>(operands));
  Value result = v.splat(0);
  for (int64_t first = 0; first < lanes; first += width) {
    SmallVector<Value> parts;
    for (Value operand : operands)
      parts.push_back(vector::ExtractStridedSliceOp::create(
          v.b, operand, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{width},
          ArrayRef<int64_t>{1}));
    result = vector::InsertStridedSliceOp::create(v.b, operation(parts), result,
                                                  ArrayRef<int64_t>{first},
                                                  ArrayRef<int64_t>{1});
  }
  return result;
}

/// Products of words, summed in pairs (x86).
Value IntegerDot::wordProduct(Value left, Value right) {
  StringRef name = registerBits == 512   ? "llvm.x86.avx512.pmaddw.d.512"
                   : registerBits == 256 ? "llvm.x86.avx2.pmadd.wd"
                                         : "llvm.x86.sse2.pmadd.wd";
  return call(name, registerOf(32), {cast(left, 16), cast(right, 16)});
}

/// For codes that vpmaddubsw would saturate: even and odd bytes as words.
Value IntegerDot::dotWords(Value acc, Value codes, Value x) {
  Value eight = arith::ConstantOp::create(
      v.b, DenseElementsAttr::get(registerOf(16), APInt(16, 8)));
  Value low = arith::ConstantOp::create(
      v.b, DenseElementsAttr::get(registerOf(16), APInt(16, 255)));
  Value codeWords = cast(codes, 16), xWords = cast(x, 16);
  Value evenX = arith::ShRSIOp::create(
      v.b, arith::ShLIOp::create(v.b, xWords, eight), eight);
  Value oddX = arith::ShRSIOp::create(v.b, xWords, eight);
  Value even = wordProduct(arith::AndIOp::create(v.b, codeWords, low), evenX);
  Value odd = wordProduct(arith::ShRUIOp::create(v.b, codeWords, eight), oddX);
  return arith::AddIOp::create(v.b, acc, arith::AddIOp::create(v.b, even, odd));
}

/// Byte i of every dword, extended by shifts, times the same of x.
Value IntegerDot::dotPlain(Value acc, Value codes, Value x) {
  for (int byte = 0; byte < 4; ++byte) {
    Value code = v.andBits(v.shift(codes, 8 * byte), v.splat(255));
    Value factor =
        arith::ShRSIOp::create(v.b, v.shift(x, 8 * byte - 24), v.splat(24));
    acc = v.add(acc, Value(arith::MulIOp::create(v.b, code, factor)));
  }
  return acc;
}

Value IntegerDot::dot(Value acc, Value codes, Value x, int bits) {
  switch (unit) {
  case Unit::Plain:
    return dotPlain(acc, codes, x);
  case Unit::Vnni:
    return perRegister({acc, codes, x}, [&](ArrayRef<Value> part) {
      return call(registerBits == 512 ? "llvm.x86.avx512.vpdpbusd.512"
                                      : "llvm.x86.avx512.vpdpbusd.256",
                  registerOf(32),
                  {part[0], cast(part[1], 8), cast(part[2], 8)});
    });
  case Unit::MultiplyAdd:
    return perRegister({acc, codes, x}, [&](ArrayRef<Value> part) {
      if (bits > 7) // 2 * 255 * 127 is no word
        return dotWords(part[0], part[1], part[2]);
      StringRef name = registerBits == 512   ? "llvm.x86.avx512.pmaddubs.w.512"
                       : registerBits == 256 ? "llvm.x86.avx2.pmadd.ub.sw"
                                             : "llvm.x86.ssse3.pmadd.ub.sw.128";
      Value words =
          call(name, registerOf(16), {cast(part[1], 8), cast(part[2], 8)});
      Value ones = arith::ConstantOp::create(
          v.b, DenseElementsAttr::get(registerOf(16), APInt(16, 1)));
      return Value(
          arith::AddIOp::create(v.b, part[0], wordProduct(words, ones)));
    });
  case Unit::NeonMixed:
    return perRegister({acc, codes, x}, [&](ArrayRef<Value> part) {
      return call("llvm.aarch64.neon.usdot.v4i32.v16i8", registerOf(32),
                  {part[0], cast(part[1], 8), cast(part[2], 8)});
    });
  case Unit::NeonSigned:
    return perRegister({acc, codes, x}, [&](ArrayRef<Value> part) {
      auto sdot = [&](Value sum, Value left) {
        return call("llvm.aarch64.neon.sdot.v4i32.v16i8", registerOf(32),
                    {sum, left, cast(part[2], 8)});
      };
      auto constant = [&](int value) {
        return Value(arith::ConstantOp::create(
            v.b, DenseElementsAttr::get(registerOf(8), APInt(8, value))));
      };
      Value code = cast(part[1], 8);
      if (bits <= 7)
        return sdot(part[0], code);
      // q = (q - 128) + 127 + 1
      code = arith::XOrIOp::create(v.b, code, constant(128));
      return sdot(sdot(sdot(part[0], code), constant(127)), constant(1));
    });
  }
  llvm_unreachable("a unit");
}

Value IntegerDot::multiplyAdd(Value acc, Value factors, Value x) {
  if (unit == Unit::Vnni)
    return perRegister({acc, factors, x}, [&](ArrayRef<Value> part) {
      return call(registerBits == 512 ? "llvm.x86.avx512.vpdpwssd.512"
                                      : "llvm.x86.avx512.vpdpwssd.256",
                  registerOf(32),
                  {part[0], cast(part[1], 16), cast(part[2], 16)});
    });
  // The upper word of a factor is zero.
  if (unit == Unit::MultiplyAdd)
    return perRegister({acc, factors, x}, [&](ArrayRef<Value> part) {
      return Value(
          arith::AddIOp::create(v.b, part[0], wordProduct(part[1], part[2])));
    });
  return v.add(acc, Value(arith::MulIOp::create(v.b, factors, x)));
}

Value IntegerDot::lookup(Value indices, const std::array<uint8_t, 16> &table) {
  auto constant = [&](int64_t count) -> Value {
    SmallVector<APInt> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(APInt(8, table[i % 16]));
    auto type = VectorType::get({count}, v.b.getI8Type());
    return arith::ConstantOp::create(v.b, DenseElementsAttr::get(type, values));
  };
  if (v.target.isX86() && v.target.has("ssse3"))
    return perRegister({indices}, [&](ArrayRef<Value> part) {
      StringRef name = registerBits == 512   ? "llvm.x86.avx512.pshuf.b.512"
                       : registerBits == 256 ? "llvm.x86.avx2.pshuf.b"
                                             : "llvm.x86.ssse3.pshuf.b.128";
      return cast(call(name, registerOf(8),
                       {constant(registerBits / 8), cast(part[0], 8)}),
                  32);
    });
  if (v.target.isAArch64())
    return perRegister({indices}, [&](ArrayRef<Value> part) {
      return cast(call("llvm.aarch64.neon.tbl1.v16i8", registerOf(8),
                       {constant(16), cast(part[0], 8)}),
                  32);
    });
  // One bit of the index after the other chooses between halves of the table.
  Value all = v.asBytes(indices);
  SmallVector<Value> choices;
  for (uint8_t value : table)
    choices.push_back(v.asBytes(v.splatBytes(value)));
  for (int bit = 0; bit < 4; ++bit) {
    Value mask = v.asBytes(v.splatBytes(1 << bit));
    Value isSet = arith::CmpIOp::create(v.b, arith::CmpIPredicate::eq,
                                        v.andBits(all, mask), mask);
    for (size_t i = 0; i < choices.size() / 2; ++i)
      choices[i] = arith::SelectOp::create(v.b, isSet, choices[2 * i + 1],
                                           choices[2 * i]);
    choices.resize(choices.size() / 2);
  }
  return v.asDwords(choices[0]);
}
