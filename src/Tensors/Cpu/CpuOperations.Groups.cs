using MergeEngine.Tensors.Cpu.Groups;
using MergeEngine.Tensors.Cpu.Vectors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <content>Rows and columns with numbers of their own.</content>
internal sealed unsafe partial class CpuOperations
{
    /// <summary>Columns of a task: their sums stay in the first-level cache while rows go by.</summary>
    private const int ColumnBlock = 512;

    protected override void CombineGroupsCore(DeviceSpan<float> output, ReadOnlySpan<DeviceSpan<float>> inputs, DeviceSpan<double> coefficients, long groups, long runLength)
    {
        byte* scratch = Scratch.Require(Scratch.PointerBytes(inputs.Length));
        VectorPass<GroupCombination>.Run(
            _device,
            new GroupCombination
            {
                Output = output.Pointer,
                Inputs = Scratch.Pointers(scratch, inputs),
                Coefficients = coefficients.Pointer,
                Count = inputs.Length,
                Groups = groups,
                RunLength = runLength,
            },
            output.Length);
    }

    protected override void RowProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long rowLength)
    {
        int sums = SumCount(vectors.Length, SumTerms.Products);
        byte* scratch = Scratch.Require(Scratch.PointerBytes(vectors.Length) + ((long)(_device.Threads + 1) * sums * SumTree.Lanes * sizeof(double)));
        VectorPass<RowGram>.Run(
            _device,
            new RowGram
            {
                Vectors = Scratch.Pointers(scratch, vectors),
                Count = vectors.Length,
                SumCount = sums,
                RowLength = rowLength,
                Products = products.Pointer,
                Lanes = (double*)(scratch + Scratch.PointerBytes(vectors.Length)),
                Pool = _device.Pool,
            },
            vectors[0].Length / rowLength, RowsOfTask(rowLength));
    }

    protected override void AccumulateColumnProductsCore(DeviceSpan<double> products, ReadOnlySpan<DeviceSpan<float>> vectors, long columns, long firstRow)
    {
        byte* scratch = Scratch.Require(Scratch.PointerBytes(vectors.Length));
        VectorPass<ColumnGram>.Run(
            _device,
            new ColumnGram
            {
                Vectors = Scratch.Pointers(scratch, vectors),
                Count = vectors.Length,
                Columns = columns,
                Rows = vectors[0].Length / columns,
                Products = products.Pointer,
                IsFirst = firstRow == 0,
            },
            columns, ColumnBlock);
    }

    protected override void RowDivergenceCore(DeviceSpan<double> divergences, DeviceSpan<float> values, DeviceSpan<float> origin, long rowLength, double floor) =>
        VectorPass<SoftmaxDivergence>.Run(
            _device,
            new SoftmaxDivergence { Values = values.Pointer, Origin = origin.Pointer, RowLength = rowLength, Floor = floor, Divergences = divergences.Pointer },
            values.Length / rowLength, RowsOfTask(4 * rowLength));

    protected override void NearSwapCore(DeviceSpan<float> output, DeviceSpan<float> origin, DeviceSpan<float> values, float reach) =>
        VectorPass<NearSwapPass>.Run(
            _device, new NearSwapPass { Output = output.Pointer, Origin = origin.Pointer, Values = values.Pointer, Reach = reach }, output.Length);

    private static int RowsOfTask(long rowLength) => (int)Math.Max(1, Ranges.Length / rowLength);
}
