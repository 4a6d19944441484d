//===- LLMEnums.td - choices inside model ops -*- tablegen -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_DIALECT_LLM_ENUMS_TD
#define QOPT_DIALECT_LLM_ENUMS_TD

include "mlir/IR/EnumAttr.td"

def LLM_Activation : I32EnumAttr<"Activation", "activation function", [
    I32EnumAttrCase<"Silu", 0, "silu">, I32EnumAttrCase<"Gelu", 1, "gelu">,
    I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">]> {
  let cppNamespace = "::qopt::llm";
  let genSpecializedAttr = 0;
}
#endif // QOPT_DIALECT_LLM_ENUMS_TD
