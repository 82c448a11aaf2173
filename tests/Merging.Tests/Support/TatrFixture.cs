using MergeEngine.Merging.Methods;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>Base, four fine-tuned encoders, their task vectors and mean |gradients| from tests/Fixtures/tatr, on one device.</summary>
internal sealed class TatrFixture : IDisposable
{
    public const int Tasks = 4;

    public TatrFixture(string device)
    {
        Device = DeviceCases.Open(device, 3);
        Case = FixtureFiles.Open("tatr/case.safetensors");
        using (Checkpoint checkpoint = Checkpoint.Open(FixtureFiles.PathOf("tatr/base")))
            Layout = new ParameterLayout(checkpoint.Names.Select(n => KeyValuePair.Create(n, checkpoint[n].Shape)));
        Base = Load("tatr/base");
        Models = [.. Enumerable.Range(0, Tasks).Select(k => new NamedModel($"task-{k}", Load($"tatr/task-{k}")))];
        TaskVectors = TaskVectors.FromModels("base", Base, Models);
        Gradients = [.. Enumerable.Range(0, Tasks).Select(k => FromNamed(n => Case.ReadFloat32($"abs_grad.{k}.{n}")))];
    }

    public Device Device { get; }

    public SafetensorsFile Case { get; }

    public ParameterLayout Layout { get; }

    public ParameterVector Base { get; }

    public IReadOnlyList<NamedModel> Models { get; }

    public TaskVectors TaskVectors { get; }

    public IReadOnlyList<ParameterVector> Gradients { get; }

    /// <summary>Σ_k |τ_k| in flat order: what rounding errors of a merge scale with.</summary>
    public double[] AbsoluteSum()
    {
        var sum = new double[Layout.ParameterCount];
        foreach (ParameterVector vector in TaskVectors.Vectors)
        {
            float[] flat = Flat(vector);
            for (int i = 0; i < flat.Length; i++) sum[i] += Math.Abs(flat[i]);
        }

        return sum;
    }

    public ParameterVector Load(string directory)
    {
        using Checkpoint checkpoint = Checkpoint.Open(FixtureFiles.PathOf(directory));
        return FromNamed(checkpoint.ReadFloat32);
    }

    public ParameterVector FromNamed(Func<string, float[]> values)
    {
        var vector = new ParameterVector(Device, Layout);
        foreach (Parameter parameter in Layout.Parameters) vector.Upload(parameter.Name, values(parameter.Name));
        return vector;
    }

    /// <summary>The fixture's flat order: parameters in ordinal order of names, without gaps.</summary>
    public static float[] Flat(ParameterVector vector) => [.. vector.Layout.Parameters.SelectMany(p => vector.Download(p.Name))];

    /// <summary>The same for something else that has one value for each element of the layout.</summary>
    public T[] Flat<T>(DeviceSpan<T> values)
        where T : unmanaged
    {
        var all = new T[values.Length];
        Device.Download(values, all);
        return [.. Layout.Parameters.SelectMany(p => all.AsSpan((int)p.Offset, (int)p.Length).ToArray())];
    }

    public void Dispose()
    {
        foreach (ParameterVector gradient in Gradients) gradient.Dispose();
        TaskVectors.Dispose();
        foreach (NamedModel model in Models) model.Parameters.Dispose();
        Base.Dispose();
        Case.Dispose();
        Assert.Equal(0, Device.AllocatedBytes);
        Device.Dispose();
    }
}
