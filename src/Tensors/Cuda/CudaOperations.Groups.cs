using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda;

/// <content>Rows and columns with numbers of their own.</content>
internal sealed partial class CudaOperations
{
    protected override void CombineGroupsCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<double> coefficients, long groups, long runLength)
    {
        var arguments = new CombineArguments
        {
            Output = output.Address,
            Coefficients = coefficients.Address,
            Length = output.Length,
            Groups = groups,
            Run = runLength,
            Count = inputs.Length,
        };
        lock (_device.Gate)
        {
            Span<nint> list = ListOf<nint>(arguments.Inputs, inputs.Length);
            for (int k = 0; k < list.Length; k++) list[k] = inputs[k].Address;
            Grid grid = Grid.Over(output.Length, GroupKernels.CombineBlock);
            if (inputs.Length <= VectorKernels.InlineList)
            {
                Launch(GroupKernels.Combine, grid, arguments);
            }
            else
            {
                arguments.Table = Scratch(TableBytes<nint>(inputs.Length));
                WriteTable<nint>(arguments.Table, list);
                Launch(GroupKernels.CombineOfMany, grid, arguments);
            }
        }
    }

    protected override void RowProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long rowLength)
    {
        long rows = vectors[0].Length / rowLength;
        int sides = (vectors.Length + RunningSumKernels.ProductTile - 1) / RunningSumKernels.ProductTile;
        GroupProductArguments arguments = Products(products, vectors, rows, rowLength);
        lock (_device.Gate) Launch(GroupKernels.RowProducts, new Grid(checked((int)((rows + 1) / 2 * (sides * (sides + 1) / 2)))), arguments);
    }

    protected override void AccumulateColumnProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long columns, long firstRow)
    {
        GroupProductArguments arguments = Products(products, vectors, vectors[0].Length / columns, columns);
        arguments.Begins = firstRow == 0 ? 1 : 0;
        lock (_device.Gate) Launch(GroupKernels.ColumnProducts, new Grid(Grid.Over(columns, GroupKernels.ColumnThreads).X, vectors.Length * (vectors.Length + 1) / 2), arguments);
    }

    protected override void RowDivergenceCore(DeviceSpan<double> divergences, DeviceSpan<float> values, DeviceSpan<float> origin, long rowLength, double floor)
    {
        var arguments = new RowDivergenceArguments
        {
            Divergences = divergences.Address,
            Values = values.Address,
            Origin = origin.Address,
            Rows = values.Length / rowLength,
            Columns = rowLength,
            Floor = floor,
        };
        lock (_device.Gate) Launch(GroupKernels.RowDivergence, Grid.Over(arguments.Rows, GroupKernels.DivergenceRows), arguments);
    }

    protected override void NearSwapCore(DeviceSpan<float> output, DeviceSpan<float> origin, DeviceSpan<float> values, float reach) =>
        Pass(VectorKernels.NearSwap, output.Length, output.Address, origin.Address, values.Address, value: reach);

    private static GroupProductArguments Products(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long rows, long columns)
    {
        var arguments = new GroupProductArguments { Products = products.Address, Rows = rows, Columns = columns, Count = vectors.Length };
        for (int k = 0; k < vectors.Length; k++) arguments.Vectors[k] = vectors[k].Address;
        return arguments;
    }
}
