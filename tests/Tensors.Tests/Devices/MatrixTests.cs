namespace MergeEngine.Tensors.Tests.Devices;

/// <summary>Strided views of one buffer.</summary>
public sealed class MatrixTests
{
    [Fact]
    public void Views_see_the_elements_that_their_names_say()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer buffer = device.Allocate<float>(60);
        DeviceSpan<float> data = buffer.AsSpan<float>();
        for (int i = 0; i < 60; i++) data.HostSpan[i] = i;

        var matrix = new Matrix(data, 6, 10);
        Assert.True(matrix.IsContiguous);
        Assert.Equal([23, 24, 33, 34], Elements(matrix.SliceRows(2, 2).SliceColumns(3, 2)));
        Assert.Equal([10, 40], Elements(matrix.EveryRow(1, 3).SliceColumns(0, 1)));
        Assert.Equal([20, 21, 50, 51], Elements(matrix.EveryRow(2, 3).SliceColumns(0, 2)));
        Assert.Equal([9, 19, 29, 39, 49, 59], Elements(matrix.SliceColumns(9, 1)));
        Assert.False(matrix.SliceColumns(9, 1).IsContiguous);
        Assert.True(matrix.SliceColumns(2, 3).SliceRows(5, 1).IsContiguous);
        Assert.Empty(Elements(matrix.SliceRows(6, 0)));
        Assert.True(default(Matrix).IsNone);
    }

    [Fact]
    public void A_matrix_that_does_not_fit_its_memory_is_refused_with_the_numbers()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer buffer = device.Allocate<float>(25);
        DeviceSpan<float> data = buffer.AsSpan<float>();
        Assert.Equal(3, new Matrix(data, 3, 5, 10).Rows);
        Assert.Contains("needs 26 elements; the span has 25", Assert.Throws<ArgumentException>(() => new Matrix(data, 3, 6, 10)).Message, StringComparison.Ordinal);
        Assert.Contains("stride of 4", Assert.Throws<ArgumentException>(() => new Matrix(data, 2, 5, 4)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Matrix(data, -1, 5, 5));
    }

    [Fact]
    public void A_view_that_leaves_its_matrix_is_refused_even_where_the_memory_goes_on()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer buffer = device.Allocate<float>(100);
        var matrix = new Matrix(buffer.AsSpan<float>(), 4, 5, 8);
        Assert.Contains("[3, 6) leaves a matrix of 5 columns", Assert.Throws<ArgumentOutOfRangeException>(() => matrix.SliceColumns(3, 3)).Message, StringComparison.Ordinal);
        Assert.Contains("[2, 5) leaves a matrix of 4 rows", Assert.Throws<ArgumentOutOfRangeException>(() => matrix.SliceRows(2, 3)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.SliceRows(-1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.SliceColumns(int.MaxValue, int.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.EveryRow(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.EveryRow(5, 1));
        Assert.Equal(0, matrix.EveryRow(4, 2).Rows);
        Assert.Equal(1, matrix.EveryRow(3, int.MaxValue / 8).Rows);
        Assert.Equal(0, new Matrix(buffer.AsSpan<float>(), 0, 5).SliceColumns(2, 3).Rows);
    }

    private static float[] Elements(Matrix matrix)
    {
        var elements = new List<float>();
        for (int r = 0; r < matrix.Rows; r++)
        {
            for (int c = 0; c < matrix.Columns; c++) elements.Add(matrix.Data.HostSpan[(r * matrix.Stride) + c]);
        }

        return [.. elements];
    }
}
