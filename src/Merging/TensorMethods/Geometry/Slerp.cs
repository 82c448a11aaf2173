using MergeEngine.Merging.TensorMethods.Averages;

namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>
/// Spherical interpolation from the base to one model, each tensor one vector: x(t) = (sin((1 − t)θ)·b + sin(tθ)·x)/sin θ, θ the angle between them; on the straight
/// line where |cos θ| &gt; 0.9995 (Shoemake, SIGGRAPH 1985; the bound is mergekit's).
/// </summary>
/// <remarks>
/// Parameters: t, 0 is the base; outside of [0, 1] it extrapolates. Other than in mergekit a zero vector, which has no direction, is taken on the straight line too: half way to it
/// is half of the other, not 0.707 of it. Angles come from float64 sums; t = 0 and t = 1 give the bits of the ends.
/// </remarks>
public sealed class Slerp : TensorMethod
{
    private const double Collinear = 0.9995;

    public override string Name => "slerp";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task) => Weighed(task).Begin(task);

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output) => Weighed(task).MergeFloat64(task, inputs, output);

    private WeighedMerge Weighed(TensorTask task)
    {
        double t = task.Parameters.Number("t");
        int[] ends = [RequiredBase.Of(task, Name), .. task.Parameters.Models.Where(m => m != task.Base)];
        return new WeighedMerge(ends, -1, (gram, shares) => Arc.At(gram, t, Collinear, shares));
    }
}
