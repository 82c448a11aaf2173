// Fused merges and conversions whose output has 16 bits an element.
#include "../kernels/copy_stored.cuh"
#include "../kernels/stored.cuh"

MERGE_ENGINE_STORED_KERNEL(stored_sum_to_16, 8, InlineList, inputs)
MERGE_ENGINE_STORED_KERNEL(stored_sum_to_16_of_many, 8, TableList, table)
