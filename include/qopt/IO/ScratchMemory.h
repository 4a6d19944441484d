//===- ScratchMemory.h - memory that lies on disk ---------------*- C++ -*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_IO_SCRATCHMEMORY_H
#define QOPT_IO_SCRATCHMEMORY_H

#include "qopt/Support/Error.h"

#include <cstdint>
#include <memory>

namespace qopt {

/// `count` floats in a file without a name in the temporary directory ($TMPDIR,
/// else /var/tmp), which goes away with the last pointer, also if the process
/// is killed. The system writes pages to it when it needs their memory;
/// doneReading (MappedFile.h) lets go of some. The space is reserved: an I/O
/// error if the disk has less.
Result<std::shared_ptr<float[]>> scratchFloats(int64_t count);

} // namespace qopt

#endif // QOPT_IO_SCRATCHMEMORY_H
