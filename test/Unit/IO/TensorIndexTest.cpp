#include "qopt/IO/TensorIndex.h"
#include "TestFiles.h"
#include "qopt/IO/Hash.h"

using namespace qopt;
using namespace qopt::test;

namespace {
/// A file with the one-byte tensors `names`, each holding its first letter.
std::string shard(std::vector<std::string> names) {
  std::string header = "{", data;
  for (const std::string &name : names) {
    header += str(data.empty() ? "" : ",", "\"", name,
                  "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[",
                  data.size(), ",", data.size() + 1, "]}");
    data += name[0];
  }
  header += "}";
  return littleEndian<uint64_t>(header.size()) + header + data;
}

std::string indexOf(std::string_view nameOfShard) {
  return str(
      R"({"metadata":{"total_size":3},"weight_map":{"a":"1.safetensors",)"
      R"("b":")",
      nameOfShard, R"("}})");
}

struct Checkpoint : TemporaryDirectory {
  explicit Checkpoint(std::string_view secondShard = "2.safetensors") {
    write("m/model.safetensors.index.json", indexOf(secondShard));
    write("m/1.safetensors", shard({"a", "x"}));
  }
  std::string refusal() const {
    auto index = TensorIndex::open(path("m"));
    EXPECT_FALSE(index);
    return index ? "" : index.error().message;
  }
};

bool contains(const std::string &text, std::string_view part) {
  return text.find(part) != text.npos;
}

std::string textOf(const TensorIndex &index, std::string_view name) {
  ByteSpan bytes = index.data(*index.get(name).value()).value();
  return std::string(bytes.begin(), bytes.end());
}
} // namespace

TEST(TensorIndex, FindsTensorsOfTheBundledModel) {
  std::string path = QOPT_MODELS "/novella-7m";
  TensorIndex index = TensorIndex::open(path).value();
  const TensorEntry *entry =
      index.get("model.layers.0.self_attn.q_proj.weight").value();
  EXPECT_EQ(entry->dtype, DType::F16);
  EXPECT_EQ(entry->shape.size(), 2u);
  EXPECT_EQ(index.data(*entry).value().size(), entry->bytes);
  ASSERT_EQ(index.files().size(), 1u);
  EXPECT_EQ(index.files()[0].name, "model.safetensors");
  TensorIndex single = TensorIndex::open(path + "/model.safetensors").value();
  EXPECT_EQ(single.tensors().size(), index.tensors().size());
  EXPECT_EQ(single.files()[0].hash, index.files()[0].hash);
  EXPECT_EQ(single.files()[0].name, "model.safetensors");
  EXPECT_TRUE(contains(index.get("nope").error().message, "\"nope\""));
}

TEST(TensorIndex, JoinsShards) {
  Checkpoint checkpoint;
  checkpoint.write("m/2.safetensors", shard({"b"}));
  TensorIndex index = TensorIndex::open(checkpoint.path("m")).value();
  ASSERT_EQ(index.tensors().size(), 2u); // x is in no map
  EXPECT_EQ(textOf(index, "a"), "a");
  EXPECT_EQ(textOf(index, "b"), "b");
  EXPECT_EQ(index.files().size(), 2u);
  EXPECT_EQ(index.files()[1].name, "2.safetensors");
}

TEST(TensorIndex, RefusesShardsThatAreMissingOrIncomplete) {
  Checkpoint checkpoint;
  EXPECT_TRUE(contains(checkpoint.refusal(), "2.safetensors: is missing"));
  checkpoint.write("m/2.safetensors", shard({"c"}));
  EXPECT_TRUE(contains(checkpoint.refusal(), "tensor \"b\" is missing"));
}

TEST(TensorIndex, ReadsNothingOutsideTheDirectory) {
  for (const char *name : {"/etc/passwd", "../x.safetensors", "..", ".", "",
                           "s/2.safetensors", "s\\\\2", "\\u0000"}) {
    Checkpoint checkpoint(name);
    checkpoint.write("x.safetensors", shard({"b"}));
    checkpoint.write("m/s/2.safetensors", shard({"b"}));
    EXPECT_TRUE(contains(checkpoint.refusal(), "is not the name of a file"))
        << name;
  }
  Checkpoint checkpoint;
  checkpoint.write("x.safetensors", shard({"b"}));
  std::string link = checkpoint.path("m/2.safetensors");
  std::filesystem::create_symlink("../x.safetensors", link);
  EXPECT_TRUE(contains(checkpoint.refusal(), "is a symbolic link"));
  std::filesystem::remove(link);
  std::filesystem::create_symlink("nowhere", link);
  EXPECT_TRUE(contains(checkpoint.refusal(), "broken symbolic link"));
  std::filesystem::remove(link);
  std::filesystem::create_directory(link);
  EXPECT_TRUE(contains(checkpoint.refusal(), "is not a regular file"));
}

TEST(TensorIndex, FollowsLinksOfTheHuggingFaceCacheToItsBlobsOnly) {
  TemporaryDirectory cache;
  cache.write("blobs/17", shard({"a"}));
  cache.write("elsewhere", shard({"a"}));
  std::filesystem::create_directories(cache.path("snapshots/r1"));
  std::string link = cache.path("snapshots/r1/model.safetensors");
  std::filesystem::create_symlink("../../blobs/17", link);
  TensorIndex index = TensorIndex::open(cache.path("snapshots/r1")).value();
  EXPECT_EQ(textOf(index, "a"), "a");
  EXPECT_EQ(index.files()[0].path, link);
  std::filesystem::remove(link);
  std::filesystem::create_symlink("../../elsewhere", link);
  EXPECT_FALSE(TensorIndex::open(cache.path("snapshots/r1")));
}

TEST(TensorIndex, RefusesPicklesWithTheReason) {
  Checkpoint checkpoint("pytorch_model.bin");
  checkpoint.write("m/pytorch_model.bin", "x");
  EXPECT_TRUE(contains(checkpoint.refusal(), "runs code"));
  std::filesystem::remove(checkpoint.path("m/model.safetensors.index.json"));
  EXPECT_TRUE(contains(checkpoint.refusal(), "pytorch_model.bin: pickled"));
  EXPECT_FALSE(TensorIndex::open(checkpoint.path("m/pytorch_model.bin")));
  std::filesystem::remove(checkpoint.path("m/pytorch_model.bin"));
  EXPECT_TRUE(contains(checkpoint.refusal(), "contains neither"));
  EXPECT_EQ(TensorIndex::open(checkpoint.path("none")).error().kind,
            ErrorKind::IO);
}
