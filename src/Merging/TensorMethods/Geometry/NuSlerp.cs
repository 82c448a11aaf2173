namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>
/// Spherical interpolation of two models at t = w_2/(w_1 + w_2), or of their differences from a base, which is then added: of whole tensors, of rows (the
/// last dimension), or along dimension 0 (mergekit's nuslerp).
/// </summary>
/// <remarks>
/// Parameters: weight of each model (t is 0.5 where they sum to less than 1e-6), nuslerp_flatten, nuslerp_row_wise, which matters only without the former. Collinear vectors are
/// interpolated on the straight line. mergekit tests 1 − cos² ≤ 1e-16 in float32, which opposite vectors miss by rounding, so that it divides one
/// rounding error by another; here the bound is 1e-10, where both formulas agree to 1e-11 for vectors of one direction. A zero vector is taken on the
/// straight line too.
/// </remarks>
public sealed class NuSlerp : TensorMethod
{
    private static readonly double s_collinear = Math.Sqrt(1 - 1e-10);

    public override string Name => "nuslerp";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task) => Weighed(task).Begin(task);

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output) => Weighed(task).MergeFloat64(task, inputs, output);

    private static WeighedMerge Weighed(TensorTask task)
    {
        int[] models = [.. task.Parameters.Models];
        double first = task.Parameters.Number("weight", models[0]), second = task.Parameters.Number("weight", models[1]);
        double t = Math.Abs(first + second) < 1e-6 ? 0.5 : second / (first + second);
        Weighing weighing = (gram, shares) => Arc.At(gram, t, s_collinear, shares);
        WeighedPart part = task.Parameters.Flag("nuslerp_flatten") ? WeighedPart.Tensor : task.Parameters.Flag("nuslerp_row_wise") ? WeighedPart.Column : WeighedPart.Row;
        return new WeighedMerge(models, task.Base, weighing, part);
    }
}
