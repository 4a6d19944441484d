// What makes the sm_90a kernel fast, in its PTX.
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a" --emit=ptx -o %t.ptx
// RUN: FileCheck %s --check-prefix=PRODUCER < %t.ptx
// RUN: FileCheck %s --check-prefix=CONSUMER < %t.ptx
// RUN: FileCheck %s --check-prefix=AFTER < %t.ptx
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=2x64" --emit=ptx -o %t.64.ptx
// RUN: FileCheck %s --check-prefix=READY < %t.64.ptx

// The warpgroup that copies gives registers away, has TMA fetch codes before it
// waits for the kernel before, and never waits for its copies: the barrier of a
// stage counts the bytes of codes and follows the copies of x and of scales. 256
// outputs are four copies of each of its warps.
// PRODUCER: .target sm_90a
// PRODUCER: .extern .shared .align 1024 .b8 qopt_shared[];
// PRODUCER: .visible .entry qopt_linear_int4_g128_sym_n8192_k1024_warpgroup_any(
// PRODUCER: .reqntid 384
// PRODUCER: mbarrier.init.shared::cta.b64
// PRODUCER: fence.proxy.async
// PRODUCER: setmaxnreg.dec.sync.aligned.u32 72
// PRODUCER: shfl.sync.idx.b32
// PRODUCER: elect.sync
// PRODUCER: mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [{{.*}}], 2048;
// PRODUCER-COUNT-4: cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [{{.*}}], [{{.*}}], 512,
// PRODUCER: griddepcontrol.wait
// PRODUCER-COUNT-8: cp.async.cg.shared.global [
// PRODUCER: cp.async.mbarrier.arrive.noinc
// PRODUCER-NOT: cp.async.wait
// PRODUCER: mbarrier.try_wait.parity
// PRODUCER-COUNT-4: cp.async.bulk.shared::cluster.global

// The others have the left operand of wgmma in registers. 256 outputs are two
// tiles of each warpgroup. Weights are scaled, and those of the next tile are
// decoded while wgmma works on this one: the wait before is for the tile before.
// CONSUMER: .visible .entry qopt_linear_int4_g128_sym_n8192_k1024_warpgroup_any(
// CONSUMER: setmaxnreg.inc.sync.aligned.u32 216
// CONSUMER: fence.proxy.async
// CONSUMER-COUNT-2: wgmma.commit_group
// CONSUMER: wgmma.wait_group.sync.aligned 1
// CONSUMER-NOT: ld.global
// CONSUMER-NOT: wgmma.wait_group
// CONSUMER: ld.shared.v4
// CONSUMER-COUNT-16: lop3.b32 {{.*}}, 0x64006400
// CONSUMER-NOT: wgmma.wait_group
// CONSUMER: wgmma.fence
// CONSUMER-COUNT-4: wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16
// CONSUMER: wgmma.commit_group
// CONSUMER: wgmma.wait_group.sync.aligned 1
// CONSUMER: @first mbarrier.arrive
// CONSUMER: wgmma.wait_group.sync.aligned 0
// CONSUMER: st.global.v4

// Few rows: sums are scaled. Two branches, never taken, keep decoding between the
// start of the products and the wait for them.
// AFTER: .visible .entry qopt_linear_int4_g128_sym_n8192_k1024_warpgroup_m16(
// AFTER: wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16
// AFTER: wgmma.commit_group
// AFTER: activemask
// AFTER-COUNT-16: lop3.b32 {{.*}}, 0x64006400
// AFTER: activemask
// AFTER-NOT: lop3.b32 {{.*}}, 0x64006400
// AFTER: wgmma.wait_group.sync.aligned 0
// AFTER: fma.rn.f32
// AFTER: @first mbarrier.arrive

// More rows: where the branch before the wait leads to, all 16 registers of the
// next weights are needed, so that none is decoded behind it.
// READY: .visible .entry qopt_linear_int4_g128_sym_n8192_k1024_warpgroup_2x64x1(
// READY: wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16
// READY: wgmma.commit_group
// READY-NOT: wgmma.wait_group
// READY: @some bra
// READY-COUNT-16: st.shared.b32 [lanes]
// READY-NEXT: trap;
// READY: wgmma.wait_group.sync.aligned 0
!w = !qopt.packed<8192x1024xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
func.func @f(%x: tensor<?x1024xf32>, %w: !w) -> tensor<?x8192xf32> {
  %0 = qopt.linear %x, %w : tensor<?x1024xf32>, !w -> tensor<?x8192xf32>
  return %0 : tensor<?x8192xf32>
}
