//===- QOptOps.td - the linear op and its helpers -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_QOPT_OPS_TD
#define QOPT_DIALECT_QOPT_OPS_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "qopt/Dialect/QOpt/QOptTypes.td"
include "qopt/Dialect/QOpt/ScaleInterface.td"

class QOpt_Op<string mnemonic, list<Trait> traits = []>
    : Op<QOpt_Dialect, mnemonic, traits>;

def QOpt_LinearOp : QOpt_Op<"linear", [Pure,
    DeclareOpInterfaceMethods<QOpt_ChannelScaleInterface, ["getScaleCompensation"]>]> {
  let summary = "y = x · Wᵀ + b with a weight in any state";
  let description = [{
    x is [..., K], W is [N, K] and y is [..., N]; leading dimensions are equal.
    The meaning does not depend on the state of W: a quantized or packed weight
    stands for the f32 numbers that it decodes to.

    Example:
    ```mlir
    %y = qopt.linear %x, %w : tensor<?x256xf32>, !qopt.quant<768x256xf16, #qopt.grouped<bits = 4, group = 64>> -> tensor<?x768xf32>
    ```
  }];
  let arguments = (ins TensorRankOf<[F32], [1, 2, 3, 4]>:$input, QOpt_Weight:$weight,
                       Optional<1DTensorOf<[F16, BF16, F32]>>:$bias);
  let results = (outs TensorRankOf<[F32], [1, 2, 3, 4]>:$output);
  let assemblyFormat = [{
    $input `,` $weight (`,` $bias^)? attr-dict `:` type($input) `,` type($weight)
    (`,` type($bias)^)? `->` type($output)
  }];
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// N, the number of output channels.
    int64_t getOutputSize() { return getWeight().getType().getDimSize(0); }
    /// K, the number of input channels.
    int64_t getInputSize() { return getWeight().getType().getDimSize(1); }
  }];
}

def QOpt_DequantizeOp : QOpt_Op<"dequantize", [Pure]> {
  let summary = "the f32 numbers that a weight stands for";
  let description = [{
    A `qopt.linear` that reads the result reads the operand instead, so that
    dequantization is fused wherever a kernel can do it.

    Example:
    ```mlir
    %f = qopt.dequantize %w : !qopt.quant<8x32xf16, #qopt.gguf<q4_0>> -> tensor<8x32xf32>
    ```
  }];
  let arguments = (ins QOpt_Weight:$weight);
  let results = (outs 2DTensorOf<[F32]>:$output);
  let assemblyFormat = "$weight attr-dict `:` type($weight) `->` type($output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def QOpt_PermuteChannelsOp : QOpt_Op<"permute_channels", [Pure, AllTypesMatch<["input", "output"]>]> {
  let summary = "channel i of the result is channel order[i] of the input";
  let description = [{
    What a weight asks of x whose columns are stored in another order: a group of
    a checkpoint in act-order is a run of stored columns, which are sorted by
    group. The pass sort-columns writes this op.

    Example:
    ```mlir
    %y = qopt.permute_channels %x [2, 0, 1] : tensor<?x3xf32>
    ```
  }];
  let arguments = (ins TensorRankOf<[F32], [1, 2, 3, 4]>:$input, DenseI64ArrayAttr:$order);
  let results = (outs TensorRankOf<[F32], [1, 2, 3, 4]>:$output);
  let assemblyFormat = "$input $order attr-dict `:` type($input)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def QOpt_ComponentOp : QOpt_Op<"component", [Pure]> {
  let summary = "one of the arrays that hold a quantized or packed weight";
  let description = [{
    How a lowered kernel call reaches the bytes of a weight: `name` is one of
    the components that the weight's type lists. Bytes are i8, scales f16.

    Example:
    ```mlir
    %s = qopt.component %w "scales" : !qopt.quant<8x32xf16, #qopt.grouped<bits = 4, group = 32>> -> memref<8x1xf16>
    ```
  }];
  let arguments = (ins AnyTypeOf<[QOpt_QuantType, QOpt_PackedType]>:$weight, StrAttr:$name);
  let results = (outs AnyStaticShapeMemRef:$output);
  let assemblyFormat = "$weight $name attr-dict `:` type($weight) `->` type($output)";
  let hasVerifier = 1;
}

#endif // QOPT_DIALECT_QOPT_OPS_TD
