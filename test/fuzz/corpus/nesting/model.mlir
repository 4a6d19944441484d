#map = affine_map<(d0, d1) -> (d0 + d1 mod 3)>
!quantized = !qopt.quant<2x32xf16, #qopt.grouped<4, 32, f16>>
module attributes {llm.tokenizer = #qopt.file<"tokenizer.json">} {
  ml_program.global private @w(#qopt.extern<ckpt, "w">) : tensor<2x32xf16>
  // a comment with ( and "
  func.func @f(%x: tensor<?x32xf32>) -> tensor<?x2xf32> {
    %w = ml_program.global_load_const @w : tensor<2x32xf16>
    %y = qopt.linear %x, %w : (tensor<?x32xf32>, tensor<2x32xf16>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  }
}
#loc = loc("a\"b":1:2)
