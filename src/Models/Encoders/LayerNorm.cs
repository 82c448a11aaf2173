using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Encoders;

/// <summary>A LayerNorm's weight and bias inside a parameter vector, and its ε.</summary>
internal sealed record LayerNorm(Parameter Weight, Parameter Bias, float Epsilon)
{
    /// <inheritdoc cref="OperationSet.LayerNormForward"/>
    public void Forward(OperationSet operations, ParameterVector parameters, Matrix output, NormStatistics statistics, Matrix input) =>
        operations.LayerNormForward(output, statistics.Mean, statistics.InverseDeviation, input, parameters[Weight], parameters[Bias], Epsilon);

    /// <inheritdoc cref="OperationSet.AddLayerNormForward"/>
    public void AddForward(
        OperationSet operations, ParameterVector parameters, Matrix sum, Matrix output, NormStatistics statistics, Matrix input, Matrix residual) =>
        operations.AddLayerNormForward(
            sum, output, statistics.Mean, statistics.InverseDeviation, input, residual, parameters[Weight], parameters[Bias], Epsilon);

    /// <inheritdoc cref="OperationSet.LayerNormBackward"/>
    public void Backward(
        in BackwardPass pass, Matrix inputGradient, Matrix outputGradient, Matrix input, NormStatistics statistics, int rowsPerSample, bool accumulate = false) =>
        pass.Operations.LayerNormBackward(
            inputGradient, pass.Gradients[Weight], pass.Gradients[Bias], outputGradient, input, statistics.Mean, statistics.InverseDeviation,
            pass.Parameters[Weight], pass.Reduction, rowsPerSample, accumulate);

    /// <summary>The same for samples of several lengths, piece by piece.</summary>
    public void Backward(
        in BackwardPass pass, Matrix inputGradient, Matrix outputGradient, Matrix input, NormStatistics statistics, ReadOnlySpan<SampleRun> pieces, bool accumulate = false)
    {
        foreach (SampleRun piece in pieces)
        {
            Backward(
                pass, inputGradient.SliceRows(piece.FirstRow, piece.Rows), outputGradient.SliceRows(piece.FirstRow, piece.Rows), input.SliceRows(piece.FirstRow, piece.Rows),
                statistics.Slice(piece.FirstRow, piece.Rows), piece.Tokens, accumulate);
        }
    }
}

/// <summary>Mean and 1/√(variance + ε) of each row, kept for the backward pass; <c>default</c> when none follows.</summary>
internal readonly record struct NormStatistics(DeviceSpan<float> Mean, DeviceSpan<float> InverseDeviation)
{
    public NormStatistics Slice(int firstRow, int rows) => new(Mean.Slice(firstRow, rows), InverseDeviation.Slice(firstRow, rows));
}
