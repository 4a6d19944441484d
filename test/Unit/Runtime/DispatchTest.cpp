#include "Dispatch.h"
#include "Archive.h"

#include <gtest/gtest.h>

using namespace qopt::runtime;

static const std::string good =
    R"({"version": 1, "chip": "sm_90a", "kernels": [
    {"linear": "l", "scheme": "int4_g128", "bits": 4, "group": 128,
     "zero": 8, "zeros": false, "super_scales": true, "n": 8192, "k": 8192, "activations": "f16",
     "entry": "l_m8", "max_m": 8, "block": 512, "shared": 65536,
     "shared_per_row": 16384, "n_tiles": 512, "m_tile": 8, "persistent": true,
     "cluster": 1}]})";

static std::string errorWith(const std::string &from, const std::string &to) {
  std::string text = good, error;
  if (!from.empty())
    text.replace(text.find(from), from.size(), to);
  DispatchTable table;
  return DispatchTable::parse(text, table, error) ? "" : error;
}

TEST(Dispatch, ReadsEveryNumberOfARow) {
  DispatchTable table;
  std::string error;
  ASSERT_TRUE(DispatchTable::parse(good, table, error)) << error;
  EXPECT_EQ(table.chip, "sm_90a");
  ASSERT_EQ(table.rows.size(), 1u);
  const KernelRow &row = table.rows[0];
  EXPECT_EQ(row.scheme, "int4_g128");
  EXPECT_EQ(row.bits, 4);
  EXPECT_EQ(row.group, 128);
  EXPECT_EQ(row.zero, 8);
  EXPECT_FALSE(row.zeros);
  EXPECT_FALSE(row.minima);
  EXPECT_TRUE(row.superScales);
  EXPECT_EQ(row.n, 8192);
  EXPECT_EQ(row.k, 8192);
  EXPECT_EQ(row.activations, "f16");
  EXPECT_EQ(row.maxRows, 8);
  EXPECT_EQ(row.block, 512);
  EXPECT_EQ(row.dynamicShared(3), 65536 + 3 * 16384);
  EXPECT_EQ(row.tilesOfN, 512);
  EXPECT_EQ(row.tileOfM, 8);
  EXPECT_TRUE(row.persistent);
  EXPECT_EQ(row.cluster, 1);
  EXPECT_EQ(row.workspace, 0);
  EXPECT_EQ(table.largestWorkspace(), 0u);
  EXPECT_EQ(table.candidates("l"), std::vector<size_t>{0});
  EXPECT_EQ(table.candidates("l_m8"), std::vector<size_t>{0});
  EXPECT_TRUE(table.candidates("m").empty());
}

TEST(Dispatch, ReadsTheLargestWorkspace) {
  size_t begin = good.find('[') + 1, end = good.rfind("}]}");
  std::string first = good.substr(begin, end - begin), second = first, error;
  second.replace(second.find("l_m8"), 4, "l_m16");
  std::string text = good.substr(0, begin) + first +
                     ", \"workspace\": 20480}, " + second +
                     ", \"workspace\": 8192}]}";
  DispatchTable table;
  ASSERT_TRUE(DispatchTable::parse(text, table, error)) << error;
  EXPECT_EQ(table.rows[1].workspace, 8192);
  EXPECT_EQ(table.largestWorkspace(), 20480u);
}

TEST(Dispatch, RefusesWhatIsNotATable) {
  EXPECT_EQ(errorWith("\"version\": 1", "\"version\": 3"),
            "the table of kernels is not of version 1 or 2");
  EXPECT_EQ(errorWith("\"chip\": \"sm_90a\"", "\"chip\": 1"),
            "the table of kernels lacks its chip or its kernels");
  EXPECT_EQ(errorWith("\"block\": 512", "\"block\": \"512\""),
            "kernels[0]: block is not an integer");
  EXPECT_EQ(errorWith("\"block\": 512", "\"block\": 2048"),
            "kernels[0]: block is 2048, not in 1 … 1024");
  EXPECT_EQ(errorWith("\"zeros\": false,", ""),
            "kernels[0]: zeros is missing; it is true or false");
  EXPECT_EQ(errorWith("\"cluster\": 1", "\"cluster\": 1, \"workspace\": -1"),
            "kernels[0]: workspace is -1, not in 0 … 2147483648");
  EXPECT_EQ(errorWith("\"cluster\": 1", "\"cluster\": 1, \"workspace\": {}"),
            "kernels[0]: workspace is not an integer");
  EXPECT_EQ(errorWith("\"n_tiles\": 512", "\"n_tiles\": 2147483648"),
            "kernels[0]: the grid is too large");
  EXPECT_NE(errorWith("]}", ""), "");
}

