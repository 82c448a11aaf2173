using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>One weight [out, in] and its bias [out] inside a parameter vector. A convolution's weight [out, C, p, p] is read as [out, C·p·p].</summary>
internal sealed record LinearPart(Parameter Weight, Parameter? Bias)
{
    public int Outputs { get; } = checked((int)Weight.Shape[0]);

    public int Inputs { get; } = checked((int)(Weight.Length / Weight.Shape[0]));

    public Matrix WeightOf(ParameterVector vector) => new(vector[Weight], Outputs, Inputs);

    public DeviceSpan<float> BiasOf(ParameterVector vector) => Bias is null ? default : vector[Bias];
}

/// <summary>
/// A linear layer whose output columns come from one parameter or from several. Queries, keys and values are always one
/// [rows, 3·width] buffer: a layout with a fused weight has one part of 3·width columns, a layout with separate ones has three parts
/// that each fill their own columns. Nothing else in the model sees the difference.
/// </summary>
internal sealed class LinearLayer
{
    private readonly LinearPart[] _parts;

    public LinearLayer(params LinearPart[] parts)
    {
        _parts = parts;
        foreach (LinearPart part in parts) Outputs += part.Outputs;
    }

    /// <summary>Columns of the output.</summary>
    public int Outputs { get; }

    /// <summary>What inference packs.</summary>
    public IEnumerable<Parameter> Weights => _parts.Select(part => part.Weight);

    /// <summary>Y ← act(X·Wᵀ + b), see <see cref="OperationSet"/>; with the packed weight where the vector has one and no pre-activation is wanted.</summary>
    public void Forward(
        OperationSet operations, ParameterVector parameters, Matrix output, Matrix input, Activation activation = Activation.None, Matrix preActivation = default)
    {
        int column = 0;
        foreach (LinearPart part in _parts)
        {
            Matrix columns = output.SliceColumns(column, part.Outputs);
            if (preActivation.IsNone && parameters.Packed is { } packed && packed.TryGet(part.Weight, out PackedWeight weight))
            {
                operations.LinearForward(columns, input, weight, part.BiasOf(parameters), activation);
            }
            else
            {
                operations.LinearForward(
                    columns, input, part.WeightOf(parameters), part.BiasOf(parameters), activation,
                    preActivation.IsNone ? default : preActivation.SliceColumns(column, part.Outputs));
            }

            column += part.Outputs;
        }
    }

    /// <inheritdoc cref="OperationSet.LinearBackwardWeight"/>
    public void BackwardWeight(in BackwardPass pass, Matrix outputGradient, Matrix input, int rowsPerSample)
    {
        int column = 0;
        foreach (LinearPart part in _parts)
        {
            pass.Operations.LinearBackwardWeight(
                part.WeightOf(pass.Gradients), part.BiasOf(pass.Gradients), outputGradient.SliceColumns(column, part.Outputs), input, pass.Reduction, rowsPerSample);
            column += part.Outputs;
        }
    }

    /// <summary>The same for samples of several lengths, piece by piece.</summary>
    public void BackwardWeight(in BackwardPass pass, Matrix outputGradient, Matrix input, ReadOnlySpan<SampleRun> pieces)
    {
        foreach (SampleRun piece in pieces)
            BackwardWeight(pass, outputGradient.SliceRows(piece.FirstRow, piece.Rows), input.SliceRows(piece.FirstRow, piece.Rows), piece.Tokens);
    }

    /// <inheritdoc cref="OperationSet.LinearBackwardInput"/>
    public void BackwardInput(
        in BackwardPass pass, Matrix inputGradient, Matrix outputGradient, bool accumulate = false, Activation activation = Activation.None, Matrix preActivation = default)
    {
        if (_parts.Length > 1 && activation != Activation.None)
            throw new InvalidOperationException("The derivative of an activation multiplies the sum over all parts: only a layer of one part can fuse it.");
        int column = 0;
        foreach (LinearPart part in _parts)
        {
            pass.Operations.LinearBackwardInput(
                inputGradient, outputGradient.SliceColumns(column, part.Outputs), part.WeightOf(pass.Parameters), accumulate || column > 0, activation, preActivation);
            column += part.Outputs;
        }
    }
}
