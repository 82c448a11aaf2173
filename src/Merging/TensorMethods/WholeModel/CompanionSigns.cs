using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// Finds out whether the files beside the models hold what they should, numbers that are not negative: then their sum is that of their magnitudes, bit for bit. Negative ones that are lost
/// in the float64 sum, 10⁻¹⁶ of it, pass: a file of signed gradients does not.
/// </summary>
internal sealed class CompanionSigns : IDisposable
{
    private readonly RunningSums[] _sums;
    private readonly RunningSums[] _magnitudes;
    private readonly string _parameter;
    private readonly (TensorTask Tensor, int Source)?[] _first;
    private TensorTask? _last;

    /// <param name="device">Where the chunks are.</param>
    /// <param name="models">How many models there are.</param>
    /// <param name="parameter">The parameter that names the files.</param>
    public CompanionSigns(Device device, int models, string parameter)
    {
        _parameter = parameter;
        _first = new (TensorTask, int)?[models];
        _sums = [.. Enumerable.Range(0, models).Select(_ => new RunningSums(device, 1, SumTerms.Elements))];
        _magnitudes = [.. Enumerable.Range(0, models).Select(_ => new RunningSums(device, 1, SumTerms.Magnitudes))];
    }

    public void Accumulate(TensorTask tensor, in TensorChunk chunk)
    {
        if (!ReferenceEquals(tensor, _last)) EndTensor();
        _last = tensor;
        for (int k = 0; k < _sums.Length && chunk.Companions.Length > 0; k++)
        {
            DeviceSpan<float> companion = chunk.Companions[tensor.Parameters.Models[k]];
            if (companion.IsNone) continue;
            _sums[k].Add([companion]);
            _magnitudes[k].Add([companion]);
        }
    }

    /// <exception cref="ArgumentException">A file has something else.</exception>
    public void Check(string what, string hold, string expectation)
    {
        EndTensor();
        for (int k = 0; k < _sums.Length; k++)
        {
            if (AreAsExpected(k) || _first[k] is not { } first) continue;
            string file = first.Tensor.Parameters.File(_parameter, first.Source) is { } path ? $" ({path})" : "";
            throw new ArgumentException($"{what} of model {k + 1}{file} {hold} numbers that are negative or not finite, first in the tensor {Quoting.Quote(first.Tensor.Name)}, and {expectation}.");
        }
    }

    /// <summary>Takes note of the tensor in which a file first shows something else.</summary>
    private void EndTensor()
    {
        for (int k = 0; k < _sums.Length && _last is not null; k++)
        {
            if (_first[k] is null && !AreAsExpected(k)) _first[k] = (_last, _last.Parameters.Models[k]);
        }
    }

    private bool AreAsExpected(int model)
    {
        if (_sums[model].Length == 0) return true;
        double sum = _sums[model].Read()[0], magnitude = _magnitudes[model].Read()[0];
        return sum == magnitude && double.IsFinite(sum);
    }

    public void Dispose()
    {
        foreach (RunningSums sums in _sums) sums.Dispose();
        foreach (RunningSums magnitudes in _magnitudes) magnitudes.Dispose();
    }
}
