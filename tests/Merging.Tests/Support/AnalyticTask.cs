using MergeEngine.Merging.Tuning;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Tests.Support;

/// <summary>
/// A task whose loss is a formula: L(θ) = ½(θ − c)ᵀA(θ − c) + ¼Σ b_i(θ_i − c_i)⁴ with A positive definite and b ≥ 0, so it is convex, and
/// gradient and Hessian are known in float64. Batches may pull the centre about.
/// </summary>
internal sealed class AnalyticTask : ITuningTask
{
    public const int Dimension = 6;

    private readonly double[,] _quadratic = new double[Dimension, Dimension];
    private readonly double[] _quartic = new double[Dimension];
    private readonly double[] _centre = new double[Dimension];

    private readonly GradientSum _sum;

    public AnalyticTask(GradientSum sum, string name, int seed, bool quartic = true, int hessianSeed = -1)
    {
        _sum = sum;
        Name = name;
        var random = new Random(seed);
        for (int i = 0; i < Dimension; i++)
        {
            _centre[i] = random.NextDouble() - 0.5;
            _quartic[i] = quartic ? random.NextDouble() : 0;
        }

        var hessian = hessianSeed >= 0 ? new Random(hessianSeed) : random;
        var factor = new double[Dimension, Dimension];
        for (int i = 0; i < Dimension * Dimension; i++) factor[i / Dimension, i % Dimension] = (hessian.NextDouble() - 0.5) * 0.8;
        for (int i = 0; i < Dimension; i++)
        {
            for (int j = 0; j < Dimension; j++)
            {
                _quadratic[i, j] = i == j ? 0.2 : 0;
                for (int k = 0; k < Dimension; k++) _quadratic[i, j] += factor[i, k] * factor[j, k];
            }
        }
    }

    public static ParameterLayout Layout { get; } = new([KeyValuePair.Create("w", new Shape(Dimension))]);

    public string Name { get; }

    public int StepsPerEpoch { get; init; } = 4;

    /// <summary>How far batch s moves the centre, in every coordinate: 0 is the full batch.</summary>
    public double BatchNoise { get; init; }

    /// <summary>Every step that was asked for, in order.</summary>
    public List<long> Steps { get; } = [];

    public BatchResult Accumulate(ParameterVector parameters, long step, double weight)
    {
        Steps.Add(step);
        double[] theta = Read(parameters);
        double[] gradient = Gradient(theta, step);
        for (int i = 0; i < Dimension; i++) _sum.Values[i] += (float)(weight * gradient[i]);
        return new BatchResult(Loss(theta, step), 10);
    }

    public static double[] Read(ParameterVector parameters) => [.. parameters.Values.HostSpan[..Dimension].ToArray().Select(v => (double)v)];

    public static ParameterVector Vector(Device device, params ReadOnlySpan<double> values)
    {
        var vector = new ParameterVector(device, Layout);
        for (int i = 0; i < values.Length; i++) vector.Values.HostSpan[i] = (float)values[i];
        return vector;
    }

    public double Loss(double[] theta, long step = 0)
    {
        double[] d = Offset(theta, step);
        double sum = 0;
        for (int i = 0; i < Dimension; i++)
        {
            sum += 0.25 * _quartic[i] * d[i] * d[i] * d[i] * d[i];
            for (int j = 0; j < Dimension; j++) sum += 0.5 * d[i] * _quadratic[i, j] * d[j];
        }

        return sum;
    }

    public double[] Gradient(double[] theta, long step = 0)
    {
        double[] d = Offset(theta, step);
        var gradient = new double[Dimension];
        for (int i = 0; i < Dimension; i++)
        {
            gradient[i] = _quartic[i] * d[i] * d[i] * d[i];
            for (int j = 0; j < Dimension; j++) gradient[i] += _quadratic[i, j] * d[j];
        }

        return gradient;
    }

    /// <summary>H(θ)·v of the full batch.</summary>
    public double[] HessianTimes(double[] theta, double[] v)
    {
        double[] d = Offset(theta, 0);
        var product = new double[Dimension];
        for (int i = 0; i < Dimension; i++)
        {
            product[i] = 3 * _quartic[i] * d[i] * d[i] * v[i];
            for (int j = 0; j < Dimension; j++) product[i] += _quadratic[i, j] * v[j];
        }

        return product;
    }

    private double[] Offset(double[] theta, long step)
    {
        double shift = BatchNoise == 0 ? 0 : BatchNoise * Math.Sin(1 + step + (7 * _centre[0]));
        return [.. theta.Select((t, i) => t - _centre[i] - shift)];
    }
}
