namespace MergeEngine.Merging.TensorMethods.Geometry;

/// <summary>
/// The Riemannian barycentre of the models' directions on the sphere, times the mean of their lengths: from the normalised mean of the unit vectors u_k,
/// T = Σ a_k θ_k/sin θ_k·(u_k − (u_k·u) u), u ← cos|T|·u + sin|T|·T/|T| until |T| &lt; tol (Karcher, Comm. Pure Appl. Math. 30, 1977), with equal a_k.
/// </summary>
/// <remarks>
/// Parameters: max_iter, tol. Every iterate lies in the span of the inputs, so the iteration runs on their Gram matrix in float64 and reads no data; mergekit
/// goes over the tensors for each iteration, in bfloat16 where they are. A zero vector has no direction and takes no part but in the mean length (mergekit leaves out all
/// shorter than tol, and gives zeros where none is longer). Where the unit vectors cancel there is no barycentre: the result is the mean of the models, not the first one's direction.
/// </remarks>
public sealed class Karcher : TensorMethod
{
    public override string Name => "karcher";

    public override bool HasFloat64 => true;

    public override TensorMerge Begin(TensorTask task) => Weighed(task).Begin(task);

    public override void MergeFloat64(TensorTask task, IReadOnlyList<double[]> inputs, double[] output) => Weighed(task).MergeFloat64(task, inputs, output);

    private static WeighedMerge Weighed(TensorTask task)
    {
        int iterations = task.Parameters.Integer("max_iter");
        double tolerance = task.Parameters.Number("tol");
        return new WeighedMerge([.. task.Parameters.Models], -1, (gram, shares) => Weigh(gram, iterations, tolerance, shares));
    }

    private static void Weigh(GramMatrix gram, int iterations, double tolerance, Span<double> shares)
    {
        int count = gram.Count, directed = 0;
        double length = 0;
        Span<double> norms = stackalloc double[count], tangent = stackalloc double[count];
        for (int k = 0; k < count; k++)
        {
            norms[k] = gram.Norm(k);
            length += norms[k] / count;
            if (norms[k] > 0) directed++;
        }

        // The point u, as shares of the vectors themselves.
        for (int k = 0; k < count; k++) shares[k] = norms[k] > 0 ? 1 / (norms[k] * directed) : 0;
        double norm = gram.Norm(shares);
        if (directed <= 1 || !(norm > Math.Max(Math.Min(tolerance, 1e-5), 1e-9)))
        {
            shares.Fill(1.0 / count);
            return;
        }

        Scale(shares, 1 / norm);
        for (int n = 0; n < iterations; n++)
        {
            double along = 0;
            for (int k = 0; k < count; k++)
            {
                tangent[k] = 0;
                if (norms[k] == 0) continue;
                double cosine = Math.Clamp(gram.Dot(shares, k) / norms[k], -1, 1), angle = Math.Acos(cosine), sine = Math.Sin(angle);
                // θ/sin θ tends to 1; opposite to u there is no shortest way.
                double factor = angle < 1e-6 ? 1 : sine < 1e-9 ? 0 : angle / sine;
                tangent[k] = factor / (norms[k] * directed);
                along += factor * cosine / directed;
            }

            for (int k = 0; k < count; k++) tangent[k] -= along * shares[k];
            double step = gram.Norm(tangent);
            if (!(step >= tolerance) || step == 0) break;
            for (int k = 0; k < count; k++) shares[k] = (Math.Cos(step) * shares[k]) + (Math.Sin(step) / step * tangent[k]);
            Scale(shares, 1 / gram.Norm(shares));
        }

        Scale(shares, length);
    }

    private static void Scale(Span<double> values, double factor)
    {
        foreach (ref double value in values) value *= factor;
    }
}
