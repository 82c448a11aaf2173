using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>Slopes of a loss along a direction, and comparisons of vectors parameter by parameter.</summary>
internal static class Directions
{
    /// <summary>In every parameter g/‖g‖ plus random numbers of length 1, halved; the gaps stay zero.</summary>
    public static ParameterVector Of(int seed, ParameterVector gradients)
    {
        var direction = new ParameterVector(gradients.Device, gradients.Layout);
        foreach (Parameter parameter in gradients.Layout.Parameters)
        {
            var random = new PhiloxStream((ulong)seed, $"direction.{parameter.Name}");
            float[] values = gradients.Download(parameter.Name);
            double norm = Math.Sqrt(values.Sum(g => (double)g * g)) + 1e-30;
            for (int i = 0; i < values.Length; i++) values[i] = (float)(0.5 * ((values[i] / norm) + (random.NextGaussian() / Math.Sqrt(values.Length))));
            direction.Upload(parameter.Name, values);
        }

        return direction;
    }

    /// <summary>Central differences with h and h/2 and Richardson's extrapolation: (4·s(h/2) − s(h))/3.</summary>
    public static double Slope(Func<float, double> loss)
    {
        const float Step = 1f / 256;
        double wide = (loss(Step) - loss(-Step)) / (2 * Step), narrow = (loss(Step / 2) - loss(-Step / 2)) / Step;
        return ((4 * narrow) - wide) / 3;
    }

    /// <summary>Every parameter but key biases, whose gradient is round-off alone, within 1.5e-5 of its largest value.</summary>
    public static void AssertClose(ParameterVector expected, ParameterVector actual)
    {
        foreach (Parameter parameter in expected.Layout.Parameters)
        {
            bool isKeyBias = parameter.Name.EndsWith(".key.bias", StringComparison.Ordinal) || parameter.Name.EndsWith(".k_proj.bias", StringComparison.Ordinal);
            if (!isKeyBias) AssertClose(expected.Download(parameter.Name), actual.Download(parameter.Name), 1.5e-5);
        }
    }

    public static void AssertClose(float[] expected, float[] actual, double bound)
    {
        double largest = expected.Max(Math.Abs);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - actual[i]) <= bound * largest, $"{expected[i]} and {actual[i]} of at most {largest}");
    }
}
