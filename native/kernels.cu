// All device code of the engine in one translation unit: every file of parts/, and nothing else. The emulated device is made of it, and images that
// hold every kernel (nvcc's for one card, say). The assembly carries each part by itself, so that a run compiles what it uses; see build.sh.
//   clang++ -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 -nocudainc -nocudalib -std=c++17 -O3 -ffp-contract=off
//           -Xclang -target-feature -Xclang +ptx80 -S native/kernels.cu
//   nvcc -ptx -arch=compute_80 -std=c++17 -O3 --fmad=false native/kernels.cu
//   g++ -x c++ -std=c++17 -O2 -ffp-contract=off -Wno-unknown-pragmas -DMERGE_ENGINE_EMULATOR -fPIC -shared -pthread
//       native/kernels.cu native/emulator/*.cpp
#include "parts/vectors.cu"
#include "parts/sums.cu"
#include "parts/merging.cu"
#include "parts/differences.cu"
#include "parts/weights.cu"
#include "parts/thresholds.cu"
#include "parts/stored_to_16.cu"
#include "parts/stored_to_32.cu"
#include "parts/linear.cu"
#include "parts/normalization.cu"
#include "parts/loss.cu"
#include "parts/tokens.cu"
#include "parts/per_sample.cu"
#include "parts/attention_float32_32.cu"
#include "parts/attention_float32_64.cu"
#include "parts/attention_float32_128.cu"
#include "parts/attention_float32_256.cu"
#include "parts/attention_tf32_32.cu"
#include "parts/attention_tf32_64.cu"
#include "parts/attention_tf32_128.cu"
#include "parts/attention_bf16_32.cu"
#include "parts/attention_bf16_64.cu"
#include "parts/attention_bf16_128.cu"
#include "parts/probes.cu"
