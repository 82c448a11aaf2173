namespace MergeEngine.Merging.Methods;

/// <summary>θ = θ_0 + Σ_k w_k·τ_k: every input read once, nothing to learn first.</summary>
internal sealed class WeightedSumPlan(MergeShape shape, float[] weights) : SequencePlan
{
    public override void Map(in MergeChunk chunk) =>
        shape.Device.Operations.AddWeightedSum(chunk.Output, chunk.Origin, chunk.TaskVectors, weights);
}
