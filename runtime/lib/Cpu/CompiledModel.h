//===- CompiledModel.h - what the compiler says about a model ---*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The description that stands beside the code, JSON:
//
//     {"abi": 3, "name": "novella-7m", "vocabulary": 4096, "context": 1024,
//      "arena_columns": 2304, "linears": 43,
//      "weights": [{"tensor": "l0.attn_q.packed", "bytes": 32768}, …],
//      "caches": [{"kv_heads": 2, "head_dim": 64, "window": 0}, …],
//      "ropes": [{"interleaved": false, "magnitude": 1.0,
//                 "frequencies": [1.0, …],          // radians per position
//                 "long_frequencies": […],          // LongRoPE only, for
//                 "original_context": 4096}, …],    // sequences beyond this
//      "archive": "model.weights.safetensors",      // beside the .so
//      "tokenizer": "tokenizer.json",
//      "bytes_per_token": 6791168.0,        // of weights, in linears
//      "operations_per_token": 9437184.0,   // multiplications and additions
//      "steps": ["qopt_linear_int4_g64_n256_k256", …], "step_bytes": […]}
//
// "archive" and "tokenizer" are there in files only, "steps" (what the numbers
// of marks mean) only in builds for profiling.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_RUNTIME_CPU_COMPILEDMODEL_H
#define QOPT_RUNTIME_CPU_COMPILEDMODEL_H

#include "KvCache.h"
#include "qopt_rt_abi.h"

#include <string>
#include <string_view>
#include <vector>

namespace qopt::runtime {

struct RopeTable {
  bool interleaved = false;
  float magnitude = 1;
  std::vector<float> frequencies, longFrequencies;
  int64_t originalContext = 0;
};

struct WeightPlace {
  std::string tensor;
  int64_t bytes = 0;
};

struct Description {
  std::string name, archive, tokenizer;
  int64_t vocabulary = 0, context = 0, arenaColumns = 0, linears = 0;
  std::vector<WeightPlace> weights;
  std::vector<CacheShape> caches;
  std::vector<RopeTable> ropes;
  std::vector<std::string> steps;

  /// False with a sentence in `error`. Counts are checked against what a model
  /// can have.
  static bool parse(std::string_view text, Description &description,
                    std::string &error);
};

} // namespace qopt::runtime

#endif // QOPT_RUNTIME_CPU_COMPILEDMODEL_H
