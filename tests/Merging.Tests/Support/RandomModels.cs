using MergeEngine.Merging.Methods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>
/// Small random models on one device. Values are multiples of 1/64 from a short range, so equal magnitudes, exact cancellations and zeros
/// are everywhere: the hard cases of selections and elections.
/// </summary>
internal sealed class RandomModels : IDisposable
{
    private readonly Random _random;

    public RandomModels(int seed, int tasks = 4, string device = "cpu", params ReadOnlySpan<long> lengths)
    {
        _random = new Random(seed);
        Device = DeviceCases.Open(device, 2);
        long[] all = lengths.Length == 0 ? [7, 33, 48, 1, 130] : lengths.ToArray();
        Layout = new ParameterLayout(all.Select((n, i) => KeyValuePair.Create($"layers.{i}.weight", new Tensors.Numerics.Shape(n))));
        Base = Draw(40);
        Vectors = [.. Enumerable.Range(0, tasks).Select(_ => Draw(6))];
        Gradients = [.. Enumerable.Range(0, tasks).Select(_ => Draw(4, magnitude: true))];
    }

    public Device Device { get; }

    public ParameterLayout Layout { get; }

    public ParameterVector Base { get; }

    public List<ParameterVector> Vectors { get; }

    public List<ParameterVector> Gradients { get; }

    public ParameterVector Merge(MergeMethod method, bool gradients = true)
    {
        var output = new ParameterVector(Device, Layout);
        try
        {
            InMemoryMerge.Run(method, Base, Vectors, output, gradients ? Gradients : null);
            return output;
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    public float[] MergeToHost(MergeMethod method, bool gradients = true)
    {
        using ParameterVector merged = Merge(method, gradients);
        return merged.Values.ToHost();
    }

    public ParameterVector Draw(int range, bool magnitude = false)
    {
        var vector = new ParameterVector(Device, Layout);
        foreach (Parameter parameter in Layout.Parameters)
        {
            float[] values = new float[parameter.Length];
            foreach (ref float value in values.AsSpan()) value = _random.Next(magnitude ? 0 : -range, range + 1) / 64f;
            vector.Upload(parameter.Name, values);
        }

        return vector;
    }

    public void Dispose()
    {
        foreach (ParameterVector vector in Vectors) vector.Dispose();
        foreach (ParameterVector gradient in Gradients) gradient.Dispose();
        Base.Dispose();
        Assert.Equal(0, Device.AllocatedBytes);
        Device.Dispose();
    }
}
