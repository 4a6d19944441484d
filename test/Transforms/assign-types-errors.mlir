// RUN: not qopt %s --assign-types="type=q9_k" 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: --type q9_k is unknown; there are int2 to int8 and the GGUF types
// RUN: not qopt %s --assign-types="type=q4_k group=32" 2>&1 | FileCheck %s --check-prefix=GROUP
// GROUP: error: --type q4_k has a group and a grid of its own
// RUN: not qopt %s --assign-types="type=int4 pure=true" 2>&1 | FileCheck %s --check-prefix=PURE
// PURE: error: --pure goes with GGUF types; for int4 say --head
// RUN: not qopt %s --assign-types="type=q4_k tensor-type=attn_z=q8_0" 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: --tensor-type attn_z=q8_0: matches no tensor that can be quantized; there are w
// RUN: not qopt %s --assign-types="type=q4_k tensor-type=w=q8_0,w=q6_k" 2>&1 | FileCheck %s --check-prefix=HIDDEN
// HIDDEN: error: --tensor-type w=q6_k: what it matches, as w, is matched by an earlier --tensor-type
// RUN: not qopt %s --assign-types="type=q4_k tensor-type=(=q8_0" 2>&1 | FileCheck %s --check-prefix=REGEX
// REGEX: error: --tensor-type (=q8_0: no regular expression: {{.+}}
// RUN: not qopt %s --assign-types="type=q4_k tensor-type=q8_0" 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: error: --tensor-type q8_0 is not REGEX=TYPE, as ffn_down=q6_k
// RUN: not qopt %s --assign-types="type=q4_k tensor-type=w=q8" 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: error: --tensor-type: type q8 is unknown
ml_program.global private @w(dense<1.0> : tensor<2x256xf16>) : tensor<2x256xf16>
