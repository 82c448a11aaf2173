using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Merging.TensorMethods.WholeModel;

/// <summary>
/// Finds out whether the files beside the models hold what they should, numbers that are not negative: then their sum is that of their magnitudes, bit for bit. Negative ones that are lost
/// in the float64 sum, 10⁻¹⁶ of it, pass: a file of signed gradients does not.
/// </summary>
internal sealed class CompanionSigns : IDisposable
{
    private readonly RunningSums[] _sums;
    private readonly RunningSums[] _magnitudes;

    public CompanionSigns(Device device, int models)
    {
        _sums = [.. Enumerable.Range(0, models).Select(_ => new RunningSums(device, 1, SumTerms.Elements))];
        _magnitudes = [.. Enumerable.Range(0, models).Select(_ => new RunningSums(device, 1, SumTerms.Magnitudes))];
    }

    public void Accumulate(TensorTask tensor, in TensorChunk chunk)
    {
        for (int k = 0; k < _sums.Length && chunk.Companions.Length > 0; k++)
        {
            DeviceSpan<float> companion = chunk.Companions[tensor.Parameters.Models[k]];
            if (companion.IsNone) continue;
            _sums[k].Add([companion]);
            _magnitudes[k].Add([companion]);
        }
    }

    /// <exception cref="ArgumentException">A file has something else.</exception>
    public void Check(string what, string expectation)
    {
        for (int k = 0; k < _sums.Length; k++)
        {
            double sum = _sums[k].Read()[0], magnitude = _magnitudes[k].Read()[0];
            if (!(sum == magnitude && double.IsFinite(sum)))
                throw new ArgumentException($"{what} of model {k + 1} hold numbers that are negative or not finite, and {expectation}.");
        }
    }

    public void Dispose()
    {
        foreach (RunningSums sums in _sums) sums.Dispose();
        foreach (RunningSums magnitudes in _magnitudes) magnitudes.Dispose();
    }
}
