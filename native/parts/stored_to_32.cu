// Fused merges and conversions whose output has 32 or 64 bits an element.
#include "../kernels/stored.cuh"

MERGE_ENGINE_STORED_KERNEL(stored_sum_to_32, 4, InlineList, inputs)
MERGE_ENGINE_STORED_KERNEL(stored_sum_to_32_of_many, 4, TableList, table)
