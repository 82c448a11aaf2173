namespace MergeEngine.Merging.TensorMethods.TaskVectors;

/// <summary>The order of magnitudes that fit memory, by sorting them.</summary>
internal static class Magnitudes
{
    /// <summary>|x|.</summary>
    public static double[] Of(ReadOnlySpan<double> values)
    {
        var magnitudes = new double[values.Length];
        for (int i = 0; i < magnitudes.Length; i++) magnitudes[i] = Math.Abs(values[i]);
        return magnitudes;
    }

    /// <summary>The indices from the largest value to the smallest, equal ones from the lowest index on; NaN is left out.</summary>
    public static int[] Descending(double[] values)
    {
        var order = new int[values.Length];
        int count = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (!double.IsNaN(values[i])) order[count++] = i;
        }

        Array.Resize(ref order, count);
        Array.Sort(order, (i, j) => values[i] != values[j] ? values[j].CompareTo(values[i]) : i.CompareTo(j));
        return order;
    }
}
