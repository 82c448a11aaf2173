namespace MergeEngine.Models.Probes;

/// <summary>How long one kind of pass takes.</summary>
/// <param name="Model">One of <see cref="EncoderThroughput.Models"/>.</param>
/// <param name="Pass"><c>step</c>: forward, loss, backward and AdamW; <c>forward</c>: from inputs on the host to logits on the host.</param>
/// <param name="Batch">Samples.</param>
/// <param name="Rounds">Passes that were timed, each on its own.</param>
/// <param name="Best">Milliseconds.</param>
/// <param name="Median">Milliseconds.</param>
/// <param name="P99">Milliseconds: all but one of a hundred passes were faster.</param>
/// <param name="Operations">Multiplications and additions of the pass in products and attention, a backward pass counted as two forwards.</param>
/// <param name="Gflops">The operations over the median.</param>
/// <param name="PeakGflops">Multiply-adds without memory, measured in turn with the passes; the best counts. Null where the device has no such figure.</param>
/// <param name="AllocatedBytes">Managed bytes that the fewest-allocating round took on the calling thread.</param>
public sealed record PassTime(
    string Model, string Pass, int Batch, int Rounds, double Best, double Median, double P99, double Operations, double Gflops, double? PeakGflops, long AllocatedBytes)
{
    /// <summary>Of the peak that the median pass reaches; 1 is all of it.</summary>
    public double? Share => Gflops / PeakGflops;
}
