#include "qopt/Formats/Mix.h"

#include <gtest/gtest.h>

#include <algorithm>

using namespace qopt;
using T = GgufType;

static MixModel dense(int64_t layers, int64_t heads = 32,
                      int64_t kvHeads = 32) {
  return {.architecture = "llama",
          .layers = layers,
          .heads = heads,
          .kvHeads = kvHeads};
}

static T typeOf(const char *mix, const MixModel &model, const std::string &name,
                int64_t columns = 4096) {
  return mixType(*findMix(mix), model, name, columns);
}
static T typeInLayer(const char *mix, const MixModel &model, int layer,
                     const char *name) {
  return typeOf(mix, model,
                "blk." + std::to_string(layer) + "." + name + ".weight");
}

TEST(Mix, NamesAreUniqueAndFileTypesToo) {
  for (const Mix &mix : mixes()) {
    EXPECT_EQ(findMix(mix.name), &mix);
    for (const Mix &other : mixes())
      EXPECT_TRUE(&mix == &other || mix.fileType != other.fileType) << mix.name;
  }
  EXPECT_EQ(findMix("q4_k"), findMix("q4_k_m"));
  EXPECT_EQ(findMix("mxfp4"), nullptr);
}

TEST(Mix, SomeLayersOfLlama7BGetMoreBits) {
  // As llama-quantize prints for 32 layers.
  const std::vector<int> more = {0,  1,  2,  3,  6,  9,  12, 15,
                                 18, 21, 24, 27, 28, 29, 30, 31};
  for (int layer = 0; layer < 32; ++layer) {
    bool listed = std::ranges::find(more, layer) != more.end();
    for (const char *name : {"attn_v", "ffn_down"}) {
      EXPECT_EQ(typeInLayer("q4_k_m", dense(32), layer, name),
                listed ? T::Q6_K : T::Q4_K)
          << name << " of layer " << layer;
      EXPECT_EQ(typeInLayer("q5_k_m", dense(32), layer, name),
                listed ? T::Q6_K : T::Q5_K);
    }
    EXPECT_EQ(typeInLayer("q4_k_s", dense(32), layer, "attn_v"),
              layer < 4 ? T::Q5_K : T::Q4_K);
    EXPECT_EQ(typeInLayer("q4_k_m", dense(32), layer, "ffn_up"), T::Q4_K);
  }
}

TEST(Mix, TheOutputAndTiedEmbeddingsGetQ6K) {
  MixModel tied = dense(32);
  tied.tiedEmbeddings = true;
  EXPECT_EQ(typeOf("q4_k_m", dense(32), "output.weight"), T::Q6_K);
  EXPECT_EQ(typeOf("q4_k_m", dense(32), "token_embd.weight"), T::Q4_K);
  EXPECT_EQ(typeOf("q4_k_m", tied, "token_embd.weight"), T::Q6_K);
  EXPECT_EQ(typeOf("q8_0", dense(32), "output.weight"), T::Q8_0);
  EXPECT_EQ(typeOf("q4_k_m", dense(32), "output.weight", 2080), T::Q8_0);
  EXPECT_EQ(typeOf("q4_0", dense(32), "output.weight", 2080), T::Q6_K);
  EXPECT_EQ(typeOf("f16", dense(32), "output.weight"), T::F16);
}

TEST(Mix, SharedHeadsAndExpertsGetMoreBits) {
  MixModel shared = dense(32, 32, 8), large = dense(80, 64, 8),
           experts = dense(32, 32, 8);
  experts.experts = 8;
  EXPECT_EQ(typeInLayer("q2_k", dense(32), 9, "attn_v"), T::Q3_K);
  EXPECT_EQ(typeInLayer("q2_k", shared, 9, "attn_v"), T::Q4_K);
  EXPECT_EQ(typeInLayer("q2_k", large, 9, "attn_v"), T::Q5_K);
  EXPECT_EQ(typeInLayer("q3_k_s", large, 9, "attn_v"), T::Q5_K);
  for (const char *name : {"attn_v", "attn_k"})
    EXPECT_EQ(typeInLayer("q4_k_m", experts, 9, name), T::Q8_0);
  EXPECT_EQ(typeInLayer("q4_k_m", experts, 9, "attn_output"), T::Q5_K);
  EXPECT_EQ(typeInLayer("q3_k_l", experts, 9, "attn_output"), T::Q3_K);
  EXPECT_EQ(typeInLayer("q3_k_l", shared, 9, "attn_output"), T::Q5_K);
  EXPECT_EQ(typeInLayer("q4_k_m", experts, 4, "ffn_down_exps"), T::Q4_K);
  EXPECT_EQ(typeInLayer("mxfp4_moe", experts, 4, "ffn_down_exps"), T::MXFP4);
  EXPECT_EQ(typeInLayer("mxfp4_moe", experts, 4, "attn_q"), T::Q8_0);
}

TEST(Mix, AnImportanceMatrixChangesTheFirstEighth) {
  MixModel weighted = dense(32);
  weighted.importance = true;
  EXPECT_EQ(typeInLayer("q4_0", dense(32), 3, "ffn_down"), T::Q4_0);
  EXPECT_EQ(typeInLayer("q4_0", weighted, 3, "ffn_down"), T::Q4_1);
  EXPECT_EQ(typeInLayer("q4_0", weighted, 4, "ffn_down"), T::Q4_0);
  EXPECT_EQ(typeInLayer("iq4_xs", dense(32), 3, "ffn_down"), T::Q5_K);
  EXPECT_EQ(typeInLayer("iq4_xs", weighted, 3, "ffn_down"), T::IQ4_XS);
}

TEST(Mix, RowsThatAreNotWholeBlocksFallBack) {
  EXPECT_EQ(fallbackType(T::Q4_K, 512), T::Q4_K);
  EXPECT_EQ(fallbackType(T::Q2_K, 96), T::Q4_0);
  EXPECT_EQ(fallbackType(T::Q3_K, 96), T::Q4_0);
  EXPECT_EQ(fallbackType(T::Q4_K, 96), T::Q5_0);
  EXPECT_EQ(fallbackType(T::Q5_K, 96), T::Q5_1);
  EXPECT_EQ(fallbackType(T::Q6_K, 96), T::Q8_0);
  EXPECT_EQ(fallbackType(T::IQ4_XS, 96), T::IQ4_NL);
  EXPECT_EQ(fallbackType(T::Q6_K, 80), T::F16);
  EXPECT_EQ(fallbackType(T::Q8_0, 80), T::F16);
}

TEST(Mix, NormsAndRoutersAreNotQuantized) {
  EXPECT_TRUE(isQuantizable("blk.0.attn_q.weight"));
  EXPECT_FALSE(isQuantizable("blk.0.attn_q.bias"));
  EXPECT_FALSE(isQuantizable("blk.0.attn_q_norm.weight"));
  EXPECT_FALSE(isQuantizable("blk.0.ffn_gate_inp.weight"));
  EXPECT_TRUE(isQuantizable("blk.0.ffn_gate_exps.weight"));
}
