//===- WeightElement.cpp - decoding of floats and grouped codes ----------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "WeightElement.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace qopt;

WeightElement qopt::floatElement(Value weight) {
  MLIRContext *context = weight.getContext();
  WeightElement element;
  element.operands = {weight};
  element.maps = {AffineMap::getMultiDimIdentityMap(2, context)};
  element.emit = [](ImplicitLocOpBuilder &b, ValueRange read, Value, Value) {
    return read[0].getType().isF32()
               ? Value(read[0])
               : arith::ExtFOp::create(b, b.getF32Type(), read[0]).getResult();
  };
  return element;
}

static Value constantI32(ImplicitLocOpBuilder &b, int64_t value) {
  return arith::ConstantIntOp::create(b, b.getI32Type(), value);
}

/// The code of column k: `bits` bits from bit k · bits of its row on, in one
/// byte or two. Where the second byte is the first once more, what it adds lies
/// above the code.
static Value emitCode(ImplicitLocOpBuilder &b, int bits, Value low, Value high,
                      Value k) {
  Value code = arith::ExtUIOp::create(b, b.getI32Type(), low);
  if (high) {
    Value upper = arith::ExtUIOp::create(b, b.getI32Type(), high);
    upper = arith::ShLIOp::create(b, upper, constantI32(b, 8));
    code = arith::OrIOp::create(b, code, upper);
  }
  if (bits == 8)
    return code;
  Value column = arith::IndexCastOp::create(b, b.getI32Type(), k);
  Value bit = arith::MulIOp::create(b, column, constantI32(b, bits));
  bit = arith::AndIOp::create(b, bit, constantI32(b, 7));
  code = arith::ShRUIOp::create(b, code, bit);
  return arith::AndIOp::create(b, code, constantI32(b, (1 << bits) - 1));
}

WeightElement qopt::groupedElement(const GroupedScheme &scheme, int64_t columns,
                                   ValueRange components) {
  MLIRContext *context = components.front().getContext();
  AffineExpr n = getAffineDimExpr(0, context), k = getAffineDimExpr(1, context);
  auto at = [&](AffineExpr column) {
    return AffineMap::get(2, 0, {n, column}, context);
  };
  const int bits = scheme.bits;
  const bool straddles = 8 % bits != 0;
  AffineExpr group = scheme.groups(columns) == 1
                         ? getAffineConstantExpr(0, context)
                         : k.floorDiv(scheme.groupLength(columns));
  WeightElement element;
  element.operands = {components[0]};
  element.maps = {
      at(straddles ? (k * bits).floorDiv(8) : k.floorDiv(8 / bits))};
  if (straddles) {
    element.operands.push_back(components[0]);
    element.maps.push_back(at((k * bits + (bits - 1)).floorDiv(8)));
  }
  for (Value perGroup : components.drop_front()) {
    element.operands.push_back(perGroup);
    element.maps.push_back(at(group));
  }
  element.emit = [scheme, straddles](ImplicitLocOpBuilder &b, ValueRange read,
                                     Value, Value k) -> Value {
    Value code =
        emitCode(b, scheme.bits, read[0], straddles ? read[1] : Value(), k);
    read = read.drop_front(straddles ? 2 : 1);
    Value zero =
        scheme.symmetric
            ? constantI32(b, scheme.symmetricZero())
            : arith::ExtUIOp::create(b, b.getI32Type(), read[1]).getResult();
    Value steps = arith::SubIOp::create(b, code, zero);
    Value factor = arith::SIToFPOp::create(b, b.getF32Type(), steps);
    Value scale = arith::ExtFOp::create(b, b.getF32Type(), read[0]);
    return arith::MulFOp::create(b, scale, factor);
  };
  return element;
}

WeightElement qopt::schemeElement(ImplicitLocOpBuilder &builder,
                                  SchemeAttrInterface scheme, int64_t columns,
                                  ValueRange components) {
  if (auto grouped = dyn_cast<GroupedAttr>(scheme))
    return groupedElement(grouped.getScheme(), columns, components);
  return ggufElement(builder, cast<GgufAttr>(scheme).getFormat(),
                     components.front());
}
