namespace MergeEngine.Merging.Methods.Statistics;

/// <summary>The sign that TIES gives to elements whose trimmed values cancel exactly: that of Σ_i sign(Σ_k τ̂_k[i]), +1 if that is 0.</summary>
internal sealed class MajoritySign(MergeShape shape, MagnitudeSelections trim) : IMergeStatistic
{
    private long _balance;

    /// <summary>With one task nothing can cancel.</summary>
    public bool IsComplete { get; private set; } = shape.TaskCount == 1;

    public int MostPasses => IsComplete ? 0 : 1;

    public int Sign => _balance < 0 ? -1 : 1;

    public void Accumulate(in MergeChunk chunk) => _balance += shape.Device.Operations.SignBalance(chunk.TaskVectors, trim.Kept, chunk.FirstIndex);

    public void CompletePass() => IsComplete = true;
}
