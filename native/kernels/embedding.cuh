// hidden[r] <- table[ids[r]] (or +=), and the backward pass: tableGradient[id] += sum of the rows with that id, where the rows of one sample are summed
// and made absolute first in the per-sample mode. Everything has one order, the rows', whatever the ids and the card are:
//
//   embedding_order  rank of each row by (id, row), found by counting the rows before it; a warp a row. rows^2 comparisons from the first-level
//                    cache: by their number some 2 us for 4096 rows on an H100, 0.5 ms for 65536 (batch 128 of 512 tokens), not measured.
//   embedding_runs   the rows of one id in one section (a sample, or about sqrt(rows) rows in the other mode) are a run; a warp sums one over
//                    128 columns. An id with one run goes to the table at once, others leave a partial sum and where the next run starts.
//   embedding_sums   the runs of one id are added up in order; a warp an id.
//
// So the longest chain is about sqrt(rows) even where all rows have one id (token types, padding). Bytes: 8 an element forward; backward 4 for each
// gradient, 8 for each distinct id, 8 for each run that is not its id's only one. Additions only: bound by memory, but for the order.
#pragma once
#include "reduce.cuh"
#include "rows.cuh"

struct EmbeddingForwardArguments
{
    Rows hidden;        // [rows, columns]
    Rows table;         // [vocabulary, columns]
    const int32_t* ids; // [rows]
    int32_t rows, columns;
    int32_t accumulate;
    int32_t lanes_log2;
};

struct EmbeddingOrderArguments
{
    int32_t* order;      // [rows]: rows by (id, row)
    int32_t* sorted_ids; // [rows]: their ids
    const int32_t* ids;  // [rows]
    int32_t rows;
    int32_t unused;
};

struct EmbeddingRunsArguments
{
    Rows table_gradient;  // [vocabulary, columns]
    Rows hidden_gradient; // [rows, columns]
    Rows partials;        // [rows, columns]: at a run's first place in the order, its sum
    int32_t* next;        // [rows]: there too, the place after its last; 0 where nothing is left to do
    const int32_t* order;
    const int32_t* sorted_ids;
    int32_t rows, columns;
    int32_t section; // rows of a section
    int32_t absolute;
};

constexpr int EMBEDDING_WARPS = 4;
constexpr int EMBEDDING_THREADS = 32 * EMBEDDING_WARPS;

template <bool PACKED> DEVICE void look_up_rows(const EmbeddingForwardArguments& arguments)
{
    const RowTile tile(arguments.lanes_log2);
    if (tile.row >= arguments.rows) return;
    const uint32_t width = (uint32_t)arguments.columns;
    const float* source = arguments.table[arguments.ids[tile.row]];
    float* hidden = arguments.hidden[tile.row];
    for (uint32_t column = tile.column; column < width; column += tile.step)
    {
        const Quad x = load_quad<PACKED>(source, column, width);
        if (arguments.accumulate != 0) add_quad<PACKED>(hidden, column, width, x);
        else store_quad<PACKED>(hidden, column, width, x);
    }
}

KERNEL(embedding_forward, ROW_THREADS, EmbeddingForwardArguments)
{
    if (arguments.hidden.packed(arguments.columns) && arguments.table.packed(arguments.columns)) look_up_rows<true>(arguments);
    else look_up_rows<false>(arguments);
}

KERNEL(embedding_order, EMBEDDING_THREADS, EmbeddingOrderArguments)
{
    const int32_t row = (int32_t)(blockIdx.x * EMBEDDING_WARPS + warp_id());
    if (row >= arguments.rows) return;
    const int32_t id = arguments.ids[row];
    int32_t before = 0;
#pragma unroll 4
    for (int32_t other = (int32_t)lane_id(); other < arguments.rows; other += 32)
    {
        const int32_t other_id = arguments.ids[other];
        before += other_id < id || (other_id == id && other < row) ? 1 : 0;
    }

    before = warp_sum(before);
    if (lane_id() != 0) return;
    arguments.order[before] = row;
    arguments.sorted_ids[before] = id;
}

