//===- ReferenceDigests.h - what ggml makes of the seeded inputs -*- C++
//-*-===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// FNV-1a digests of what ggml_quantize_chunk and the types' to_float give for
// the inputs of SeededInputs.h. Provenance: ggml 0.25.3 as vendored by
// llama.cpp 0c1e57098, in the source distribution
// llama_cpp_python-0.3.36.tar.gz (SHA-256
// 832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e), ggml.c and
// ggml-quants.c built by gcc 12.2.0 for baseline x86-64 with -O2
// -ffp-contract=off -fno-fast-math -DNDEBUG, and glibc 2.36.
//
//===----------------------------------------------------------------------===//
#ifndef QOPT_TEST_UNIT_FORMATS_REFERENCEDIGESTS_H
#define QOPT_TEST_UNIT_FORMATS_REFERENCEDIGESTS_H

#include "SeededInputs.h"

#include <string_view>

namespace qopt::test {

struct ReferenceDigests {
  std::string_view format;
  uint64_t plain[distributions];        // encoded without importance
  uint64_t byImportance[distributions]; // encoded with seededImportance()
  uint64_t decoded;                     // seededBlocks blocks of seededBytes()
};

constexpr ReferenceDigests referenceDigests[] = {
    {"q8_0",
     {0xf7294958d4120594, 0x80b1e087d5be31a6, 0x811d14c2594a864b,
      0x4892d28b7376d96d, 0x6338965701546125, 0xbad976960622beff,
      0xcb3013d15d7a05c5, 0x3775564f8e8bacc9},
     {0xf7294958d4120594, 0x80b1e087d5be31a6, 0x811d14c2594a864b,
      0x4892d28b7376d96d, 0x6338965701546125, 0xbad976960622beff,
      0xcb3013d15d7a05c5, 0x3775564f8e8bacc9},
     0x7a5251121509ecd6},
    {"q4_0",
     {0x5a02f363c2d49752, 0x56125cf744818294, 0x995c5c4d213611c2,
      0xf7377457fcaab987, 0x1d7fc1ee90b37125, 0xddbd42a9fcd12104,
      0xe5e13029446e7d6f, 0x290e4c1718e43ac6},
     {0xf10555067bbbefa3, 0x9925a77f090a979f, 0x574bdac71fb42bf8,
      0x0eb7a024ae3c4e43, 0xb0f1ebd9faa17125, 0xa1c18c9322c5f2cc,
      0xd8dc9941e6545efd, 0x5eeed2d50fcbf35d},
     0x0f3a6c5bb1490169},
    {"q4_1",
     {0xb00d93bba3495d21, 0x00cda691b3ac18cc, 0x70247f5555979936,
      0x9f06fc1730740627, 0x14ff3e12e06742a5, 0x177178e49af65e78,
      0x205d1fc4bfdc5a91, 0xc09c3d572f267e9c},
     {0x2feb202b651cf913, 0x48349774852f8eee, 0x6e0382b82ffdb660,
      0xa9fcc145e2c883ed, 0x14ff3e12e06742a5, 0x8fcd856c4d994f65,
      0x4d810e24dfcb0064, 0xece236af2f3ee45c},
     0x76aaf3753d1f45fe},
    {"q5_0",
     {0x5184862517765f10, 0x7f035f6fa047ff3c, 0xbc64a9848aeadbc5,
      0xd935f965b77ebc67, 0x39be4514c2527425, 0x22df8829f63a779c,
      0x25e9fb9360af2964, 0x2e6a04a0d3e6b38b},
     {0x2ed41fcb16c23670, 0x30a35639b8332df2, 0xa36815ae7028651f,
      0xd96b7107e329c596, 0x3937141309162d25, 0xbfbf0e914e56ce7d,
      0x0ccf9b08f2d504e1, 0xbafd2f389a334ccd},
     0xaa4b6dea9630ff71},
    {"q5_1",
     {0x49d4efba5033b5cd, 0x1b63635a037d7b21, 0x96e623b633b2449a,
      0x88af611efe5943e7, 0x72c7743cde7a19a5, 0x559d4731f986d6bf,
      0x52c51ffff5890499, 0x73d2b5abf81d31d4},
     {0xe4c9459982bd26be, 0x5e58b25ae28919df, 0xa19960be5433fce6,
      0xdefce354e8c34919, 0x72c7743cde7a19a5, 0xb6a6b84db8997454,
      0x5058fbca6f7e2b67, 0x11f50b4e2a7952c5},
     0xb97eb014176a2c72},
    {"q2_k",
     {0x013cf0145f1c0dfc, 0xdab253dc20d2bd35, 0xcb8f189a227269db,
      0x9b0320f37cd6bba5, 0x3882fe847adf30a5, 0xac4389cb43a1641a,
      0x4ef5c063f4eb98f4, 0x339009a4e20490a1},
     {0x41361a510b0fb4ae, 0xfc62e749802cc1ca, 0xe52f627a751d9240,
      0xe2afb4a4d87fbf15, 0x3882fe847adf30a5, 0x127eb07ed33372f6,
      0x7c38c0ec5eb13e44, 0x037495817b50d9a8},
     0x5f418ef7cbefd287},
    {"q3_k",
     {0x4971e644f7900091, 0x940060ddcb06284c, 0x8a4fbf569df94e6e,
      0xd638d81b4b11c0ca, 0x47f1cb5a98755165, 0x1171c141a64860af,
      0x5ebd0d1ce1680b3a, 0x3a327868b672628a},
     {0x310cd0e146316536, 0x463094e1cc8d5491, 0x67f963a798723c30,
      0xf5dd062cc69d8a85, 0x47f1cb5a98755165, 0x2415613b93b9e198,
      0x1fb9720b17aa8be8, 0x8c77b98d0899715d},
     0xacfcad4d85945136},
    {"q4_k",
     {0x52197310efcfa68b, 0x2f2b075c027c48e0, 0xc67a5d55d72271ed,
      0x8a9f3209d6dab8e5, 0xb0f1ebd9faa17125, 0xdee11b0bb8ac0e20,
      0x474d3ba9d08fd980, 0xcc8706a2edcc4907},
     {0x51428959fa670792, 0x447cd31e3602d62a, 0x1efa2c5259a450c5,
      0x71e809165e046c03, 0xb0f1ebd9faa17125, 0x623e814b2ebb8177,
      0x2b1ce8a810a24bad, 0x9a8b6db37b7bdd17},
     0xadf4771a11ff0fdf},
    {"q5_k",
     {0xc3301264db8270ae, 0x6aefb1567c802e66, 0xf725d60b13a0961e,
      0x73ccba96a5fc8574, 0x3937141309162d25, 0xd92020ebda592ef1,
      0x413dafdcb47d3023, 0x5a9d5f399bcab41b},
     {0x27ad2c15953167e9, 0xeee5424bac2ced9b, 0x34e3051d2bae2631,
      0xba1fb5b7e63848f7, 0x3937141309162d25, 0xa80d6380c3bde7a1,
      0x852c0d7ba7eea635, 0xb9dae3f0071f261c},
     0x740da9fc1b68c3c8},
    {"q6_k",
     {0x5ff608293e4d74ec, 0x1cda95d22819a4c8, 0x1700522de20ea044,
      0xe14884fab29e0ac9, 0x62830ecaee761ce5, 0x5191ea4054b5071b,
      0xd892e362c9c9ac6d, 0x498bb9aade1ac4b3},
     {0x3ba0b729b3f052a3, 0xa65e890320423d38, 0x30fb2f33a1809628,
      0xe52fb29a0153fe43, 0x62830ecaee761ce5, 0x61d3d670f0edab29,
      0x9a0652b7d49ff9e0, 0x6139673096033a2b},
     0x449ae16147e787bd},
    {"iq4_nl",
     {0x380dc707afdf340c, 0x44853419b3a902ff, 0x748b1b3f41fc1b1a,
      0x22f2d91c08769925, 0x830969b8fd857125, 0x1e0ca1b6b8dc4d73,
      0xac95a2aa761f98c9, 0x91060264c0358108},
     {0x1f45a72d4a5177e9, 0x31426430e0f2158b, 0x63498fb80f684f7b,
      0xde8b88eb79ee0205, 0x830969b8fd857125, 0xbf572363a10bdecf,
      0x8894bc87dddf13c9, 0xb63abfd1399132cb},
     0x1a795eeace9437d6},
    {"iq4_xs",
     {0xec1051ff21e78935, 0x3341ba31cf37020b, 0x9545eef0b5640bfe,
      0xaad8cd14f38510c3, 0x77ea251640ee1a65, 0x891a44a5c1e06399,
      0x6efc7bf0229759ab, 0x860354c7c86bf852},
     {0x287154a1f209eca2, 0xacdd000d109dcfb4, 0xa5faf798dd511cf6,
      0x19b5b642a2eea09f, 0x77ea251640ee1a65, 0xf732d3098bc2dedc,
      0x89f9e12bba59e9a2, 0xeb68f880a2f0877b},
     0xd2b1e4f73d531874},
    {"mxfp4",
     {0x2583cc1c60990cf6, 0x813ea311626defc8, 0xf0d9eb0214140185,
      0x52226c6e1e0588f1, 0xdd821a79be84c225, 0x2de5fd8870bc8572,
      0x5ddf77b706c9fc67, 0x93df745472f12d8a},
     {0x2583cc1c60990cf6, 0x813ea311626defc8, 0xf0d9eb0214140185,
      0x52226c6e1e0588f1, 0xdd821a79be84c225, 0x2de5fd8870bc8572,
      0x5ddf77b706c9fc67, 0x93df745472f12d8a},
     0x163d9abdc715d738},
    {"tq1_0",
     {0x8f2f60f5d5630622, 0x776a6be7fe6bd064, 0x47599af70d11ff8f,
      0x5d55eea63ba00d9b, 0x2bcec2a0dc617a85, 0xc86160962d764daa,
      0xc2554006a5836cc8, 0xd5e3cb1e8e0d2ec0},
     {0x8f2f60f5d5630622, 0x776a6be7fe6bd064, 0x47599af70d11ff8f,
      0x5d55eea63ba00d9b, 0x2bcec2a0dc617a85, 0xc86160962d764daa,
      0xc2554006a5836cc8, 0xd5e3cb1e8e0d2ec0},
     0xac1978b59ce19211},
    {"tq2_0",
     {0x131b2f08c0dcb9cb, 0x85181eed9e216282, 0x23a8723e61a2aeca,
      0x76776ea04a4f365f, 0xc5baadbf4329b7e5, 0xa6f54b71c45baa33,
      0x81e06732b2af2c54, 0xc57b65ea7fa31d7b},
     {0x131b2f08c0dcb9cb, 0x85181eed9e216282, 0x23a8723e61a2aeca,
      0x76776ea04a4f365f, 0xc5baadbf4329b7e5, 0xa6f54b71c45baa33,
      0x81e06732b2af2c54, 0xc57b65ea7fa31d7b},
     0x0a690b001b113775},
};

} // namespace qopt::test

#endif // QOPT_TEST_UNIT_FORMATS_REFERENCEDIGESTS_H
