//===- DispatchTable.cpp - a module's table of kernels --------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "DispatchTable.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace qopt;
using namespace qopt::nvptx;

void DispatchTable::add(const LinearSpec &spec, const KernelPlan &plan) {
  const LaunchShape &launch = plan.launch;
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attribute("linear", spec.name());
    json.attribute("scheme", spec.schemeName);
    json.attribute("bits", spec.hierarchy().bits);
    json.attribute("group", spec.hierarchy().groupSize);
    json.attribute("zero", spec.hierarchy().zero);
    json.attribute("zeros", spec.weight.hasZeros());
    json.attribute("minima", spec.weight.hasHalfMinima());
    json.attribute("super_scales", spec.hierarchy().hasLevels());
    json.attribute("n", spec.rows());
    json.attribute("k", spec.columns());
    json.attribute("activations",
                   spec.activation == ActivationType::F16 ? "f16" : "bf16");
    json.attribute("entry", plan.entry);
    json.attribute("max_m", launch.maxRows);
    json.attribute("block", launch.block);
    json.attribute("shared", launch.shared);
    json.attribute("shared_per_row", launch.sharedPerRow);
    json.attribute("n_tiles", launch.tilesOfN);
    json.attribute("m_tile", launch.tileOfM);
    json.attribute("persistent", launch.persistent);
    json.attribute("cluster", launch.cluster);
    json.attribute("overlap", launch.overlap);
    if (launch.workspace)
      json.attribute("workspace", launch.workspace);
  });
  rows += (rows.empty() ? "" : ",") + text;
}

void DispatchTable::add(const PermutePlan &plan) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream);
  json.object([&] {
    json.attribute("entry", plan.entry);
    json.attribute("k", plan.columns);
    json.attribute("block", plan.launch.block);
    json.attribute("n_tiles", plan.launch.tilesOfN);
    json.attribute("m_tile", plan.launch.tileOfM);
    json.attribute("overlap", plan.launch.overlap);
  });
  permutations += (permutations.empty() ? "" : ",") + text;
}

void DispatchTable::write(gpu::GPUModuleOp module) const {
  std::string text = R"({"version":2,"chip":")" + std::string(target.chip) +
                     R"(","kernels":[)" + rows + "]";
  if (!permutations.empty())
    text += R"(,"permutations":[)" + permutations + "]";
  text += "}";
  text.push_back('\0');
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  Type type = LLVM::LLVMArrayType::get(b.getI8Type(), text.size());
  LLVM::GlobalOp::create(b, module.getLoc(), type, /*isConstant=*/true,
                         LLVM::Linkage::External, "qopt_dispatch",
                         b.getStringAttr(text), /*alignment=*/1,
                         /*addrSpace=*/1);
}
