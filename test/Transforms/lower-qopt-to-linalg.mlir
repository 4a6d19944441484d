// RUN: qopt %s --lower-qopt-to-linalg --split-input-file --verify-diagnostics | FileCheck %s
// RUN: qopt %s --lower-qopt-to-linalg=quant-types --split-input-file 2>/dev/null | FileCheck %s --check-prefix=QUANT

// One generic reads x, codes, scales and zero points, each by its own map.
// CHECK-DAG: #[[X:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG: #[[CODES:.*]] = affine_map<(d0, d1, d2) -> (d1, d2 floordiv 2)>
// CHECK-DAG: #[[GROUPS:.*]] = affine_map<(d0, d1, d2) -> (d1, d2 floordiv 4)>
// CHECK-DAG: #[[Y:.*]] = affine_map<(d0, d1, d2) -> (d0, d1)>
// CHECK-NOT: ml_program
// CHECK-LABEL: func.func @linear
// CHECK-DAG: %[[Q:.*]] = arith.constant dense<{{.*}}> : tensor<2x4xi8>
// CHECK-DAG: %[[S:.*]] = arith.constant dense<5.000000e-01> : tensor<2x2xf16>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<3> : tensor<2x2xi8>
// CHECK-DAG: %[[BIAS:.*]] = arith.constant dense<{{.*}}> : tensor<2xf16>
// CHECK: %[[INITIAL:.*]] = linalg.generic {{.*}} ins(%[[BIAS]] : tensor<2xf16>)
// CHECK: linalg.generic {indexing_maps = [#[[X]], #[[CODES]], #[[GROUPS]], #[[GROUPS]], #[[Y]]], iterator_types = ["parallel", "parallel", "reduction"]} ins(%{{.*}}, %[[Q]], %[[S]], %[[Z]] : {{.*}}) outs(%[[INITIAL]] : tensor<?x2xf32>)
// QUANT-LABEL: func.func @linear
// QUANT: %[[Q:.*]] = quant.scast %{{.*}} : tensor<2x8xi4> to tensor<2x8x!quant.uniform<u4:f32:{0:1, 1:4}, {{[{][{]}}5.000000e-01:3, 5.000000e-01:3}, {5.000000e-01:3, 5.000000e-01:3}}>>
// QUANT: %[[W:.*]] = quant.dcast %[[Q]]
// QUANT: linalg.generic {{.*}} ins(%{{.*}}, %[[W]]
ml_program.global private @w(#qopt.inline<{codes = dense<[[80, -7, 96, -8], [112, -9, -128, 15]]> : tensor<2x4xi8>, scales = dense<0.5> : tensor<2x2xf16>, zeros = dense<3> : tensor<2x2xi8>}>) : !qopt.quant<2x8xf16, #qopt.grouped<bits = 4, group = 4>>
ml_program.global private @b(dense<[1.0, 2.0]> : tensor<2xf16>) : tensor<2xf16>
func.func @linear(%x: tensor<?x8xf32>) -> tensor<?x2xf32> {
  %w = ml_program.global_load_const @w : !qopt.quant<2x8xf16, #qopt.grouped<bits = 4, group = 4>>
  %b = ml_program.global_load_const @b : tensor<2xf16>
  %y = qopt.linear %x, %w, %b : tensor<?x8xf32>, !qopt.quant<2x8xf16, #qopt.grouped<bits = 4, group = 4>>, tensor<2xf16> -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// -----

// Vectors and stacks of matrices, and float weights in any value.
// CHECK-LABEL: func.func @ranks
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]} ins(%arg0, %arg2 : tensor<4xf32>, tensor<3x4xf16>)
// CHECK: linalg.generic {{.*}} iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%arg1, %arg2 : tensor<2x?x4xf32>, tensor<3x4xf16>)
func.func @ranks(%v: tensor<4xf32>, %x: tensor<2x?x4xf32>, %w: tensor<3x4xf16>) -> (tensor<3xf32>, tensor<2x?x3xf32>) {
  %0 = qopt.linear %v, %w : tensor<4xf32>, tensor<3x4xf16> -> tensor<3xf32>
  %1 = qopt.linear %x, %w : tensor<2x?x4xf32>, tensor<3x4xf16> -> tensor<2x?x3xf32>
  return %0, %1 : tensor<3xf32>, tensor<2x?x3xf32>
}

