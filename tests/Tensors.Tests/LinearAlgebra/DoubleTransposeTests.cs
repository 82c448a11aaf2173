using MergeEngine.Tensors.LinearAlgebra;

namespace MergeEngine.Tensors.Tests.LinearAlgebra;

/// <summary>Rows to columns against the definition, for whole blocks and for what is left beside them.</summary>
public sealed unsafe class DoubleTransposeTests
{
    [Theory]
    [InlineData(8, 8)]
    [InlineData(16, 24)]
    [InlineData(24, 7)]
    [InlineData(7, 24)]
    [InlineData(19, 21)]
    [InlineData(1, 9)]
    [InlineData(9, 0)]
    public void Every_number_goes_to_its_place_and_nothing_else_is_written(int rows, int columns)
    {
        int stride = columns + 3, targetStride = rows + 5;
        double[] source = [.. Enumerable.Range(0, rows * stride).Select(i => i + 0.5)], target = [.. Enumerable.Repeat(-1.0, Math.Max(1, columns) * targetStride)];
        fixed (double* from = source, to = target) DoubleTranspose.Copy(from, stride, rows, columns, to, targetStride);
        for (int j = 0; j < columns; j++)
        {
            for (int i = 0; i < targetStride; i++) Assert.Equal(i < rows ? source[(i * stride) + j] : -1, target[(j * targetStride) + i]);
        }
    }
}
