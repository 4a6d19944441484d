// Which shapes of the wgmma kernel the cost model chooses for which M: the largest
// M, outputs and rows of a block, and blocks of a cluster.
// RUN: qopt %s --convert-linear-to-gpu="chip=sm_90a" -o %t.mlir
// RUN: sed -n 's/\\22/"/g; s/.*qopt_dispatch("\(.*\)\\00").*/\1/p' %t.mlir > %t.json
// RUN: %python -c "import json, sys; [print(r['n'], r['k'], 'M', r['max_m'], 'blocks', r['n_tiles'], 'rows', r['m_tile'], 'cluster', r['cluster']) for r in json.load(sys.stdin)['kernels'] if 'warpgroup' in r['entry']]" < %t.json | FileCheck %s

// A GPU too small for clusters has none.
// RUN: qopt %s --convert-linear-to-gpu="chip=sm_90a processors=1" | FileCheck %s --check-prefix=SMALL
// SMALL: qopt_dispatch
// SMALL-NOT: \22cluster\22:{{[2-9]}}

// Few rows, as many blocks as processors: 64 outputs each.
// CHECK: 8192 8192 M 16 blocks 128 rows 16 cluster 1
// More rows: 128 outputs, so that x is read half as often, and two blocks for
// them; then 256 and four.
// CHECK: 8192 8192 M 32 blocks 64 rows 32 cluster 2
// CHECK: 8192 8192 M 64 blocks 32 rows 64 cluster 4
// Many: as much of x as fits, and no cluster.
// CHECK: 8192 8192 M 0 blocks 32 rows 128 cluster 1

// 64 blocks would leave half of the processors idle.
// CHECK: 4096 4096 M 16 blocks 64 rows 16 cluster 2

// 40 tiles of 128 outputs, three blocks for each.
// CHECK: 5120 27648 M 32 blocks 40 rows 32 cluster 3

// 256 outputs where blocks are many.
// CHECK: 28672 8192 M 64 blocks 112 rows 64 cluster 1
!a = !qopt.packed<8192x8192xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
!b = !qopt.packed<4096x4096xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
!d = !qopt.packed<5120x27648xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
!c = !qopt.packed<28672x8192xf16, #qopt.grouped<bits = 4, group = 128, symmetric>, #qopt.mma>
func.func @f(%x: tensor<?x8192xf32>, %x4: tensor<?x4096xf32>, %x2: tensor<?x27648xf32>, %a: !a, %b: !b, %d: !d, %c: !c)
    -> (tensor<?x8192xf32>, tensor<?x4096xf32>, tensor<?x5120xf32>, tensor<?x28672xf32>) {
  %0 = qopt.linear %x, %a : tensor<?x8192xf32>, !a -> tensor<?x8192xf32>
  %1 = qopt.linear %x4, %b : tensor<?x4096xf32>, !b -> tensor<?x4096xf32>
  %2 = qopt.linear %x2, %d : tensor<?x27648xf32>, !d -> tensor<?x5120xf32>
  %3 = qopt.linear %x, %c : tensor<?x8192xf32>, !c -> tensor<?x28672xf32>
  return %0, %1, %2, %3 : tensor<?x8192xf32>, tensor<?x4096xf32>, tensor<?x5120xf32>, tensor<?x28672xf32>
}
