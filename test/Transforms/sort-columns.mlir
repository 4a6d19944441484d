// RUN: qopt %s --sort-columns --verify-diagnostics | FileCheck %s
// RUN: qopt %s --sort-columns --no-remarks | qopt --sort-columns --no-remarks | FileCheck %s
// RUN: qopt %s --pass-pipeline="builtin.module(sort-columns,lower-to-llvm-cpu)" --no-remarks | FileCheck %s --check-prefix=CPU

// Column i of the weight is column order[i] of what is stored, so stored column
// j needs x at the place of j in the order.
!q = !qopt.quant<1x4xf16, #qopt.grouped<bits = 8, group = 2, symmetric>>
#stored = #qopt.inline<{codes = dense<[[128, 129, 130, 131]]> : tensor<1x4xui8>, scales = dense<1.0> : tensor<1x2xf16>}>

// CHECK: @queries(#qopt.inline<{{.*}}>) : !qopt.quant<1x4xf16
// CHECK: @keys(#qopt.inline<{{.*}}>) : !qopt.quant<1x4xf16
// CHECK: @other(#qopt.inline<{{.*}}>) : !qopt.quant<1x4xf16
ml_program.global private @queries(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 2, 3, 0]>]>) : tensor<1x4xf16>
ml_program.global private @keys(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 2, 3, 0]>]>) : tensor<1x4xf16>
ml_program.global private @other(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 0, 2, 3]>]>) : tensor<1x4xf16>
// What is more than a permutation of columns of codes is a float weight.
// CHECK: @rows(#qopt.view<{{.*}}>) : tensor<1x4xf16>
// CHECK: @more(#qopt.view<{{.*}}>) : tensor<1x4xf16>
// CHECK: @floats(#qopt.view<{{.*}}>) : tensor<1x4xf16>
// CHECK: @table(#qopt.view<{{.*}}>) : tensor<1x4xf16>
ml_program.global private @rows(#qopt.view<#stored of !q, [#qopt.permute<rows, [0]>]>) : tensor<1x4xf16>
ml_program.global private @more(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 0, 2, 3]>, #qopt.scale<columns, dense<2.0> : tensor<4xf32>>]>) : tensor<1x4xf16>
ml_program.global private @floats(#qopt.view<dense<1.0> : tensor<1x4xf16> of tensor<1x4xf16>, [#qopt.permute<columns, [1, 0, 2, 3]>]>) : tensor<1x4xf16>
// expected-remark @+1 {{@table: its columns stay in act-order, as floats: not only linears read it}}
ml_program.global private @table(#qopt.view<#stored of !q, [#qopt.permute<columns, [1, 0, 2, 3]>]>) : tensor<1x4xf16>

// One permutation for both weights in one order, right behind x.
// CHECK-LABEL: func.func @f(
// CHECK-SAME: %[[X:[a-z0-9]*]]: tensor<?x4xf32>
// CHECK-DAG: %[[SHARED:.*]] = qopt.permute_channels %[[X]] [3, 0, 1, 2] : tensor<?x4xf32>
// CHECK-DAG: %[[ANOTHER:.*]] = qopt.permute_channels %[[X]] [1, 0, 2, 3] : tensor<?x4xf32>
// CHECK-NOT: qopt.permute_channels
// CHECK: qopt.linear %[[SHARED]], %{{.*}} : tensor<?x4xf32>, !qopt.quant
// CHECK: qopt.linear %[[SHARED]], %{{.*}} : tensor<?x4xf32>, !qopt.quant
// CHECK: qopt.linear %[[ANOTHER]], %{{.*}} : tensor<?x4xf32>, !qopt.quant
// CHECK: qopt.linear %[[X]], %{{.*}} : tensor<?x4xf32>, tensor<1x4xf16>
// CHECK: qopt.linear %[[X]], %{{.*}} : tensor<?x4xf32>, tensor<1x4xf16>
// CHECK: qopt.linear %[[X]], %{{.*}} : tensor<?x4xf32>, tensor<1x4xf16>
// CHECK: qopt.linear %[[X]], %{{.*}} : tensor<?x4xf32>, tensor<1x4xf16>
// On the CPU it is a gather, and the weight a packed one.
// CPU-LABEL: func.func @f(
// CPU: arith.constant dense<[3, 0, 1, 2]> : tensor<4xi32>
// CPU: linalg.generic
// CPU: tensor.extract
// CPU: call @qopt_linear_int8_g2_sym_n1_k4
func.func @f(%x: tensor<?x4xf32>) -> (tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<1x4xf32>) {
  %queries = ml_program.global_load_const @queries : tensor<1x4xf16>
  %0 = qopt.linear %x, %queries : tensor<?x4xf32>, tensor<1x4xf16> -> tensor<?x1xf32>
  %keys = ml_program.global_load_const @keys : tensor<1x4xf16>
  %1 = qopt.linear %x, %keys : tensor<?x4xf32>, tensor<1x4xf16> -> tensor<?x1xf32>
  %other = ml_program.global_load_const @other : tensor<1x4xf16>
  %2 = qopt.linear %x, %other : tensor<?x4xf32>, tensor<1x4xf16> -> tensor<?x1xf32>
  %rows = ml_program.global_load_const @rows : tensor<1x4xf16>
  %3 = qopt.linear %x, %rows : tensor<?x4xf32>, tensor<1x4xf16> -> tensor<?x1xf32>
  %more = ml_program.global_load_const @more : tensor<1x4xf16>
  %4 = qopt.linear %x, %more : tensor<?x4xf32>, tensor<1x4xf16> -> tensor<?x1xf32>
  %floats = ml_program.global_load_const @floats : tensor<1x4xf16>
  %5 = qopt.linear %x, %floats : tensor<?x4xf32>, tensor<1x4xf16> -> tensor<?x1xf32>
  %table = ml_program.global_load_const @table : tensor<1x4xf16>
  %6 = qopt.linear %x, %table : tensor<?x4xf32>, tensor<1x4xf16> -> tensor<?x1xf32>
  %7 = qopt.dequantize %table : tensor<1x4xf16> -> tensor<1x4xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7 : tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<?x1xf32>, tensor<1x4xf32>
}
