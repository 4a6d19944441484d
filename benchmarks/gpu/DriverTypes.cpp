//===- DriverTypes.cpp - the runtime's view of the driver is true ---------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// The runtime declares by itself what it uses of the driver, so that it builds
// without CUDA. Where there is CUDA, the compiler compares.
//
//===----------------------------------------------------------------------===//
#include "CudaDriver.h"

#include <cstddef>
#include <cuda.h>

using qopt::runtime::CudaDriver;
namespace cuda = qopt::runtime::cuda;

using Config = CudaDriver::LaunchConfig;
static_assert(sizeof(Config) == sizeof(CUlaunchConfig));
static_assert(offsetof(Config, block) == offsetof(CUlaunchConfig, blockDimX));
static_assert(offsetof(Config, shared) ==
              offsetof(CUlaunchConfig, sharedMemBytes));
static_assert(offsetof(Config, stream) == offsetof(CUlaunchConfig, hStream));
static_assert(offsetof(Config, attributes) == offsetof(CUlaunchConfig, attrs));
static_assert(offsetof(Config, attributeCount) ==
              offsetof(CUlaunchConfig, numAttrs));

using Attribute = CudaDriver::LaunchAttribute;
static_assert(sizeof(Attribute) == sizeof(CUlaunchAttribute));
static_assert(offsetof(Attribute, value) == offsetof(CUlaunchAttribute, value));

static_assert(cuda::multiprocessors ==
              CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
static_assert(cuda::l2Bytes == CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
static_assert(cuda::computeMajor ==
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
static_assert(cuda::computeMinor ==
              CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
static_assert(cuda::sharedPerBlock ==
              CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
static_assert(cuda::staticShared == CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
static_assert(cuda::localBytes == CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
static_assert(cuda::registers == CU_FUNC_ATTRIBUTE_NUM_REGS);
static_assert(cuda::dynamicShared ==
              CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
static_assert(cuda::nonPortableCluster ==
              CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED);
static_assert(cuda::jitErrorLog == CU_JIT_ERROR_LOG_BUFFER);
static_assert(cuda::jitErrorLogBytes == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
static_assert(cuda::errorNoBinary == CUDA_ERROR_NO_BINARY_FOR_GPU);
static_assert(cuda::errorInvalidPtx == CUDA_ERROR_INVALID_PTX);
static_assert(cuda::errorUnsupportedPtx == CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
static_assert(cuda::errorNotFound == CUDA_ERROR_NOT_FOUND);
static_assert(cuda::captureThreadLocal == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
static_assert(cuda::captureRelaxed == CU_STREAM_CAPTURE_MODE_RELAXED);
static_assert(sizeof(CUstreamCaptureMode) == sizeof(int));
static_assert(sizeof(CUstreamCaptureStatus) == sizeof(int));
static_assert(cuda::captureActive == CU_STREAM_CAPTURE_STATUS_ACTIVE);
static_assert(sizeof(cuuint64_t) == sizeof(unsigned long long));
static_assert(cuda::userObjectNoSync == CU_USER_OBJECT_NO_DESTRUCTOR_SYNC);
static_assert(cuda::captureNone == CU_STREAM_CAPTURE_STATUS_NONE);
static_assert(cuda::programmaticSerialization ==
              CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
static_assert(cuda::streamNonBlocking == CU_STREAM_NON_BLOCKING);
