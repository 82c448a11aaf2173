using System.Numerics.Tensors;

namespace MergeEngine.Models.Training.Heads;

/// <summary>
/// Multinomial logistic regression: the W [classes, width] and b [classes] with the least
/// f = Σ_i −log softmax(W·x_i + b)[y_i] + (l2 / 2)·‖W‖², as scikit-learn's with C = 1 / l2 (b is not penalised). f is convex; it is minimised
/// over all samples at once in float64, by Newton steps whose equations are solved by conjugate gradients as far as they
/// pay (Nocedal and Wright, Numerical Optimization, alg. 7.1) and which are halved until f falls. One thread: the same bits always.
/// </summary>
public sealed class LogisticRegression
{
    private const int MostSteps = 200, MostInnerSteps = 250, MostHalvings = 40;

    /// <summary>Done when no component of the gradient, divided by the number of samples, is larger.</summary>
    private const double Tolerance = 1e-9;

    /// <summary>Armijo's constant.</summary>
    private const double Decrease = 1e-4;

    private readonly double[] _features;
    private readonly int[] _labels;
    private readonly int _classes;
    private readonly int _width;
    private readonly double _l2;
    private readonly double[] _probabilities;
    private readonly double[] _row;

    private LogisticRegression(double[] features, int[] labels, int classes, double l2)
    {
        _features = features;
        _labels = labels;
        _classes = classes;
        _width = features.Length / labels.Length;
        _l2 = l2;
        _probabilities = new double[(long)labels.Length * classes];
        _row = new double[classes];
    }

    private int WeightCount => _classes * _width;

    /// <summary>Fits a head.</summary>
    /// <param name="features">[samples, width], row after row; finite.</param>
    /// <param name="labels">[samples], each below <paramref name="classes"/>.</param>
    /// <param name="classes">At least 2.</param>
    /// <param name="l2">Penalty; positive.</param>
    /// <returns>W [classes, width] row after row, then b [classes].</returns>
    /// <exception cref="ArgumentException">The features are not finite, or the arguments do not fit together.</exception>
    public static double[] Fit(double[] features, int[] labels, int classes, double l2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 2);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(l2);
        if (labels.Length == 0 || features.Length == 0 || features.Length % labels.Length != 0) throw new ArgumentException($"There are {features.Length} features for {labels.Length} samples.", nameof(features));
        if (labels.AsSpan().IndexOfAnyExceptInRange(0, classes - 1) >= 0) throw new ArgumentException($"A label is not below {classes}.", nameof(labels));
        foreach (double value in features)
        {
            if (!double.IsFinite(value)) throw new ArgumentException("A feature is not a finite number.", nameof(features));
        }

