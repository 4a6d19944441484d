// What the GPU runtime reads: a table of kernels, and the header of an archive.
// An accepted table's launches are within the limits of CUDA, and an accepted
// archive's tensors lie inside it.
#include "Archive.h"
#include "Dispatch.h"
#include "Fuzz.h"

using namespace qopt;
using namespace qopt::runtime;

static void readTable(std::string_view text) {
  DispatchTable table;
  std::string error;
  if (!DispatchTable::parse(text, table, error)) {
    fuzz::require(!error.empty(), "what is refused has a reason");
    return;
  }
  for (const KernelRow &row : table.rows) {
    fuzz::require(row.workspace >= 0 &&
                      size_t(row.workspace) <= table.largestWorkspace(),
                  "workspaces have a size");
    fuzz::require(!table.candidates(row.linear).empty() &&
                      !table.candidates(row.entry).empty(),
                  "every row is found by both of its names");
    for (int64_t rows :
         {int64_t(0), int64_t(1), int64_t(7), int64_t(INT32_MAX)}) {
      Geometry geometry;
      DeviceLimits limits = {132, 232448};
      if (!geometryOf(
              row, rows, limits, [](int64_t) { return int64_t(2); }, geometry))
        continue;
      fuzz::require(geometry.gridX >= 1 && geometry.gridX <= INT32_MAX &&
                        geometry.gridY >= 1 && geometry.gridY <= 65535 &&
                        geometry.block >= 1 && geometry.block <= 1024 &&
                        geometry.shared <= limits.sharedPerBlock,
                    "a launch is within the limits of CUDA");
      fuzz::require(row.workspace == 0 ||
                        geometry.gridX * geometry.gridY <= 1024,
                    "each block has a flag in a workspace");
      fuzz::require(geometry.gridX % row.cluster == 0, "clusters are whole");
    }
  }
}

static void readArchive(std::string_view file) {
  ArchiveIndex index;
  std::string error;
  if (!index.parse(file, error)) {
    fuzz::require(!error.empty(), "what is refused has a reason");
    return;
  }
  std::string_view tensor = index.find(file, "a");
  uint64_t sum = 0;
  for (char byte : tensor)
    sum += uint8_t(byte); // a sanitizer sees a read past the end
  volatile uint64_t seen = sum;
  (void)seen;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  readTable(bytes);
  readArchive(bytes);
  return 0;
}
