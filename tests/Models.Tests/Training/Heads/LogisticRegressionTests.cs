using MergeEngine.Models.Training.Heads;

namespace MergeEngine.Models.Tests.Training.Heads;

/// <summary>Logistic regression against its own definition: where the derivative, found by differences of a plain loss, is zero.</summary>
public sealed class LogisticRegressionTests
{
    [Theory]
    [InlineData(2, 3, 40, 1.0)]
    [InlineData(5, 7, 60, 0.01)]
    [InlineData(15, 20, 100, 10)]
    public void The_derivative_of_the_plain_loss_vanishes(int classes, int width, int samples, double l2)
    {
        (double[] features, int[] labels) = Draw(classes, width, samples);
        double[] fitted = LogisticRegression.Fit(features, labels, classes, l2);
        // Differences of step h err by h² times the third derivative, about 1e-8 · samples, and by rounding / h, about 1e-11 · samples.
        const double h = 1e-4;
        for (int i = 0; i < fitted.Length; i++)
        {
            double center = fitted[i];
            fitted[i] = center + h;
            double above = Loss(features, labels, classes, l2, fitted);
            fitted[i] = center - h;
            double below = Loss(features, labels, classes, l2, fitted);
            fitted[i] = center;
            Assert.InRange((above - below) / (2 * h), -1e-6 * samples, 1e-6 * samples);
        }
    }

    /// <summary>Two classes in one dimension, symmetric: w₁ = −w₀ = w, b = 0, and w is the root of one equation.</summary>
    [Fact]
    public void Two_classes_in_one_dimension_are_solved_by_one_equation()
    {
        double[] fitted = LogisticRegression.Fit([-2, -1, 1, 2, 0.5, -0.5], [0, 0, 1, 1, 0, 1], 2, 0.3);
        // d/dw Σ log(1 + e^(−2·s·x·w)) + l2·w² = 0 with s = ±1 by label.
        double[] products = [2, 1, 1, 2, -0.5, -0.5];
        double low = 0, high = 10;
        for (int i = 0; i < 100; i++)
        {
            double w = (low + high) / 2, slope = (2 * 0.3 * w) - products.Sum(p => 2 * p / (1 + Math.Exp(2 * p * w)));
            if (slope > 0) high = w;
            else low = w;
        }

        Assert.Equal([-low, low], fitted[..2], (a, b) => Math.Abs(a - b) < 1e-7);
        Assert.Equal(fitted[2], fitted[3], 1e-7);
    }

    [Fact]
    public void The_same_samples_give_the_same_bits_and_another_order_nearly_the_same()
    {
        (double[] features, int[] labels) = Draw(4, 6, 50);
        double[] fitted = LogisticRegression.Fit(features, labels, 4, 1);
        Assert.Equal(fitted, LogisticRegression.Fit(features, labels, 4, 1));
        double[] reversed = LogisticRegression.Fit([.. features.Chunk(6).Reverse().SelectMany(row => row)], [.. labels.Reverse()], 4, 1);
        Assert.All(fitted.Zip(reversed), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void A_class_without_samples_ends_below_the_others()
    {
        (double[] features, int[] labels) = Draw(3, 4, 30);
        double[] fitted = LogisticRegression.Fit(features, labels, 4, 1);
        Assert.True(fitted[^1] < fitted[^2] - 5);
        Assert.All(fitted, value => Assert.True(double.IsFinite(value)));
    }

    [Fact]
    public void What_makes_no_sense_is_refused()
    {
        Assert.Throws<ArgumentException>(() => LogisticRegression.Fit([1, double.NaN], [0, 1], 2, 1));
        Assert.Throws<ArgumentException>(() => LogisticRegression.Fit([1, 2], [0, 2], 2, 1));
        Assert.Throws<ArgumentException>(() => LogisticRegression.Fit([1, 2, 3], [0, 1], 2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => LogisticRegression.Fit([1, 2], [0, 1], 2, 0));
    }

    private static (double[] Features, int[] Labels) Draw(int classes, int width, int samples)
    {
        var random = new Random(classes);
        int[] labels = [.. Enumerable.Range(0, samples).Select(i => i % classes)];
        return ([.. labels.SelectMany(label => Enumerable.Range(0, width).Select(j => (j % classes == label ? 0.7 : 0) + (random.NextDouble() * 2) - 1))], labels);
    }

    private static double Loss(double[] features, int[] labels, int classes, double l2, double[] point)
    {
        int width = features.Length / labels.Length;
        double sum = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            double[] logits = [.. Enumerable.Range(0, classes).Select(k => point[(classes * width) + k] + Enumerable.Range(0, width).Sum(j => point[(k * width) + j] * features[(i * width) + j]))];
            sum += Math.Log(logits.Sum(Math.Exp)) - logits[labels[i]];
        }

        return sum + (l2 / 2 * point.Take(classes * width).Sum(w => w * w));
    }
}