// -----

// GGUF blocks are read where they lie; a kernel's operand becomes a buffer.
// CHECK-LABEL: func.func @blocks
// CHECK: %[[B:.*]] = arith.constant dense<3> : tensor<1x18xi8>
// CHECK: linalg.generic {{.*}} outs(%{{.*}} : tensor<1x32xf32>)
// CHECK: tensor.extract %[[B]]
// CHECK: bufferization.to_buffer %{{.*}} read_only : tensor<1x18xi8> to memref<1x18xi8>
ml_program.global private @w(#qopt.inline<{packed = dense<3> : tensor<1x18xi8>}>) : !qopt.packed<1x32xf16, #qopt.gguf<q4_0>, #qopt.blocks>
func.func @blocks() -> (tensor<1x32xf32>, memref<1x18xi8>) {
  %w = ml_program.global_load_const @w : !qopt.packed<1x32xf16, #qopt.gguf<q4_0>, #qopt.blocks>
  %f = qopt.dequantize %w : !qopt.packed<1x32xf16, #qopt.gguf<q4_0>, #qopt.blocks> -> tensor<1x32xf32>
  %c = qopt.component %w "packed" : !qopt.packed<1x32xf16, #qopt.gguf<q4_0>, #qopt.blocks> -> memref<1x18xi8>
  return %f, %c : tensor<1x32xf32>, memref<1x18xi8>
}

// -----

// What is no constant stays, and says so.
// CHECK-LABEL: func.func @argument
// CHECK: qopt.linear
func.func @argument(%x: tensor<?x32xf32>, %w: !qopt.quant<1x32xf16, #qopt.gguf<q4_0>>) -> tensor<?x1xf32> {
  // expected-remark @below {{stays, because its weight is not the constant value of an ml_program.global}}
  %y = qopt.linear %x, %w : tensor<?x32xf32>, !qopt.quant<1x32xf16, #qopt.gguf<q4_0>> -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
}

// -----

// A cache becomes two buffers in every function that passes it on.
// CHECK-LABEL: func.func @block(
// CHECK-SAME: %{{.*}}: tensor<?x8xf32>, %[[NUMBERS:.*]]: memref<?x2x?x?xf32>, %[[LENGTHS:.*]]: memref<?xi64>) -> tensor<?x8xf32>
// CHECK: %[[PAST:.*]] = memref.load %[[LENGTHS]]
// CHECK: cf.assert
// CHECK: memref.store
// CHECK: memref.subview %[[NUMBERS]][%{{.*}}, 0, %{{.*}}, 0]
// CHECK: memref.subview %[[NUMBERS]][%{{.*}}, 1, %{{.*}}, 0]
// CHECK-LABEL: func.func @entry(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[NUMBERS:.*]]: memref<?x2x?x?xf32>, %[[LENGTHS:.*]]: memref<?xi64>)
// CHECK: call @block(%[[X]], %[[NUMBERS]], %[[LENGTHS]])
func.func @block(%x: tensor<?x8xf32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> attributes {llm.block = 0 : i64} {
  %a = llm.attention %x, %x, %x, %kv {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}
func.func @entry(%x: tensor<?x8xf32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> {
  %y = call @block(%x, %kv) : (tensor<?x8xf32>, !llm.kv_cache) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A cache that is anything else keeps its attention.
// CHECK-LABEL: func.func @stored
// CHECK: llm.attention
func.func @stored(%x: tensor<?x8xf32>, %kv: !llm.kv_cache) -> tensor<?x8xf32> {
  cf.br ^next(%kv : !llm.kv_cache)
^next(%same: !llm.kv_cache):
  // expected-remark @below {{stays, because 'cf.br' uses a cache}}
  %a = llm.attention %x, %x, %x, %same {layer = 0 : i64, heads = 2 : i64, kv_heads = 2 : i64, scale = 0.5 : f32} : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}
