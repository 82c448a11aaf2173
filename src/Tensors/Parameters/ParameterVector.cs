namespace MergeEngine.Tensors.Parameters;

/// <summary>
/// One float32 value for every parameter of a model, in one device buffer: weights, gradients, moments, a difference of two models. The vector owns its
/// memory; the gaps of the layout are zero.
/// </summary>
public sealed class ParameterVector : IDisposable
{
    private readonly DeviceBuffer _buffer;

    /// <summary>A zero vector.</summary>
    public ParameterVector(Device device, ParameterLayout layout)
    {
        Layout = layout;
        _buffer = device.Allocate<float>(layout.Length);
        Values = _buffer.AsSpan<float>();
    }

    public Device Device => _buffer.Device;

    public ParameterLayout Layout { get; }

    /// <summary>All values, gaps included: [<see cref="ParameterLayout.Length"/>].</summary>
    public DeviceSpan<float> Values { get; }

    /// <summary>The values of one parameter, row-major.</summary>
    public DeviceSpan<float> this[string name] => this[Layout[name]];

    /// <summary>The values of one parameter, row-major.</summary>
    public DeviceSpan<float> this[Parameter parameter] => Values.Slice(parameter.Offset, parameter.Length);

    /// <summary>Copies of weights in the device's own order, which inference reads in their place; null unless <see cref="Pack"/> made them.</summary>
    public PackedParameters? Packed { get; private set; }

    /// <summary>
    /// Packs weights for inference, or again what is packed already: call it anew after the values have changed. A packed vector can be merged, but not
    /// be trained.
    /// </summary>
    /// <param name="weights">Parameters of this layout with two dimensions or more, [out, in…].</param>
    /// <exception cref="KeyNotFoundException">A parameter is not one of this layout; nothing is packed then.</exception>
    /// <exception cref="NotSupportedException">The device does not pack weights, see <see cref="Operations.OperationSet.PacksWeights"/>.</exception>
    public void Pack(IEnumerable<Parameter> weights)
    {
        if (Packed is { } packed) packed.Refresh();
        else Packed = new PackedParameters(this, weights);
    }

    /// <summary>Gives the packed copies back: inference and training read the values themselves again.</summary>
    public void Unpack()
    {
        Packed?.Dispose();
        Packed = null;
    }

    /// <summary>A parameter as a matrix: the first dimension by the product of the others.</summary>
    public Matrix Matrix(string name)
    {
        Parameter parameter = Layout[name];
        int rows = parameter.Shape.Rank == 0 ? 1 : checked((int)parameter.Shape[0]);
        return new Matrix(this[parameter], rows, rows == 0 ? 0 : checked((int)(parameter.Length / rows)));
    }

    public ParameterVector Clone()
    {
        var copy = new ParameterVector(Device, Layout);
        Device.Operations.Copy(copy.Values, Values);
        return copy;
    }

    /// <summary>Copies the values of a vector with the same layout.</summary>
    /// <exception cref="ArgumentException">The layouts differ; lists how.</exception>
    public void CopyFrom(ParameterVector other)
    {
        RequireSameLayout(other);
        Device.Operations.Copy(Values, other.Values);
    }

    /// <exception cref="ArgumentException">The layouts differ; lists how.</exception>
    public void RequireSameLayout(ParameterVector other)
    {
        if (Layout.Equals(other.Layout)) return;
        throw new ArgumentException($"The models have different parameters: {string.Join("; ", Layout.DifferencesFrom(other.Layout))}.", nameof(other));
    }

    /// <summary>Copies one parameter to the host.</summary>
    public float[] Download(string name)
    {
        DeviceSpan<float> values = this[name];
        float[] result = new float[values.Length];
        Device.Download(values, result);
        return result;
    }

    /// <summary>Copies host values into one parameter.</summary>
    public void Upload(string name, ReadOnlySpan<float> values)
    {
        DeviceSpan<float> target = this[name];
        if (values.Length != target.Length)
            throw new ArgumentException($"The parameter '{name}' has {target.Length} values, {values.Length} were given.", nameof(values));
        Device.Upload(values, target);
    }

    public void Dispose()
    {
        Unpack();
        _buffer.Dispose();
    }
}