TEST(Dispatch, RefusesMoreBlocksThanAWorkspaceHasFlags) {
  auto errorOf = [](const std::string &tilesOfN, const std::string &tileOfM,
                    const std::string &most) {
    std::string text = good, error;
    auto put = [&](const std::string &member, const std::string &value) {
      size_t at = text.find(member) + member.size();
      text.replace(at, text.find(',', at) - at, value);
    };
    put("\"n_tiles\": ", tilesOfN);
    put("\"m_tile\": ", tileOfM);
    put("\"max_m\": ", most);
    text.insert(text.rfind("}]}"), ", \"workspace\": 8192");
    DispatchTable table;
    return DispatchTable::parse(text, table, error) ? "" : error;
  };
  EXPECT_EQ(errorOf("512", "8", "16"), "");
  EXPECT_EQ(errorOf("1024", "2147483647", "0"), "");
  EXPECT_EQ(errorOf("512", "8", "17"),
            "kernels[0]: 1536 blocks, and a workspace has flags of 1024");
  EXPECT_EQ(errorOf("1", "1", "0"),
            "kernels[0]: 65535 blocks, and a workspace has flags of 1024");
}

TEST(Dispatch, CapsTheGridAlongM) {
  KernelRow row;
  row.block = 32;
  row.tilesOfN = 7;
  row.tileOfM = 16;
  Geometry geometry;
  auto none = [](int64_t) -> int64_t { return 0; };
  ASSERT_TRUE(geometryOf(row, 2000000, {132, 1000}, none, geometry));
  EXPECT_EQ(geometry.gridX, 7u);
  EXPECT_EQ(geometry.gridY, 65535u);
}

TEST(Dispatch, LeavesTheMultiprocessorsBeyondTheLastWholeClusterFree) {
  KernelRow row;
  row.block = 32;
  row.tilesOfN = 1000;
  row.tileOfM = 16;
  row.persistent = true;
  row.cluster = 4;
  Geometry geometry;
  auto one = [](int64_t) -> int64_t { return 1; };
  ASSERT_TRUE(geometryOf(row, 1, {131, 1000}, one, geometry));
  EXPECT_EQ(geometry.gridX, 128u);
  EXPECT_FALSE(geometryOf(row, 1, {3, 1000}, one, geometry));
}

TEST(Archive, RefusesTensorsOutsideOfTheFile) {
  auto parse = [](const std::string &header, const std::string &data) {
    std::string file(8, '\0'), error;
    file[0] = char(header.size());
    file += header + data;
    ArchiveIndex index;
    return index.parse(file, error) ? std::string(index.find(file, "a"))
                                    : error;
  };
  EXPECT_EQ(parse(R"({"a": {"data_offsets": [1, 3]}})", "xyz"), "yz");
  EXPECT_EQ(parse(R"({"a": {"data_offsets": [1, 4]}})", "xyz"),
            "tensor a does not lie in the file");
  EXPECT_EQ(parse(R"({"a": {"data_offsets": [3, 1]}})", "xyz"),
            "tensor a does not lie in the file");
  EXPECT_EQ(parse(R"({"a": {"data_offsets": [-1, 1]}})", "xyz"),
            "tensor a does not lie in the file");
  EXPECT_EQ(parse(R"({"a": {}})", "xyz"), "tensor a does not lie in the file");
  EXPECT_EQ(parse("{", ""), "header: byte 1: expected a key");
  std::string error;
  ArchiveIndex index;
  EXPECT_FALSE(index.parse("1234567", error));
  EXPECT_FALSE(index.parse(std::string(8, '\xff') + "{}", error));
  EXPECT_EQ(error, "the file is shorter than its header");
}
