//===- Archive.cpp - the file that holds packed weights -------------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#include "Archive.h"
#include "Json.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace qopt::runtime;

bool ArchiveIndex::parse(std::string_view file, std::string &error) {
  tensors.clear();
  uint64_t length = 0;
  if (file.size() >= 8)
    for (int i = 7; i >= 0; --i)
      length = length << 8 | uint8_t(file[i]);
  if (file.size() < 8 || length > file.size() - 8) {
    error = "the file is shorter than its header";
    return false;
  }
  Json header;
  if (!Json::parse(file.substr(8, length), header, error)) {
    error = "header: " + error;
    return false;
  }
  uint64_t dataBytes = file.size() - 8 - length;
  for (const auto &[name, tensor] : header.members) {
    if (name == "__metadata__")
      continue;
    const Json *range = tensor.find("data_offsets");
    if (!range || range->elements.size() != 2 ||
        range->elements[0].kind != Json::Kind::Int ||
        range->elements[1].kind != Json::Kind::Int ||
        range->elements[0].integer < 0 ||
        range->elements[1].integer < range->elements[0].integer ||
        uint64_t(range->elements[1].integer) > dataBytes) {
      error = "tensor " + name + " does not lie in the file";
      return false;
    }
    uint64_t begin = range->elements[0].integer;
    tensors[name] = {8 + length + begin, range->elements[1].integer - begin};
  }
  return true;
}

std::string_view ArchiveIndex::find(std::string_view file,
                                    const std::string &name) const {
  auto place = tensors.find(name);
  if (place == tensors.end())
    return {};
  return file.substr(place->second.first, place->second.second);
}

bool Archive::open(const std::string &path, std::string &error) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    error = path + ": cannot open: " + std::strerror(errno);
    if (descriptor >= 0)
      close(descriptor);
    return false;
  }
  void *address = MAP_FAILED;
  if (S_ISREG(status.st_mode) && status.st_size > 0)
    address =
        mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (address == MAP_FAILED) {
    error = path + ": not a file that can be mapped";
    return false;
  }
  bytes = {static_cast<const char *>(address), size_t(status.st_size)};
  if (index.parse(bytes, error))
    return true;
  error = path + ": " + error;
  return false;
}

Archive::~Archive() {
  if (!bytes.empty())
    munmap(const_cast<char *>(bytes.data()), bytes.size());
}
