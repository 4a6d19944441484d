// RUN: qopt %s --lower-to-nvptx --emit=ptx -o %t.ptx && FileCheck %s --check-prefixes=CHECK,F16 < %t.ptx
// RUN: FileCheck %s --check-prefix=LOCAL < %t.ptx
// RUN: qopt %s --lower-to-nvptx="chip=sm_90 activations=bf16" --emit=ptx | FileCheck %s --check-prefixes=CHECK,BF16

// F16: .target sm_80
// BF16: .target sm_90
// CHECK: .visible .global {{.*}} qopt_dispatch[
// CHECK: .extern .shared .align 16 .b8 qopt_shared[];

// Few rows: 16-byte copies past L1 that leave L2 first, several chunks ahead;
// eight products per chunk in one loop, and one barrier per tile. On sm_90 the
// queue fills before the kernel before has ended.
// CHECK: .visible .entry qopt_linear_int4_g64_n256_k256_stream_m8(
// CHECK: .reqntid 64
// CHECK: .minnctapersm 2
// CHECK: createpolicy.fractional.L2::evict_first
// BF16: griddepcontrol.launch_dependents
// CHECK: cp.async.cg.shared.global.L2::cache_hint
// BF16: griddepcontrol.wait
// CHECK: bar.sync
// CHECK: cp.async.wait_group 2
// CHECK: ld.shared.v4
// CHECK: ldmatrix.sync.aligned.m8n8.x4
// F16: lop3.b32 {{.*}}, 0xF000F, 0x64006400, 0xea;
// BF16: lop3.b32 {{.*}}, 0xF000F, 0x43004300, 0xea;
// F16: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// BF16: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// CHECK: bar.sync

// Many rows: four stages of weights and x, sums in registers, 16-byte stores.
// CHECK: .visible .entry qopt_linear_int4_g64_n256_k256_tile_{{m64|any}}(
// CHECK: cp.async.wait_group 2
// CHECK: bar.sync
// CHECK: ldmatrix.sync.aligned.m8n8.x4
// CHECK-COUNT-64: mma.sync.aligned.m16n8k16
// F16: cvt.rn.f16x2.f32
// BF16: cvt.rn.bf16x2.f32
// CHECK: st.global.v4
// CHECK: .visible .entry qopt_linear_int4_grow_sym_n40_k264_stream_m8(

// No stack, nothing left to link but the name of dynamic shared memory.
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
