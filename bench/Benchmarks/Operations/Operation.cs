using MergeEngine.Tensors;

namespace MergeEngine.Benchmarks.Operations;

/// <summary>A row of the table of operations: one definition that is checked, differentiated and timed.</summary>
/// <param name="Name">What the table shows.</param>
/// <param name="Prepare">Allocates what the operation works on and says how to call it.</param>
/// <param name="Bound">
/// Largest difference from the float64 reference as a share of the largest magnitude in the same buffer. float32 rounds to 6e-8 of a number; the sums of the small sizes have up to
/// some hundred terms, whose errors add up to about 6e-8·√100 = 6e-7, and the default leaves that a factor of 7. 0 asks for the same bits.
/// </param>
internal sealed record Operation(string Name, Func<OperationMemory, OperationCall> Prepare, double Bound = 4e-6);

/// <summary>How an operation is called. What it has to do at least is counted by the device's own profile, which knows every operation.</summary>
/// <param name="Run">One call.</param>
internal sealed record OperationCall(Action Run)
{
    /// <summary>How to differentiate it; null where that makes no sense.</summary>
    public Derivative? Derivative { get; init; }
}

/// <summary>A forward pass with its backward pass: <c>Σ OutputGradient ⊙ Output</c> as a function of each input.</summary>
/// <param name="Inputs">What the forward pass reads.</param>
/// <param name="Output">What it writes.</param>
/// <param name="OutputGradient">Weights of the output.</param>
/// <param name="Gradients">One for each input, of the same length, zero before the backward pass.</param>
/// <param name="Backward">Fills them; the forward pass ran before.</param>
internal sealed record Derivative(DeviceSpan<float>[] Inputs, DeviceSpan<float> Output, DeviceSpan<float> OutputGradient, DeviceSpan<float>[] Gradients, Action Backward);
