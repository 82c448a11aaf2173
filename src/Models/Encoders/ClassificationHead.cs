using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Encoders;

/// <summary>
/// From features to logits: a linear layer, logits = W·f + b, or CLIP's form with a logit scale s, logits = exp(s)·(W·f/‖f‖ + b)
/// (Radford et al., arXiv 2103.00020). Its weights are a small vector of their own, a constant of the task unless it is trained.
/// </summary>
public sealed class ClassificationHead : IDisposable
{
    private readonly Parameter _weight;
    private readonly Parameter? _bias;
    private readonly int _logits, _normalized, _norms, _featureGradient, _logitsGradient, _losses;
    private readonly ActivationArena _arena;
    private int _count;
    private Matrix _input;

    /// <param name="parameters">Taken over and disposed with the head.</param>
    /// <param name="weightName">W [classes, width].</param>
    /// <param name="biasName">b [classes]; null for none.</param>
    /// <param name="logitScale">s; null for a plain linear head.</param>
    public ClassificationHead(ParameterVector parameters, string weightName = "weight", string? biasName = null, float? logitScale = null)
    {
        Parameters = parameters;
        _weight = parameters.Layout[weightName];
        _bias = biasName is null ? null : parameters.Layout[biasName];
        if (_weight.Shape.Rank != 2) throw new ArgumentException($"The weight of a head is {_weight.Shape}, expected [classes, width].", nameof(parameters));
        Classes = checked((int)_weight.Shape[0]);
        Width = checked((int)_weight.Shape[1]);
        if (_bias is not null && _bias.Shape != new Shape(Classes)) throw new ArgumentException($"The bias of a head is {_bias.Shape}, expected [{Classes}].", nameof(parameters));
        LogitScale = logitScale;
        _arena = new ActivationArena(parameters.Device);
        _logits = _arena.Add(Classes);
        _normalized = logitScale is null ? -1 : _arena.Add(Width);
        _norms = logitScale is null ? -1 : _arena.Add(1);
        _featureGradient = _arena.Add(Width);
        _logitsGradient = _arena.Add(Classes);
        _losses = _arena.Add(1);
    }

    public Device Device => Parameters.Device;

    /// <summary>W, and b if there is one.</summary>
    public ParameterVector Parameters { get; }

    public int Classes { get; }

    /// <summary>Columns of the features.</summary>
    public int Width { get; }

    /// <summary>s of exp(s); null for a plain linear head. It is always a constant.</summary>
    public float? LogitScale { get; }

    /// <summary>True if training changes the head too.</summary>
    public bool Trainable { get; set; }

    internal Parameter WeightParameter => _weight;

    internal Parameter? BiasParameter => _bias;

    /// <summary>[batch, classes] of the last forward pass.</summary>
    public Matrix Logits => _arena.Matrix(_logits, _count, Classes);

    /// <summary>[batch, classes]: where a loss puts its gradient.</summary>
    public Matrix LogitsGradient => _arena.Matrix(_logitsGradient, _count, Classes);

    /// <summary>[batch]: where a loss puts its values.</summary>
    public DeviceSpan<float> Losses => _arena.Span(_losses, _count);

    /// <summary>Reads <c>weight</c>, and <c>bias</c> and <c>logit_scale</c> where they are there.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="path">A safetensors file.</param>
    /// <param name="prefix">Before the names: <c>mnist.</c>, say.</param>
    /// <exception cref="ModelException">The tensors are not those of a head.</exception>
    /// <exception cref="SafetensorsException">The file cannot be read, or has no weight.</exception>
    public static ClassificationHead FromSafetensors(Device device, string path, string prefix = "")
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Shape shape = file[$"{prefix}weight"].Shape;
        if (shape.Rank != 2 || shape.ElementCount == 0 || shape[0] > int.MaxValue || shape[1] > int.MaxValue)
            throw new ModelException($"{path}: tensor {Quoting.Quote($"{prefix}weight")} is {shape}, expected [classes, width].");
        bool hasBias = file.TryGet($"{prefix}bias", out TensorEntry? bias);
        if (hasBias && bias!.Shape != new Shape(shape[0])) throw new ModelException($"{path}: tensor {Quoting.Quote(bias.Name)} is {bias.Shape}, expected [{shape[0]}].");
        float? scale = null;
        if (file.TryGet($"{prefix}logit_scale", out TensorEntry? entry))
        {
            if (entry.ElementCount != 1) throw new ModelException($"{path}: tensor {Quoting.Quote(entry.Name)} is {entry.Shape}, expected a scalar.");
            scale = file.ReadFloat32(entry.Name)[0];
        }

