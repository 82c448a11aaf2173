using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>A batch without rows is a batch: nothing is computed, nothing is written, and a GPU is not asked to launch no blocks.</summary>
public sealed class EmptyInputTests
{
    private const int Width = 8;

    public static TheoryData<string> Devices => [.. DeviceCases.Levels];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Operations_on_no_rows_write_nothing(string name)
    {
        using Device device = DeviceCases.Open(name);
        using DeviceBuffer floats = device.Allocate<float>(4 * Width), integers = device.Allocate<int>(4);
        float[] before = [.. Enumerable.Range(0, 4 * Width).Select(i => i + 0.5f)];
        device.Upload<float>(before, floats.AsSpan<float>());
        OperationSet operations = device.Operations;
        DeviceSpan<float> none = floats.AsSpan<float>().Slice(0, 0), vector = floats.AsSpan<float>().Slice(0, Width), other = floats.AsSpan<float>().Slice(Width, Width);
        DeviceSpan<int> noIds = integers.AsSpan<int>().Slice(0, 0);
        var rows = new Matrix(none, 0, Width);
        var table = new Matrix(floats.AsSpan<float>(), 4, Width);
        var images = new PatchShape(0, 1, 4, 4, 2);
        foreach (GradientReduction reduction in Enum.GetValues<GradientReduction>())
        {
            operations.ScaleColumnsBackward(rows, vector, rows, rows, other, reduction, 1);
            operations.LayerNormBackward(rows, vector, other, rows, rows, none, none, vector, reduction, 1);
            operations.AssembleTokensBackward(rows, default, table, rows, 0, reduction, 0);
            operations.EmbeddingBackward(table, noIds, rows, reduction, 1);
        }

        operations.ActivationForward(none, none, Activation.GeluErf);
        operations.ActivationBackward(none, none, none, Activation.Tanh);
        operations.ScaleColumnsForward(rows, rows, vector);
        operations.CopyMatrix(rows, rows);
        operations.LayerNormForward(rows, none, none, rows, vector, other, 1e-6f);
        operations.AddLayerNormForward(rows, rows, none, none, rows, rows, vector, other, 1e-6f);
        operations.NormalizeRowsForward(rows, none, rows);
        operations.NormalizeRowsBackward(rows, rows, rows, none);
        operations.CrossEntropy(none, rows, rows, noIds, 1);
        operations.Entropy(none, rows, rows, 1);
        operations.ArgMax(noIds, rows);
        operations.PatchesForward(new Matrix(none, 0, images.PatchLength), none, images);
        operations.PatchesBackward(none, new Matrix(none, 0, images.PatchLength), images);
        operations.EmbeddingForward(rows, noIds, table);
        operations.MeanPoolForward(rows, rows);
        operations.MeanPoolBackward(rows, rows);
        device.Synchronize();

        var after = new float[before.Length];
        device.Download(floats.AsSpan<float>(), after);
        Assert.Equal(before, after);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_sample_without_tokens_has_a_mean_of_zero(string name)
    {
        using Device device = DeviceCases.Open(name);
        using DeviceBuffer floats = device.Allocate<float>(2 * Width);
        var before = new float[2 * Width];
        Array.Fill(before, float.NaN);
        device.Upload<float>(before, floats.AsSpan<float>());
        device.Operations.MeanPoolForward(new Matrix(floats.AsSpan<float>(), 2, Width), new Matrix(floats.AsSpan<float>().Slice(0, 0), 0, Width));
        var after = new float[2 * Width];
        device.Download(floats.AsSpan<float>(), after);
        Assert.All(after, value => Assert.Equal(0f, value));
    }
}
