// All device code of the engine: one translation unit that includes every file of kernels/ that holds kernels, and nothing else.
//   clang++ -x cuda --cuda-device-only --cuda-gpu-arch=sm_80 -nocudainc -nocudalib -std=c++17 -O3 -ffp-contract=off
//           -Xclang -target-feature -Xclang +ptx80 -S native/kernels.cu
//   nvcc -ptx -arch=compute_80 -std=c++17 -O3 --fmad=false native/kernels.cu
//   g++ -x c++ -std=c++17 -O2 -ffp-contract=off -Wno-unknown-pragmas -DMERGE_ENGINE_EMULATOR -fPIC -shared -pthread
//       native/kernels.cu native/emulator/*.cpp
#include "kernels/platform.cuh"
#include "kernels/vector.cuh"
#include "kernels/weighted_sum.cuh"
#include "kernels/stored.cuh"
#include "kernels/selection.cuh"
#include "kernels/election.cuh"
#include "kernels/cross_magnitude.cuh"
#include "kernels/random_mask.cuh"
#include "kernels/sums.cuh"
#include "kernels/counts.cuh"
#include "kernels/histogram.cuh"
#include "kernels/find.cuh"
#include "kernels/optimizers.cuh"
#include "kernels/per_sample_product.cuh"
#include "kernels/per_sample_product_mma.cuh"
#include "kernels/add_parts.cuh"
#include "kernels/bias_gradient.cuh"
#include "kernels/bias_activation.cuh"
#include "kernels/round_inputs.cuh"
#include "kernels/scale_matrix.cuh"
