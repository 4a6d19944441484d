//===- ScaleInterface.td - moving scales of channels through ops -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_SCALEINTERFACE_TD
#define QOPT_DIALECT_QOPT_SCALEINTERFACE_TD

include "mlir/IR/Interfaces.td"

def QOpt_ChannelScaleInterface : OpInterface<"ChannelScaleInterface"> {
  let cppNamespace = "::qopt";
  let description = [{
    What an op with one result knows about scales of channels: numbers f[c] with
    which channel c of a value is multiplied. AWQ and its relatives scale the
    input of linears, and keep the function of the model by folding the scales
    into weights before and behind. An op without this interface lets no scale
    through.
  }];
  let methods = [
    InterfaceMethod<[{
        The ways in which channel c of the result can be made f[c] times as
        large: each is a list of operands that all have to be scaled, while the
        others are not. Hence also what becomes of a scaled operand.
      }],
      "::llvm::SmallVector<::qopt::ScaleWay>", "getScaleWays">,
    InterfaceMethod<[{
        The weight that has to be multiplied by 1/f if the channels of an
        operand were multiplied by f, for the result to stay: `channels` has one
        entry per channel of that operand. Nothing if there is none.
      }],
      "::std::optional<::qopt::ScaledOperand>", "getScaleCompensation",
      (ins "::mlir::OpOperand &":$operand), "", [{ return ::std::nullopt; }]>,
  ];
}

#endif // QOPT_DIALECT_QOPT_SCALEINTERFACE_TD
