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
#include <type_traits>

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

// Functions: what newer toolkits say of them.
#if CUDA_VERSION >= 12000 && __has_include(<cudaTypedefs.h>)
#include <cudaTypedefs.h>

/// Whether a value is passed in the same way as both types.
template <typename Ours, typename Theirs>
constexpr bool sameValue =
    sizeof(Ours) == sizeof(Theirs) &&
    std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> &&
    (std::is_pointer_v<Ours> || std::is_integral_v<Ours>) &&
    (std::is_pointer_v<Theirs> || std::is_integral_v<Theirs> ||
     std::is_enum_v<Theirs>);

template <typename Ours, typename Theirs> struct Agree : std::false_type {};
template <typename Result, typename... Ours, typename... Theirs>
  requires(sizeof...(Ours) == sizeof...(Theirs))
struct Agree<Result (*)(Ours...), CUresult (*)(Theirs...)>
    : std::bool_constant<sameValue<Result, CUresult> &&
                         (sameValue<Ours, Theirs> && ...)> {};

/// The member of CudaDriver, and the function under the CUDA version in which
/// it got the symbol that CudaDriver::open looks for.
#define AGREES(member, function)                                               \
  static_assert(Agree<decltype(CudaDriver::member), PFN_##function>::value,    \
                #function)

AGREES(init, cuInit_v2000);
AGREES(driverGetVersion, cuDriverGetVersion_v2020);
AGREES(getErrorString, cuGetErrorString_v6000);
AGREES(deviceGet, cuDeviceGet_v2000);
AGREES(deviceGetCount, cuDeviceGetCount_v2000);
AGREES(deviceGetName, cuDeviceGetName_v2000);
AGREES(deviceGetAttribute, cuDeviceGetAttribute_v2000);
AGREES(primaryContextRetain, cuDevicePrimaryCtxRetain_v7000);
AGREES(primaryContextRelease, cuDevicePrimaryCtxRelease_v11000);
AGREES(contextPush, cuCtxPushCurrent_v4000);
AGREES(contextPop, cuCtxPopCurrent_v4000);
AGREES(contextSynchronize, cuCtxSynchronize_v2000);
AGREES(moduleLoadData, cuModuleLoadDataEx_v2010);
AGREES(moduleUnload, cuModuleUnload_v2000);
AGREES(moduleGetFunction, cuModuleGetFunction_v2000);
AGREES(moduleGetGlobal, cuModuleGetGlobal_v3020);
AGREES(functionGetAttribute, cuFuncGetAttribute_v2020);
AGREES(functionSetAttribute, cuFuncSetAttribute_v9000);
AGREES(occupancy, cuOccupancyMaxActiveBlocksPerMultiprocessor_v6050);
AGREES(memoryAllocate, cuMemAlloc_v3020);
AGREES(memoryFree, cuMemFree_v3020);
AGREES(memorySetAsync, cuMemsetD8Async_v3020);
AGREES(copyToDevice, cuMemcpyHtoD_v3020);
AGREES(copyToHost, cuMemcpyDtoH_v3020);
AGREES(streamCreate, cuStreamCreate_v2000);
AGREES(streamDestroy, cuStreamDestroy_v4000);
AGREES(streamSynchronize, cuStreamSynchronize_v2000);
AGREES(streamIsCapturing, cuStreamIsCapturing_v10000);
AGREES(streamGetCaptureInfo, cuStreamGetCaptureInfo_v11030);
AGREES(exchangeCaptureMode, cuThreadExchangeStreamCaptureMode_v10010);
AGREES(streamBeginCapture, cuStreamBeginCapture_v10010);
AGREES(streamEndCapture, cuStreamEndCapture_v10000);
AGREES(graphInstantiate, cuGraphInstantiateWithFlags_v11040);
AGREES(graphLaunch, cuGraphLaunch_v10000);
AGREES(graphExecDestroy, cuGraphExecDestroy_v10000);
AGREES(graphDestroy, cuGraphDestroy_v10000);
AGREES(graphRetainUserObject, cuGraphRetainUserObject_v11030);
AGREES(userObjectCreate, cuUserObjectCreate_v11030);
AGREES(userObjectRelease, cuUserObjectRelease_v11030);
AGREES(launchKernel, cuLaunchKernel_v4000);
AGREES(streamGetId, cuStreamGetId_v12000);
AGREES(launchKernelEx, cuLaunchKernelEx_v11060);
#endif