        float[] weights = file.ReadFloat32($"{prefix}weight"), biases = hasBias ? file.ReadFloat32(bias!.Name) : [];
        var parameters = new ParameterVector(device, LayoutOf((int)shape[0], (int)shape[1], hasBias));
        parameters.Upload("weight", weights);
        if (hasBias) parameters.Upload("bias", biases);
        return new ClassificationHead(parameters, "weight", hasBias ? "bias" : null, scale);
    }

    /// <summary>Weights normal with standard deviation 1/√width, biases 0.</summary>
    /// <param name="device">Where it runs.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="width">Columns of the features.</param>
    /// <param name="seed">Seed of the weights.</param>
    /// <param name="name">Keeps the heads of several tasks apart.</param>
    public static ClassificationHead Random(Device device, int classes, int width, ulong seed, string name = "head")
    {
        var parameters = new ParameterVector(device, LayoutOf(classes, width, bias: true));
        var random = new PhiloxStream(seed, $"{name}.weight");
        float[] values = new float[checked(classes * width)];
        float deviation = (float)(1 / Math.Sqrt(width));
        for (int i = 0; i < values.Length; i++) values[i] = deviation * random.NextGaussian();
        parameters.Upload("weight", values);
        return new ClassificationHead(parameters, "weight", "bias");
    }

    /// <summary>Tensors to write: <c>weight</c>, <c>bias</c> and <c>logit_scale</c> behind a prefix.</summary>
    public IEnumerable<TensorContent> ToTensors(string prefix = "")
    {
        yield return TensorContent.FromFloat32($"{prefix}weight", _weight.Shape, Parameters.Download(_weight.Name));
        if (_bias is not null) yield return TensorContent.FromFloat32($"{prefix}bias", _bias.Shape, Parameters.Download(_bias.Name));
        if (LogitScale is { } scale) yield return TensorContent.FromFloat32($"{prefix}logit_scale", [], new[] { scale });
    }

    /// <summary>Logits of features [batch, width], which must stay until the backward pass.</summary>
    /// <returns><see cref="Logits"/>.</returns>
    public Matrix Forward(Matrix features)
    {
        if (features.Columns != Width) throw new ArgumentException($"The features have {features.Columns} columns, the head expects {Width}.", nameof(features));
        _arena.Reserve(features.Rows);
        _count = features.Rows;
        OperationSet operations = Device.Operations;
        _input = features;
        if (LogitScale is not null)
        {
            _input = Normalized;
            operations.NormalizeRowsForward(_input, _arena.Span(_norms, _count), features);
        }

        operations.LinearForward(Logits, _input, Weight(Parameters), _bias is null ? default : Parameters[_bias]);
        if (LogitScale is { } scale) operations.Scale(Logits.Data, (float)Math.Exp(scale));
        return Logits;
    }

    /// <summary>From <see cref="LogitsGradient"/>, which is overwritten, to the gradient of the features.</summary>
    /// <param name="gradients">Of the layout of <see cref="Parameters"/>, added to; null for a head that is a constant.</param>
    /// <param name="reduction">How the samples' gradients are put together.</param>
    /// <returns>[batch, width].</returns>
    public Matrix Backward(ParameterVector? gradients, GradientReduction reduction)
    {
        OperationSet operations = Device.Operations;
        Matrix logitsGradient = LogitsGradient, featureGradient = _arena.Matrix(_featureGradient, _count, Width);
        if (LogitScale is { } scale) operations.Scale(logitsGradient.Data, (float)Math.Exp(scale));
        if (gradients is not null)
            operations.LinearBackwardWeight(Weight(gradients), _bias is null ? default : gradients[_bias], logitsGradient, _input, reduction, 1);
        operations.LinearBackwardInput(featureGradient, logitsGradient, Weight(Parameters));
        if (LogitScale is not null) operations.NormalizeRowsBackward(featureGradient, featureGradient, Normalized, _arena.Span(_norms, _count));
        return featureGradient;
    }

    public void Dispose()
    {
        _arena.Dispose();
        Parameters.Dispose();
    }

    private static ParameterLayout LayoutOf(int classes, int width, bool bias)
    {
        var shapes = new List<KeyValuePair<string, Shape>> { new("weight", [classes, width]) };
        if (bias) shapes.Add(new("bias", [classes]));
        return new ParameterLayout(shapes);
    }

    private Matrix Normalized => _arena.Matrix(_normalized, _count, Width);

    private Matrix Weight(ParameterVector vector) => new(vector[_weight], Classes, Width);
}
