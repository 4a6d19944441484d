// RUN: qopt %s --lower-to-nvptx --emit=ptx -o %t.ptx && FileCheck %s --check-prefixes=CHECK,F16 < %t.ptx
// RUN: qopt %s --lower-to-nvptx="chip=sm_90 activations=bf16" --emit=ptx | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: qopt %s --lower-to-nvptx --emit=ptx | FileCheck %s --check-prefix=ONCE
// RUN: qopt %s --lower-to-nvptx --emit=ptx | FileCheck %s --check-prefix=LOCAL

// F16: .target sm_80
// BF16: .target sm_90

// All weights of a chunk are on their way before the first is used, and 8
// products of a tile follow each other.
// CHECK: .visible .entry qopt_linear_int4_g64_n256_k256(
// CHECK: .reqntid 64
// CHECK-COUNT-4: ld.global.nc.v4
// F16: lop3.b32 {{.*}}, 0xF000F, 0x64006400, 0xea;
// BF16: lop3.b32 {{.*}}, 0xF000F, 0x43004300, 0xea;
// F16-COUNT-32: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// BF16-COUNT-32: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK: bar.sync
// F16: cvt.rn.f16x2.f32
// BF16: cvt.rn.bf16x2.f32
// CHECK: .visible .entry qopt_linear_int4_grow_sym_n40_k264(
// CHECK: mma.sync

// The weights of a chunk take four loads in the whole text of a kernel, and the
// two rows of activations eight.
// ONCE: .entry qopt_linear_int4_g64_n256_k256(
// ONCE-COUNT-14: ld.global.nc.v4
// ONCE-NOT: ld.global.nc.v4
// ONCE: .entry qopt_linear_int4_grow_sym_n40_k264(

// No stack and nothing left to link.
// LOCAL-NOT: .local
// LOCAL-NOT: .extern .func

func.func @f(%x: tensor<?x256xf32>, %w: !qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma>) -> tensor<?x256xf32> {
  %0 = qopt.linear %x, %w : tensor<?x256xf32>, !qopt.packed<256x256xf16, #qopt.grouped<bits = 4, group = 64>, #qopt.mma> -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}
func.func @g(%x: tensor<?x264xf32>, %w: !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = -1, symmetric>, #qopt.mma>) -> tensor<?x40xf32> {
  %0 = qopt.linear %x, %w : tensor<?x264xf32>, !qopt.packed<40x264xf16, #qopt.grouped<bits = 4, group = -1, symmetric>, #qopt.mma> -> tensor<?x40xf32>
  return %0 : tensor<?x40xf32>
}
