// RUN: qopt %s --split-input-file --verify-diagnostics | FileCheck %s

// CHECK: #qopt.grouped<bits = 4, group = 64>, #qopt.mma>
func.func private @f(!qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>)

// -----

func.func @components(%w: !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>) {
  // CHECK: -> memref<4x6x512xi8>
  %0 = qopt.component %w "packed" : !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma> -> memref<4x6x512xi8>
  // CHECK: -> memref<4x6x16xf16>
  %1 = qopt.component %w "scales" : !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma> -> memref<4x6x16xf16>
  // CHECK: -> memref<4x6x16xi8>
  %2 = qopt.component %w "zeros" : !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma> -> memref<4x6x16xi8>
  return
}

// -----

func.func @levels(%w: !qopt.packed<40x512xf16, #qopt.gguf<q4_k>, #qopt.mma>) {
  // CHECK: -> memref<4x4x128xi8>
  %0 = qopt.component %w "scales" : !qopt.packed<40x512xf16, #qopt.gguf<q4_k>, #qopt.mma> -> memref<4x4x128xi8>
  // CHECK: -> memref<4x2x32xf16>
  %1 = qopt.component %w "super_scales" : !qopt.packed<40x512xf16, #qopt.gguf<q4_k>, #qopt.mma> -> memref<4x2x32xf16>
  return
}

// -----

// expected-error@+1 {{#qopt.mma holds quantized schemes, not #qopt.gguf<f16>}}
func.func private @f(!qopt.packed<8x64xf16, #qopt.gguf<f16>, #qopt.mma>)

// -----

// expected-error@+1 {{the mma layout holds no codes that stand for values of a table}}
func.func private @f(!qopt.packed<8x64xf16, #qopt.gguf<iq4_nl>, #qopt.mma>)

// -----

// expected-error@+1 {{the mma layout holds no 7-bit codes; 8-bit ones are as fast}}
func.func private @f(!qopt.packed<8x64xf16, #qopt.grouped<bits = 7, group = 64>, #qopt.mma>)

// -----

// expected-error@+1 {{the mma layout takes groups of 16, 32, 64, a multiple of 128 or a whole row, not 96}}
func.func private @f(!qopt.packed<8x192xf16, #qopt.grouped<bits = 4, group = 96>, #qopt.mma>)

// -----

// expected-error@+1 {{the mma layout needs rows and columns that are multiples of 8, not 8 x 100}}
func.func private @f(!qopt.packed<8x100xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.mma>)
