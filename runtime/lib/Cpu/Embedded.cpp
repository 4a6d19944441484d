//===- Embedded.cpp - the model that this was linked with -----------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Only in files that `qopt compile` writes: the code and the description of the
// model are symbols of the same shared object.
//
//===----------------------------------------------------------------------===//
#include "Session.h"

#include <dlfcn.h>

extern "C" void qopt_model_forward(const QoptRtCall *call, int64_t thread);
extern "C" const char qopt_model_description[];

int qopt_rt_open(const char *weights, const QoptRtOptions *options,
                 QoptRt **model, char *error, size_t errorSize) {
  std::string directory;
  Dl_info place;
  if (dladdr(qopt_model_description, &place) && place.dli_fname) {
    directory = place.dli_fname;
    directory.erase(directory.find_last_of('/') + 1);
  }
  return qopt::runtime::openSession(qopt_model_forward, qopt_model_description,
                                    directory, weights, options, model, error,
                                    errorSize);
}

// The compiler's driver would add crtbeginS.o for these two: whose destructors
// are registered here, and that they run when the object is unloaded.
// NOLINTBEGIN(bugprone-reserved-identifier): the C++ ABI names them.
extern "C" {
__attribute__((visibility("hidden"))) void *__dso_handle =
    static_cast<void *>(&__dso_handle);
void __cxa_finalize(void *object);
__attribute__((destructor)) static void finalize() {
  __cxa_finalize(static_cast<void *>(&__dso_handle));
}
}
// NOLINTEND(bugprone-reserved-identifier)
