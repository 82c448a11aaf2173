using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>
/// From features to logits: a linear layer, logits = W·f + b, or CLIP's form with a logit scale s, logits = exp(s)·(W·f/‖f‖ + b)
/// (Radford et al., arXiv 2103.00020), or RoBERTa's with a hidden layer, logits = W·tanh(V·f + c) + b. Its weights are a small vector of their own, a constant of the task unless it is trained.
/// </summary>
public sealed partial class ClassificationHead : IDisposable
{
    private readonly Parameter _weight;
    private readonly Parameter? _bias;
    private readonly LinearPart? _hidden;
    private readonly int _logits, _normalized, _norms, _featureGradient, _logitsGradient, _losses, _hiddenOutput, _preActivation, _hiddenGradient;
    private readonly ActivationArena _arena;
    private IReadOnlyList<string>? _classNames;
    private int _count;
    private Matrix _input;
    private Matrix _features;

    /// <param name="parameters">Taken over and disposed with the head.</param>
    /// <param name="weightName">W [classes, width].</param>
    /// <param name="biasName">b [classes]; null for none.</param>
    /// <param name="logitScale">s; null for a plain linear head.</param>
    /// <param name="hiddenName">V [width, width]; null for no hidden layer.</param>
    /// <param name="hiddenBiasName">c [width]; null for none.</param>
    public ClassificationHead(
        ParameterVector parameters, string weightName = "weight", string? biasName = null, float? logitScale = null, string? hiddenName = null, string? hiddenBiasName = null)
    {
        Parameters = parameters;
        _weight = parameters.Layout[weightName];
        _bias = biasName is null ? null : parameters.Layout[biasName];
        if (_weight.Shape.Rank != 2) throw new ArgumentException($"The weight of a head is {_weight.Shape}, expected [classes, width].", nameof(parameters));
        Classes = checked((int)_weight.Shape[0]);
        Width = checked((int)_weight.Shape[1]);
        _hidden = hiddenName is null ? null : new LinearPart(parameters.Layout[hiddenName], hiddenBiasName is null ? null : parameters.Layout[hiddenBiasName]);
        if (_hidden is not null && _hidden.Weight.Shape != new Shape(Width, Width)) throw new ArgumentException($"The hidden layer of a head is {_hidden.Weight.Shape}, expected [{Width}, {Width}].", nameof(parameters));
        if (_hidden?.Bias is { } hiddenBias && hiddenBias.Shape != new Shape(Width)) throw new ArgumentException($"The bias of a head's hidden layer is {hiddenBias.Shape}, expected [{Width}].", nameof(parameters));
        if (_hidden is not null && logitScale is not null) throw new ArgumentException("A head has a hidden layer or a logit scale, not both.", nameof(logitScale));
        if (_bias is not null && _bias.Shape != new Shape(Classes)) throw new ArgumentException($"The bias of a head is {_bias.Shape}, expected [{Classes}].", nameof(parameters));
        LogitScale = logitScale;
        _arena = new ActivationArena(parameters.Device);
        _logits = _arena.Add(Classes);
        _normalized = logitScale is null ? -1 : _arena.Add(Width);
        _norms = logitScale is null ? -1 : _arena.Add(1);
        _featureGradient = _arena.Add(Width);
        _logitsGradient = _arena.Add(Classes);
        _losses = _arena.Add(1);
        _hiddenOutput = _hidden is null ? -1 : _arena.Add(Width);
        _preActivation = _hidden is null ? -1 : _arena.Add(Width);
        _hiddenGradient = _hidden is null ? -1 : _arena.Add(Width);
    }

    public Device Device => Parameters.Device;

    /// <summary>W, and b if there is one.</summary>
    public ParameterVector Parameters { get; }

    public int Classes { get; }

    /// <summary>Names of the rows of W, by class; null where they are not known.</summary>
    /// <exception cref="ArgumentException">There are more or fewer than classes.</exception>
    public IReadOnlyList<string>? ClassNames
    {
        get => _classNames;
        set => _classNames = value is null || value.Count == Classes ? value : throw new ArgumentException($"There are {value.Count} names for {Classes} classes.", nameof(value));
    }

    /// <summary>Columns of the features.</summary>
    public int Width { get; }

    /// <summary>s of exp(s); null for a plain linear head. It is always a constant.</summary>
    public float? LogitScale { get; }

    /// <summary>True if training changes the head too.</summary>
    public bool Trainable { get; set; }

    internal Parameter WeightParameter => _weight;

    internal Parameter? BiasParameter => _bias;

    /// <summary>V and c; empty for a head without a hidden layer.</summary>
    internal IReadOnlyList<Parameter> HiddenParameters => _hidden is null ? [] : _hidden.Bias is null ? [_hidden.Weight] : [_hidden.Weight, _hidden.Bias];

    /// <summary>True for a head with a hidden layer.</summary>
    public bool HasHiddenLayer => _hidden is not null;

    /// <summary>[batch, width] of the last forward pass: tanh(V·f + c).</summary>
    /// <exception cref="InvalidOperationException">The head has no hidden layer.</exception>
    public Matrix Hidden => _hidden is not null ? _arena.Matrix(_hiddenOutput, _count, Width) : throw new InvalidOperationException("The head has no hidden layer.");

    /// <summary>[batch, classes] of the last forward pass.</summary>
    public Matrix Logits => _arena.Matrix(_logits, _count, Classes);

    /// <summary>[batch, classes]: where a loss puts its gradient.</summary>
    public Matrix LogitsGradient => _arena.Matrix(_logitsGradient, _count, Classes);

    /// <summary>[batch]: where a loss puts its values.</summary>
    public DeviceSpan<float> Losses => _arena.Span(_losses, _count);

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

        if (_hidden is not null)
        {
            _features = features;
            _input = Hidden;
            operations.LinearForward(_input, features, _hidden.WeightOf(Parameters), _hidden.BiasOf(Parameters), Activation.Tanh, _arena.Matrix(_preActivation, _count, Width));
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
        if (_hidden is not null) return BackwardHidden(gradients, reduction, logitsGradient, featureGradient);
        operations.LinearBackwardInput(featureGradient, logitsGradient, Weight(Parameters));
        if (LogitScale is not null) operations.NormalizeRowsBackward(featureGradient, featureGradient, Normalized, _arena.Span(_norms, _count));
        return featureGradient;
    }

    public void Dispose()
    {
        _arena.Dispose();
        Parameters.Dispose();
    }

    private Matrix BackwardHidden(ParameterVector? gradients, GradientReduction reduction, Matrix logitsGradient, Matrix featureGradient)
    {
        OperationSet operations = Device.Operations;
        Matrix hiddenGradient = _arena.Matrix(_hiddenGradient, _count, Width);
        operations.LinearBackwardInput(
            hiddenGradient, logitsGradient, Weight(Parameters), activation: Activation.Tanh, preActivation: _arena.Matrix(_preActivation, _count, Width));
        if (gradients is not null) operations.LinearBackwardWeight(_hidden!.WeightOf(gradients), _hidden.BiasOf(gradients), hiddenGradient, _features, reduction, 1);
        operations.LinearBackwardInput(featureGradient, hiddenGradient, _hidden!.WeightOf(Parameters));
        return featureGradient;
    }

    private Matrix Normalized => _arena.Matrix(_normalized, _count, Width);

    private Matrix Weight(ParameterVector vector) => new(vector[_weight], Classes, Width);
}