        return new LogisticRegression(features, labels, classes, l2).Minimize();
    }

    private double[] Minimize()
    {
        int count = WeightCount + _classes;
        double[] point = new double[count], trial = new double[count], gradient = new double[count], step = new double[count];
        for (int i = 0; i < MostSteps; i++)
        {
            double value = Evaluate(point);
            Gradient(point, gradient);
            if (Math.Abs(TensorPrimitives.MaxMagnitude<double>(gradient)) <= Tolerance * _labels.Length) break;
            Solve(gradient, step);
            double slope = TensorPrimitives.Dot<double>(gradient, step), length = 1;
            int halvings = 0;
            do
            {
                TensorPrimitives.MultiplyAdd(step, length, point, trial);
                length /= 2;
            }
            while (Evaluate(trial) > value + (Decrease * 2 * length * slope) && ++halvings < MostHalvings);
            // Rounding is all that is left to gain.
            if (halvings == MostHalvings) break;
            (point, trial) = (trial, point);
        }

        return point;
    }

    /// <summary>f, and the probabilities that it comes from.</summary>
    private double Evaluate(double[] point)
    {
        double sum = 0;
        for (int i = 0; i < _labels.Length; i++)
        {
            Span<double> logits = Probabilities(i);
            Logits(point, i, logits);
            double largest = TensorPrimitives.Max<double>(logits), label = logits[_labels[i]] - largest, total = 0;
            for (int k = 0; k < logits.Length; k++) total += logits[k] = Math.Exp(logits[k] - largest);
            TensorPrimitives.Divide(logits, total, logits);
            sum += Math.Log(total) - label;
        }

        ReadOnlySpan<double> weights = point.AsSpan(0, WeightCount);
        return sum + (_l2 / 2 * TensorPrimitives.Dot(weights, weights));
    }

    /// <summary>∇f at the point that was evaluated last.</summary>
    private void Gradient(double[] point, double[] gradient)
    {
        Penalize(point, gradient);
        for (int i = 0; i < _labels.Length; i++)
        {
            Probabilities(i).CopyTo(_row);
            _row[_labels[i]] -= 1;
            AddOuter(gradient, i);
        }
    }

    /// <summary>∇²f·direction: with p the probabilities of a sample and z the direction's logits, its rows are p ⊙ (z − p·z).</summary>
    private void Curvature(double[] direction, double[] result)
    {
        Penalize(direction, result);
        for (int i = 0; i < _labels.Length; i++)
        {
            ReadOnlySpan<double> p = Probabilities(i);
            Logits(direction, i, _row);
            double mean = TensorPrimitives.Dot(p, _row);
            for (int k = 0; k < _row.Length; k++) _row[k] = p[k] * (_row[k] - mean);
            AddOuter(result, i);
        }
    }

    /// <summary>∇²f·step = −gradient by conjugate gradients, the more exactly the smaller the gradient is.</summary>
    private void Solve(double[] gradient, double[] step)
    {
        double[] residual = new double[gradient.Length], direction = new double[gradient.Length], product = new double[gradient.Length];
        Array.Clear(step);
        TensorPrimitives.Negate<double>(gradient, residual);
        residual.CopyTo(direction, 0);
        double squared = TensorPrimitives.Dot<double>(residual, residual), norm = Math.Sqrt(squared);
        double target = norm * Math.Min(0.5, Math.Sqrt(norm / _labels.Length));
        for (int i = 0; i < MostInnerSteps && Math.Sqrt(squared) > target; i++)
        {
            Curvature(direction, product);
            double curvature = TensorPrimitives.Dot<double>(direction, product);
            // The bias of all classes together changes nothing: there, and by rounding only, there is no curvature.
            if (curvature <= 0) break;
            double length = squared / curvature;
            TensorPrimitives.MultiplyAdd(direction, length, step, step);
            TensorPrimitives.MultiplyAdd(product, -length, residual, residual);
            double next = TensorPrimitives.Dot<double>(residual, residual);
            TensorPrimitives.MultiplyAdd(direction, next / squared, residual, direction);
            squared = next;
        }

        if (TensorPrimitives.Dot<double>(gradient, step) >= 0) TensorPrimitives.Negate<double>(gradient, step);
    }

    private Span<double> Probabilities(int sample) => _probabilities.AsSpan(sample * _classes, _classes);

    private ReadOnlySpan<double> Features(int sample) => _features.AsSpan(sample * _width, _width);

    private void Logits(double[] point, int sample, Span<double> logits)
    {
        ReadOnlySpan<double> features = Features(sample);
        for (int k = 0; k < _classes; k++) logits[k] = TensorPrimitives.Dot(point.AsSpan(k * _width, _width), features) + point[WeightCount + k];
    }

    /// <summary>Adds <c>_row</c>·xᵀ to the weights and <c>_row</c> to the bias.</summary>
    private void AddOuter(double[] target, int sample)
    {
        ReadOnlySpan<double> features = Features(sample);
        for (int k = 0; k < _classes; k++)
        {
            Span<double> weights = target.AsSpan(k * _width, _width);
            TensorPrimitives.MultiplyAdd(features, _row[k], weights, weights);
            target[WeightCount + k] += _row[k];
        }
    }

    private void Penalize(double[] point, double[] target)
    {
        Array.Clear(target);
        TensorPrimitives.Multiply(point.AsSpan(0, WeightCount), _l2, target.AsSpan(0, WeightCount));
    }
}
