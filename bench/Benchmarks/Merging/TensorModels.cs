using MergeEngine.Tensors;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Benchmarks.Merging;

/// <summary>Eight models and a base in memory.</summary>
internal sealed class TensorModels : IDisposable
{
    /// <summary>Models, the base apart.</summary>
    public const int Count = 8;

    private readonly DeviceBuffer[] _copies;

    public TensorModels(CpuDevice device, IReadOnlyList<Shape> shapes)
    {
        Device = device;
        Tensors = [.. shapes.Select((shape, i) => new ModelTensor(device, shape, i))];
        _copies = [.. shapes.Select(shape => device.Allocate<float>(shape.ElementCount))];
    }

    /// <summary>What a block of an encoder of width 768 has.</summary>
    public static IReadOnlyList<Shape> EncoderShapes { get; } = [new(3072, 768), new(768, 3072), new(768, 768), new(3072)];

    public CpuDevice Device { get; }

    public IReadOnlyList<ModelTensor> Tensors { get; }

    /// <summary>Bytes of all models and the base.</summary>
    public double InputBytes => Tensors.Sum(t => t.Inputs.Sum(x => 4.0 * x.Length));

    /// <summary>Reads every input once, and writes as much.</summary>
    public void CopyInputs()
    {
        for (int i = 0; i < _copies.Length; i++)
        {
            foreach (DeviceSpan<float> input in Tensors[i].Inputs) Device.Operations.Copy(_copies[i].AsSpan<float>(), input);
        }
    }

    public void Dispose()
    {
        foreach (ModelTensor tensor in Tensors) tensor.Dispose();
        foreach (DeviceBuffer copy in _copies) copy.Dispose();
    }
}

/// <summary>A tensor of every model, the base last, and the memory of their merge.</summary>
internal sealed class ModelTensor : IDisposable
{
    private readonly DeviceBuffer[] _buffers;

    public ModelTensor(CpuDevice device, Shape shape, int number)
    {
        (Shape, Name) = (shape, $"layers.{number}.weight");
        _buffers = [.. Enumerable.Range(0, TensorModels.Count + 2).Select(_ => device.Allocate<float>(shape.ElementCount))];
        Inputs = [.. _buffers.SkipLast(1).Select(b => b.AsSpan<float>())];
        WithoutBase = Inputs[..^1];
        Output = _buffers[^1].AsSpan<float>();
        var random = new Random(number);
        float[] origin = [.. Enumerable.Range(0, (int)shape.ElementCount).Select(_ => 0.05f * Normal(random))];
        foreach (DeviceSpan<float> input in Inputs)
        {
            for (int i = 0; i < origin.Length; i++) input.HostSpan[i] = origin[i] + (input.Buffer == Inputs[^1].Buffer ? 0 : 0.002f * Normal(random));
        }
    }

    public Shape Shape { get; }

    public string Name { get; }

    /// <summary>Of every model, then of the base.</summary>
    public DeviceSpan<float>[] Inputs { get; }

    public DeviceSpan<float>[] WithoutBase { get; }

    public DeviceSpan<float> Output { get; }

    public void Dispose() => Array.ForEach(_buffers, b => b.Dispose());

    /// <summary>Nearly: a sum of four uniform numbers, with variance 1.</summary>
    private static float Normal(Random random) => (float)((random.NextDouble() + random.NextDouble() + random.NextDouble() + random.NextDouble() - 2) * Math.Sqrt(3));
}
