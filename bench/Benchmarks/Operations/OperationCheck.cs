using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;

namespace MergeEngine.Benchmarks.Operations;

/// <summary>Whether an operation is right: its values beside the plain float64 loops of the reference device, its gradients beside differences of the forward pass.</summary>
internal static class OperationCheck
{
    /// <summary>Deviation of the steps of the central difference. Results are stored as float32, so it carries an error of about 6e-8·√n/h of rounding and h² of curvature.</summary>
    private const double Step = 1 / 256.0;

    private const int Directions = 3;

    /// <summary>
    /// Largest difference between a directional derivative and its central difference, as a share of the gradient's norm: the two errors above, a sum over some dozens of inputs
    /// bending a GELU the most, with a factor of four. A wrong factor or a missing term is of the order of 1.
    /// </summary>
    public const double GradientBound = 2e-3;

    /// <summary>Runs the operation on both devices.</summary>
    /// <returns>The largest difference of any value in any buffer, as a share of the largest magnitude in that buffer; infinity where one has NaN or infinity and the other does not.</returns>
    public static double Error(Operation operation, Device device)
    {
        IReadOnlyList<double[]> expected = Run(operation, Device.Open("reference")), found = Run(operation, device);
        double worst = 0;
        for (int buffer = 0; buffer < expected.Count; buffer++)
        {
            double largest = expected[buffer].Max(Math.Abs);
            for (int i = 0; i < expected[buffer].Length; i++)
            {
                double difference = Math.Abs(expected[buffer][i] - found[buffer][i]);
                if (difference == 0 || expected[buffer][i].Equals(found[buffer][i])) continue;
                worst = Math.Max(worst, double.IsFinite(difference) && largest > 0 ? difference / largest : double.PositiveInfinity);
            }
        }

        return worst;
    }

    /// <summary>The gradients that the device's backward pass gives, beside central differences of the reference's forward pass in random directions.</summary>
    /// <returns>The largest difference as a share of the gradient's norm; null for an operation without a gradient.</returns>
    public static double? GradientError(Operation operation, Device device)
    {
        using var memory = new OperationMemory(device, large: false);
        OperationCall call = operation.Prepare(memory);
        if (call.Derivative is not { } derivative) return null;
        call.Run();
        derivative.Backward();
        device.Synchronize();
        using Device reference = Device.Open("reference");
        using var plain = new OperationMemory(reference, large: false);
        OperationCall forward = operation.Prepare(plain);
        Derivative same = forward.Derivative!;
        double[] weights = plain.Read(same.OutputGradient);
        double worst = 0;
        for (int input = 0; input < same.Inputs.Length; input++)
        {
            double[] gradient = memory.Read(derivative.Gradients[input]), at = plain.Read(same.Inputs[input]);
            double norm = Math.Sqrt(gradient.Sum(g => g * g));
            for (int direction = 0; direction < Directions; direction++)
            {
                var random = new PhiloxStream((ulong)direction, $"{operation.Name}, {input}");
                float[] above = new float[at.Length], below = new float[at.Length];
                double slope = 0;
                for (int i = 0; i < at.Length; i++)
                {
                    double step = Step * random.NextGaussian();
                    (above[i], below[i]) = ((float)(at[i] + step), (float)(at[i] - step));
                    slope += gradient[i] * (above[i] - (double)below[i]);
                }

                double difference = Value(above) - Value(below);
                worst = Math.Max(worst, norm > 0 ? Math.Abs(difference - slope) / (2 * Step * norm) : double.PositiveInfinity);
            }

            plain.Write(same.Inputs[input], [.. at.Select(v => (float)v)]);

            double Value(float[] values)
            {
                plain.Write(same.Inputs[input], values);
                forward.Run();
                return plain.Read(same.Output).Zip(weights, (y, w) => y * w).Sum();
            }
        }

        return worst;
    }

    private static IReadOnlyList<double[]> Run(Operation operation, Device device)
    {
        using Device? own = device.Name == "reference" ? device : null;
        using var memory = new OperationMemory(device, large: false);
        operation.Prepare(memory).Run();
        device.Synchronize();
        return memory.Read();
    }
}
