namespace MergeEngine.Tensors.Operations.Reference;

/// <summary>
/// Every operation as its textbook loop: inputs are widened to float64, results are rounded once at the store. Nothing here is fast;
/// it is what the other devices are tested against.
/// </summary>
public unsafe partial class ReferenceOperations : OperationSet
{
    public ReferenceOperations(Device device)
        : base(device)
    {
    }

    private static double Apply(Activation activation, double x) => activation switch
    {
        Activation.None => x,
        Activation.GeluErf => 0.5 * x * Erfc(-x / Math.Sqrt(2)),
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(s_tanhScale * (x + (0.044715 * x * x * x)))),
        Activation.GeluQuick => x / (1 + Math.Exp(-1.702 * x)),
        Activation.Tanh => Math.Tanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(activation), activation, "Unknown activation."),
    };

    private static double Derivative(Activation activation, double x)
    {
        switch (activation)
        {
            case Activation.None:
                return 1;
            case Activation.GeluErf:
                return (0.5 * Erfc(-x / Math.Sqrt(2))) + (x * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI));
            case Activation.GeluTanh:
                double t = Math.Tanh(s_tanhScale * (x + (0.044715 * x * x * x)));
                return (0.5 * (1 + t)) + (0.5 * x * (1 - (t * t)) * s_tanhScale * (1 + (3 * 0.044715 * x * x)));
            case Activation.GeluQuick:
                double s = 1 / (1 + Math.Exp(-1.702 * x));
                return s * (1 + (1.702 * x * (1 - s)));
            case Activation.Tanh:
                double y = Math.Tanh(x);
                return 1 - (y * y);
            default:
                throw new ArgumentOutOfRangeException(nameof(activation), activation, "Unknown activation.");
        }
    }

    /// <summary>
    /// erfc(x) to about 1e-15: the Maclaurin series of erf for |x| &lt; 3, the continued fraction of erfc beyond (Abramowitz and Stegun 7.1.5, 7.1.14).
    /// </summary>
    internal static double Erfc(double x)
    {
        double a = Math.Abs(x);
        if (a < 3)
        {
            double term = a, sum = a;
            for (int n = 1; n < 200 && Math.Abs(term) > 1e-18 * Math.Abs(sum); n++)
            {
                term *= -a * a / n;
                sum += term / ((2 * n) + 1);
            }

            return x >= 0 ? 1 - (2 / Math.Sqrt(Math.PI) * sum) : 1 + (2 / Math.Sqrt(Math.PI) * sum);
        }

        double fraction = 0;
        for (int n = 60; n >= 1; n--) fraction = n / 2.0 / (a + fraction);
        double tail = double.IsPositiveInfinity(a) ? 0 : Math.Exp(-a * a) / Math.Sqrt(Math.PI) / (a + fraction);
        return x >= 0 ? tail : 2 - tail;
    }

    private static readonly double s_tanhScale = Math.Sqrt(2 / Math.PI);

    private static float* Row(Matrix matrix, int row) => matrix.Data.Pointer + ((long)row * matrix.Stride);

    /// <summary>What one sample's gradient adds to a parameter's: itself, or its absolute value.</summary>
    private static double Reduced(double gradient, GradientReduction reduction) => reduction == GradientReduction.Sum ? gradient : Math.Abs(gradient);

    /// <summary>Adds one sample's gradient to a parameter gradient: as it is, or its absolute value.</summary>
    private static void Reduce(float* target, double gradient, GradientReduction reduction) =>
        *target = (float)(*target + (reduction == GradientReduction.Sum ? gradient : Math.Abs(gradient)));
}
