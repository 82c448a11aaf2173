using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Attention;

/// <summary>
/// Attention in float64, and for every element of its results the largest error that rounding the probabilities and the gradients of scores to a format
/// of unit roundoff u can make, to first order, when the inputs are numbers of the format. With p̂ = p(1 + ε), |ε| ≤ u:
/// |δO| ≤ u Σ p|V|, |δdV| ≤ u Σ p|dO|; dS = p(dP − ⟨dO, O⟩) takes over the error of O, so |δdS| ≤ u|dS| + p Σ|dO||δO|, and
/// |δdQ| ≤ Σ |δdS||K|/√d, |δdK| ≤ Σ |δdS||Q|/√d. The log-sum-exp is made of probabilities that are not rounded: no error.
/// </summary>
internal sealed class AttentionErrorBounds
{
    public AttentionErrorBounds(AttentionProblem problem, double u)
    {
        AttentionShape shape = problem.Shape;
        int length = shape.Rows * shape.Width;
        Expected = new(new double[length], new double[shape.ScoreRows], new double[length], new double[length], new double[length]);
        Allowed = new(new double[length], new double[shape.ScoreRows], new double[length], new double[length], new double[length]);
        for (int n = 0; n < shape.Batch; n++)
        {
            for (int h = 0; h < shape.Heads; h++)
            {
                for (int t = 0; t < shape.Tokens; t++) AddQuery(problem, n, h, t, u);
            }
        }
    }

    public AttentionResults Expected { get; }

    public AttentionResults Allowed { get; }

    /// <summary>Everything that one query adds to the results.</summary>
    private void AddQuery(AttentionProblem problem, int n, int h, int t, double u)
    {
        AttentionShape shape = problem.Shape;
        int size = shape.HeadSize;
        int Place(int token) => (((n * shape.Tokens) + token) * shape.Width) + (h * size);
        int own = Place(t);
        double scale = 1 / Math.Sqrt(size);
        double[] p = new double[shape.Tokens];
        Expected.LogSumExp[((((long)n * shape.Heads) + h) * shape.Tokens) + t] = Probabilities(problem, p, n, t, Place, scale);

        double dots = 0, dotsError = 0;
        for (int d = 0; d < size; d++)
        {
            double output = 0, error = 0;
            for (int s = 0; s < shape.Tokens; s++)
            {
                output += p[s] * problem.Value[Place(s) + d];
                error += u * p[s] * Math.Abs(problem.Value[Place(s) + d]);
            }

            Expected.Output[own + d] = output;
            Allowed.Output[own + d] = error;
            dots += problem.OutputGradient[own + d] * output;
            dotsError += Math.Abs(problem.OutputGradient[own + d]) * error;
        }

        for (int s = 0; s < shape.Tokens; s++)
        {
            int other = Place(s);
            double dp = 0;
            for (int d = 0; d < size; d++) dp += (double)problem.OutputGradient[own + d] * problem.Value[other + d];
            double ds = p[s] * (dp - dots) * scale, error = (u * Math.Abs(ds)) + (p[s] * dotsError * scale);
            for (int d = 0; d < size; d++)
            {
                Expected.QueryGradient[own + d] += ds * problem.Key[other + d];
                Allowed.QueryGradient[own + d] += error * Math.Abs(problem.Key[other + d]);
                Expected.KeyGradient[other + d] += ds * problem.Query[own + d];
                Allowed.KeyGradient[other + d] += error * Math.Abs(problem.Query[own + d]);
                Expected.ValueGradient[other + d] += p[s] * problem.OutputGradient[own + d];
                Allowed.ValueGradient[other + d] += u * p[s] * Math.Abs(problem.OutputGradient[own + d]);
            }
        }
    }

    private static double Probabilities(AttentionProblem problem, double[] p, int n, int t, Func<int, int> place, double scale)
    {
        AttentionShape shape = problem.Shape;
        double sum = 0;
        for (int s = 0; s < shape.Tokens; s++)
        {
            bool hidden = (shape.Causal && s > t) || (problem.Mask is not null && problem.Mask[(n * shape.Tokens) + s] == 0);
            double dot = 0;
            for (int d = 0; d < shape.HeadSize; d++) dot += (double)problem.Query[place(t) + d] * problem.Key[place(s) + d];
            // Scores of normal inputs are small: no maximum has to be taken off.
            p[s] = hidden ? 0 : Math.Exp(dot * scale);
            sum += p[s];
        }

        for (int s = 0; s < shape.Tokens; s++) p[s] = sum == 0 ? 0 : p[s] / sum;
        return Math.Log(sum);
    }
}
