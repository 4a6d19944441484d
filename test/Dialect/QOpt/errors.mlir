// RUN: qopt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{bits must be 2 to 8, not 9}}
func.func private @f(!qopt.quant<8x64xf16, #qopt.grouped<bits = 9, group = 32>>)

// -----

// expected-error @+1 {{group must be positive, or -1 for a whole row, not 0}}
func.func private @f(!qopt.quant<8x64xf16, #qopt.grouped<bits = 4, group = 0>>)

// -----

// expected-error @+1 {{expected 'symmetric'}}
func.func private @f(!qopt.quant<8x64xf16, #qopt.grouped<bits = 4, group = 32, lopsided>>)

// -----

// expected-error @+1 {{unknown GGUF type 'q4_7'}}
func.func private @f(!qopt.quant<8x64xf16, #qopt.gguf<q4_7>>)

// -----

// expected-error @+1 {{rows of 40 columns are not whole q4_0 blocks of 32}}
func.func private @f(!qopt.quant<8x40xf16, #qopt.gguf<q4_0>>)

// -----

// expected-error @+1 {{a weight is a matrix [rows, columns]}}
func.func private @f(!qopt.quant<64xf16, #qopt.gguf<q4_0>>)

// -----

// expected-error @+1 {{a weight has at most 2^48 elements}}
func.func private @f(!qopt.quant<4294967296x4294967296xf16, #qopt.gguf<q4_0>>)

// -----

// expected-error @+1 {{the element type of a weight is f16, bf16 or f32, not 'i8'}}
func.func private @f(!qopt.quant<8x64xi8, #qopt.gguf<q4_0>>)

// -----

// expected-error @+1 {{#qopt.blocks is not a scheme}}
func.func private @f(!qopt.quant<8x64xf16, #qopt.blocks>)

// -----

// expected-error @+1 {{is not a layout}}
func.func private @f(!qopt.packed<8x64xf16, #qopt.gguf<q4_0>, #qopt.gguf<q4_0>>)

// -----

// expected-error @+1 {{#qopt.blocks holds GGUF types, not #qopt.grouped<bits = 4, group = 32>}}
func.func private @f(!qopt.packed<8x64xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.blocks>)

// -----

// expected-error @+1 {{a file needs a path without NUL}}
module attributes {qopt.sources = {ckpt = #qopt.file<"">}} {}

// -----

// expected-error @+1 {{a file's size cannot be -2}}
module attributes {qopt.sources = {ckpt = #qopt.file<"a", size = -2>}} {}

// -----

// expected-error @+1 {{source 'ckpt' must be a #qopt.file}}
module attributes {qopt.sources = {ckpt = "a"}} {}

// -----

// expected-error @+1 {{'qopt.sources' must be a dictionary on a module}}
module attributes {qopt.sources = 1 : i32} {}

// -----

// expected-error @+1 {{has an unknown attribute 'qopt.other'}}
module attributes {qopt.other = 1 : i32} {}

// -----

module attributes {qopt.sources = {ckpt = #qopt.file<"a">}} {
  // expected-error @+1 {{refers to source 'other', which 'qopt.sources' lacks}}
  ml_program.global private @w(#qopt.extern<other, "w">) : tensor<8x64xf16>
}

// -----

// expected-error @+1 {{component 'codes' must be an elements attribute}}
ml_program.global private @w(#qopt.inline<{codes = 1 : i32}>) : !qopt.quant<8x64xf16, #qopt.gguf<q4_0>>

// -----

// expected-error @+1 {{a slice needs offset >= 0 and size >= 1}}
func.func private @f() attributes {s = #qopt.slice<rows, offset = -1, size = 1>}

// -----

// expected-error @+1 {{leaves the 4 rows}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<4x4xf32> of tensor<4x4xf32>, [#qopt.slice<rows, offset = 2, size = 9223372036854775807>]>) : tensor<1x4xf32>

// -----

// expected-error @+1 {{order is not a permutation of 0 to 2}}
func.func private @f() attributes {s = #qopt.permute<rows, [0, 0, 2]>}

// -----

// expected-error @+1 {{a view of 3 entries on 4 columns}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<3x4xf32> of tensor<3x4xf32>, [#qopt.permute<columns, [0, 1, 2]>]>) : tensor<3x4xf32>

// -----

// expected-error @+1 {{factors must be a 1-D f32 elements attribute}}
func.func private @f() attributes {s = #qopt.scale<rows, dense<1> : tensor<3xi32>>}

// -----

#inner = #qopt.view<dense<0.0> : tensor<3x4xf32> of tensor<3x4xf32>, []>
// expected-error @+1 {{views do not nest: append steps to the chain}}
func.func private @f() attributes {s = #qopt.view<#inner of tensor<3x4xf32>, []>}

// -----

// expected-error @+1 {{the base of a view must be a static float vector or matrix or a quantized weight}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<3x1x1xf32> of tensor<3x1x1xf32>, []>) : tensor<3x1x1xf32>

// -----

// expected-error @+1 {{a view of a vector must stay one}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<3xf32> of tensor<3xf32>, [#qopt.transpose]>) : tensor<3xf32>

// -----

// expected-error @+1 {{a clip of 3 rows in 2 groups needs as many steps}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<3x4xf32> of tensor<3x4xf32>, [#qopt.clip<group = 3, dense<0> : tensor<3x3xi8>>]>) : tensor<3x4xf32>

// -----

// expected-error @+1 {{a clip must be the last step of a view}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<3x4xf32> of tensor<3x4xf32>, [#qopt.clip<group = 4, dense<0> : tensor<3x1xi8>>, #qopt.transpose]>) : tensor<4x3xf32>

// -----

// expected-error @+2 {{steps must be 0 to 19, not 20}}
// expected-error @+1 {{failed to parse QOpt_ViewAttr parameter 'steps'}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<3x4xf32> of tensor<3x4xf32>, [#qopt.clip<group = 4, dense<20> : tensor<3x1xi8>>]>) : tensor<3x4xf32>

// -----

// expected-error @+1 {{is not a view step}}
ml_program.global private @w(#qopt.view<dense<0.0> : tensor<3x4xf32> of tensor<3x4xf32>, [#qopt.blocks]>) : tensor<3x4xf32>

// -----

func.func @f(%x: tensor<?x32xf32>, %w: tensor<8x64xf16>) -> tensor<?x8xf32> {
  // expected-error @+1 {{input has 32 channels, but the weight has 64 columns}}
  %y = qopt.linear %x, %w : tensor<?x32xf32>, tensor<8x64xf16> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<8x64xf16>) -> tensor<?x4xf32> {
  // expected-error @+1 {{output has 4 channels, but the weight has 8 rows}}
  %y = qopt.linear %x, %w : tensor<?x64xf32>, tensor<8x64xf16> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

func.func @f(%x: tensor<2x64xf32>, %w: tensor<8x64xf16>) -> tensor<3x8xf32> {
  // expected-error @+1 {{input and output differ in their leading dimensions}}
  %y = qopt.linear %x, %w : tensor<2x64xf32>, tensor<8x64xf16> -> tensor<3x8xf32>
  return %y : tensor<3x8xf32>
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<8x64xf16>, %b: tensor<4xf32>) -> tensor<?x8xf32> {
  // expected-error @+1 {{bias has 4 entries, but the weight has 8 rows}}
  %y = qopt.linear %x, %w, %b : tensor<?x64xf32>, tensor<8x64xf16>, tensor<4xf32> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @f(%x: tensor<?x64xf32>, %w: tensor<?x64xf16>) -> tensor<?x8xf32> {
  // expected-error @+1 {{needs a weight of static shape}}
  %y = qopt.linear %x, %w : tensor<?x64xf32>, tensor<?x64xf16> -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

func.func @f(%w: !qopt.quant<8x64xf16, #qopt.gguf<q4_0>>) -> tensor<8x32xf32> {
  // expected-error @+1 {{weight and result differ in shape}}
  %f = qopt.dequantize %w : !qopt.quant<8x64xf16, #qopt.gguf<q4_0>> -> tensor<8x32xf32>
  return %f : tensor<8x32xf32>
}

// -----

func.func @f(%w: !qopt.quant<8x64xf16, #qopt.gguf<q4_0>>) {
  // expected-error @+1 {{weight has no component 'scales'}}
  %f = qopt.component %w "scales" : !qopt.quant<8x64xf16, #qopt.gguf<q4_0>> -> memref<8x2xf16>
  return
}

// -----

func.func @f(%w: !qopt.quant<8x64xf16, #qopt.gguf<q4_0>>) {
  // expected-error @+1 {{component 'blocks' is a 'memref<8x36xi8>'}}
  %f = qopt.component %w "blocks" : !qopt.quant<8x64xf16, #qopt.gguf<q4_0>> -> memref<8x2xf16>
  return
}

// -----

// expected-error @+1 {{'qopt.scheme' must be on a global that is a matrix}}
ml_program.global private @w(dense<1.0> : tensor<32xf16>) : tensor<32xf16> {qopt.scheme = #qopt.gguf<q4_0>}

// -----

// expected-error @+1 {{rows of 64 columns are not whole q4_k blocks of 256}}
ml_program.global private @w(dense<1.0> : tensor<2x64xf16>) : tensor<2x64xf16> {qopt.scheme = #qopt.gguf<q4_k>}

// -----

// expected-error @+1 {{'qopt.scheme' must be a scheme, f32, f16 or bf16}}
ml_program.global private @w(dense<1.0> : tensor<2x64xf16>) : tensor<2x64xf16> {qopt.scheme = i8}

// -----

// expected-error @+1 {{'qopt.mix' must be the name of a mix, on a module}}
module attributes {qopt.mix = "q9_k"} {}

// -----

// expected-error @+1 {{weight 8 of 8 does not exist}}
ml_program.global private @w(#qopt.extern<ckpt, "experts", 8 of 8>) : tensor<2x64xf16>

// -----

func.func @permute(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  // expected-error @+1 {{order has 2 entries, but the input has 3 channels}}
  %0 = qopt.permute_channels %x [0, 1] : tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// -----

func.func @permute(%x: tensor<?x3xf32>) -> tensor<?x3xf32> {
  // expected-error @+1 {{order is not a permutation of 0 to 2}}
  %0 = qopt.permute_channels %x [0, 1, 3] : tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}
