using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Support;

/// <summary>Compares what a command wrote with float64 results of PyTorch.</summary>
internal static class Expected
{
    /// <summary>Forward values of float32 PyTorch are within 1e-6 of the largest magnitude of their tensor; this leaves a factor of 3.</summary>
    public const double ForwardBound = 3e-6;

    /// <summary>Gradients of float32 PyTorch are within 5e-6; this leaves a factor of 3.</summary>
    public const double GradientBound = 1.5e-5;

    /// <summary>Gradients that are zero in exact arithmetic are round-off of sums of numbers of size 1: 2^-23 and a few more bits.</summary>
    private const double ZeroBound = 1e-6;

    /// <summary>Every tensor of <paramref name="actual"/> that <paramref name="reference"/> has under a prefix agrees with it.</summary>
    /// <returns>The names that were compared.</returns>
    public static string[] Agree(SafetensorsFile actual, SafetensorsFile reference, double bound, string prefix = "")
    {
        var compared = new List<string>();
        foreach (TensorEntry tensor in actual.Tensors)
        {
            if (!reference.TryGet(prefix + tensor.Name, out TensorEntry? entry)) continue;
            Assert.Equal(entry.Shape, tensor.Shape);
            float[] values = actual.ReadFloat32(tensor.Name), wanted = reference.ReadFloat32(entry.Name);
            double largest = wanted.Max(Math.Abs);
            double allowed = largest < 1e-12 ? ZeroBound : bound * largest;
            double error = values.Zip(wanted, (a, b) => Math.Abs((double)a - b)).Max();
            Assert.True(error <= allowed, $"{tensor.Name}: error {error:E2}, allowed {allowed:E2}");
            compared.Add(tensor.Name);
        }

        return [.. compared];
    }
}
