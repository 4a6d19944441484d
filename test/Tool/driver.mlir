// What the pass driver offers beside mlir-opt's flags, and of them.

// Remarks can be left out, or chosen by what they say.
// RUN: qopt %s --pack-weights="target=nvptx" --split-input-file 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: qopt %s --pack-weights="target=nvptx" --no-remarks 2>&1 | FileCheck %s --check-prefix=QUIET
// RUN: qopt %s --pack-weights="target=nvptx" --no-remarks --remarks 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: qopt %s --pack-weights="target=nvptx" --remarks='not (un)?packed' 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: qopt %s --pack-weights="target=nvptx" --remarks=raised 2>&1 | FileCheck %s --check-prefix=QUIET
// RUN: not qopt %s --remarks='(' 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: --remarks: parentheses not balanced
// REMARK: remark: not packed
// QUIET-NOT: remark
// QUIET: @blocks

// A pipeline that fails leaves a reproducer, which repeats it.
// RUN: rm -rf %t && mkdir %t
// RUN: not qopt %s --canonicalize --rtn-quantize="bits=9" --mlir-pass-pipeline-crash-reproducer=%t/again.mlir -o %t/x.mlir 2>&1 | FileCheck %s --check-prefix=FAILS
// FAILS: driver.mlir:{{.*}}: error: {{.*}}bits
// RUN: FileCheck %s --check-prefix=REPRODUCER < %t/again.mlir
// REPRODUCER: pipeline: "builtin.module(canonicalize{{.*}}rtn-quantize{{.*}}bits=9
// RUN: not qopt %t/again.mlir --run-reproducer 2>&1 | FileCheck %s --check-prefix=AGAIN
// AGAIN: error: {{.*}}bits

// Statistics count what a pass has done, where the build of LLVM has them; the
// pipeline can be shown.
// RUN: qopt %s --pack-weights --dump-pass-pipeline -o %t/y.mlir 2>&1 | FileCheck %s --check-prefix=PIPELINE
// PIPELINE: pack-weights{archive= layout= target=cpu}

ml_program.global private @blocks(#qopt.inline<{blocks = dense<1> : tensor<16x18xi8>}>)
    : !qopt.quant<16x32xf16, #qopt.gguf<iq4_nl>>
ml_program.global private @w(dense<1.0> : tensor<16x32xf16>) : tensor<16x32xf16>
func.func @f(%x: tensor<?x32xf32>) -> tensor<?x16xf32> {
  %w = ml_program.global_load_const @w : tensor<16x32xf16>
  %y = qopt.linear %x, %w : tensor<?x32xf32>, tensor<16x32xf16> -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}