template <bool PACKED> DEVICE void sum_runs(const EmbeddingRunsArguments& arguments)
{
    const int32_t first = (int32_t)(blockIdx.x * EMBEDDING_WARPS + warp_id());
    if (first >= arguments.rows) return;
    const int32_t id = arguments.sorted_ids[first], section = arguments.order[first] / arguments.section;
    const bool opens_id = first == 0 || arguments.sorted_ids[first - 1] != id;
    if (!opens_id && arguments.order[first - 1] / arguments.section == section) return;

    const uint32_t width = (uint32_t)arguments.columns;
    for (uint32_t tile = blockIdx.y; tile * 128 < width; tile += gridDim.y)
    {
        const uint32_t column = tile * 128 + lane_id() * 4;
        RunningQuad own;
        int32_t end = first;
        for (;;)
        {
            // Each lane looks at one place; the run goes on to the first that does not belong to it.
            const int32_t place = end + (int32_t)lane_id();
            const int32_t row = place < arguments.rows ? arguments.order[place] : 0;
            const uint32_t others = ballot(!(place < arguments.rows && arguments.sorted_ids[place] == id && row / arguments.section == section));
            const int32_t count = others == 0 ? 32 : 31 - leading_zeros(others & (0u - others));
            for (int32_t i = 0; i < count; i += 4)
            {
                // Four rows are under way at a time; those behind the run are not read and count as 0.
                Quad gradients[4];
#pragma unroll
                for (int32_t j = 0; j < 4; j++)
                {
                    const int32_t from = shuffle(row, (unsigned)(i + j));
                    gradients[j] = load_quad<PACKED>(arguments.hidden_gradient[from], i + j < count ? column : width, width);
                }

#pragma unroll
                for (int32_t j = 0; j < 4; j++) own.add(gradients[j]);
            }

            end += count;
            if (count < 32) break;
        }

        const Quad sum = arguments.absolute != 0 ? magnitude(own.sum()) : own.sum();
        const bool closes_id = end == arguments.rows || arguments.sorted_ids[end] != id;
        if (blockIdx.y == 0 && tile == 0 && lane_id() == 0) arguments.next[first] = opens_id && closes_id ? 0 : end;
        if (opens_id && closes_id) add_quad<PACKED>(arguments.table_gradient[id], column, width, sum);
        else store_quad<PACKED>(arguments.partials[first], column, width, sum);
    }
}

KERNEL(embedding_runs, EMBEDDING_THREADS, EmbeddingRunsArguments)
{
    if (arguments.table_gradient.packed(arguments.columns) && arguments.hidden_gradient.packed(arguments.columns)) sum_runs<true>(arguments);
    else sum_runs<false>(arguments);
}

template <bool PACKED> DEVICE void sum_ids(const EmbeddingRunsArguments& arguments)
{
    const int32_t first = (int32_t)(blockIdx.x * EMBEDDING_WARPS + warp_id());
    if (first >= arguments.rows) return;
    const int32_t id = arguments.sorted_ids[first];
    if ((first > 0 && arguments.sorted_ids[first - 1] == id) || arguments.next[first] == 0) return;
    const uint32_t width = (uint32_t)arguments.columns;
    for (uint32_t column = (blockIdx.y * 32 + lane_id()) * 4; column < width; column += gridDim.y * 128)
    {
        RunningQuad own;
        for (int32_t place = first; place < arguments.rows && arguments.sorted_ids[place] == id; place = arguments.next[place])
            own.add(load_quad<PACKED>(arguments.partials[place], column, width));
        add_quad<PACKED>(arguments.table_gradient[id], column, width, own.sum());
    }
}

KERNEL(embedding_sums, EMBEDDING_THREADS, EmbeddingRunsArguments)
{
    if (arguments.table_gradient.packed(arguments.columns)) sum_ids<true>(arguments);
    else sum_ids<false>(arguments);
}
