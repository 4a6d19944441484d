// Every shape of the wgmma kernel, executed instruction by instruction on the CPU:
// linears small enough for that would get only the smallest ones. N is no
// multiple of a block, and K has more stages than there are places for them.
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=1x128,2x16,2x128,2x256" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only "n72_.*warpgroup" 130 > %t.out && FileCheck %s < %t.out
// One block goes through all tiles of rows.
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only "sym_n72_.*warpgroup_2x(128|256)" --row-blocks 1 300 > %t.out && FileCheck %s --check-prefix=STRIDE < %t.out
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a activations=bf16 warpgroup-shapes=1x96,2x128" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only "n72_.*warpgroup" 97 > %t.out && FileCheck %s --check-prefix=BF16 < %t.out

// 256 outputs: a consumer has two tiles. The second block has 8 outputs.
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=4x16,4x64x2,4x128" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only "n(72|264)_.*warpgroup" --row-blocks 1 130 > %t.out && FileCheck %s --check-prefix=WIDE < %t.out
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a activations=bf16 warpgroup-shapes=4x64" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only "n(72|264)_.*warpgroup" 90 > %t.out && FileCheck %s --check-prefix=WIDE-BF16 < %t.out

// Clusters: blocks that share the columns add their sums.
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=1x16x2,2x64x2,1x32x4,2x128x4" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only "n72_.*warpgroup" --row-blocks 1 70 > %t.out && FileCheck %s --check-prefix=CLUSTER < %t.out

// Few outputs and many columns: stages go round.
// RUN: qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=1x16,2x32x2,2x16x3" --emit=ptx -o %t.ptx
// RUN: %python -B %S/Inputs/check_linear.py %t.ptx --only "n16_.*warpgroup" 20 > %t.out && FileCheck %s --check-prefix=LONG < %t.out

// RUN: not qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=3x16" 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: warpgroup shape '3x16': expected 1, 2 or 4 times 64 outputs x 16 to 256 rows, a multiple of 16 (128 at most for 4) [x 1 to 4 parts of K], like 2x256 or 1x64x2
// RUN: not qopt %s --lower-to-nvptx="chip=sm_90a warpgroup-shapes=4x256" 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: warpgroup shape '4x256'

// CHECK-COUNT-8: _warpgroup_{{.*}} ok
// CHECK-NOT: WRONG
// STRIDE-COUNT-2: _warpgroup_2x{{.*}} ok
// STRIDE-NOT: WRONG
// BF16-COUNT-4: _warpgroup_{{.*}} ok
// BF16-NOT: WRONG
// WIDE-COUNT-9: _warpgroup_4x{{.*}} ok
// WIDE-NOT: WRONG
// WIDE-BF16-COUNT-3: _warpgroup_4x64{{.*}} ok
// WIDE-BF16-NOT: WRONG
// CLUSTER-COUNT-8: _warpgroup_{{.*}} ok
// CLUSTER-NOT: WRONG
// LONG-COUNT-3: _warpgroup_{{.*}} ok
// LONG-NOT: WRONG

!sym = !qopt.packed<72x1024xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
!zeros = !qopt.packed<72x504xf16, #qopt.grouped<bits = 4, group = 32>, #qopt.mma>
!wide = !qopt.packed<264x256xf16, #qopt.grouped<bits = 4, group = 64, symmetric>, #qopt.mma>
!long = !qopt.packed<16x2304xf16, #qopt.grouped<bits = 4, group = 128>, #qopt.mma>
func.func @sym(%x: tensor<?x1024xf32>, %w: !sym) -> tensor<?x72xf32> {
  %y = qopt.linear %x, %w : tensor<?x1024xf32>, !sym -> tensor<?x72xf32>
  return %y : tensor<?x72xf32>
}
func.func @zeros(%x: tensor<?x504xf32>, %w: !zeros) -> tensor<?x72xf32> {
  %y = qopt.linear %x, %w : tensor<?x504xf32>, !zeros -> tensor<?x72xf32>
  return %y : tensor<?x72xf32>
}
func.func @long(%x: tensor<?x2304xf32>, %w: !long) -> tensor<?x16xf32> {
  %y = qopt.linear %x, %w : tensor<?x2304xf32>, !long -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
func.func @wide(%x: tensor<?x256xf32>, %w: !wide) -> tensor<?x264xf32> {
  %y = qopt.linear %x, %w : tensor<?x256xf32>, !wide -> tensor<?x264xf32>
  return %y : tensor<?x264xf32>
}
