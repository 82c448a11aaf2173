using MergeEngine.Tensors.Operations;

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

    /// <summary>The <paramref name="count"/> largest, equal ones from the lowest index on; NaN is never among them.</summary>
    /// <param name="values">The magnitudes, in any order: <see cref="Selection.Contains"/> is asked about them.</param>
    /// <param name="sorted">The same, sorted from the smallest, with NaN first as the platform does.</param>
    /// <param name="count">How many, all of them at most.</param>
    public static Selection Largest(ReadOnlySpan<double> values, ReadOnlySpan<double> sorted, long count)
    {
        if (count <= 0 || sorted.IsEmpty) return Selection.None;
        double threshold = sorted[(int)Math.Max(0, sorted.Length - count)];
        if (double.IsNaN(threshold)) return Selection.All;
        int above = sorted.Length;
        while (above > 0 && sorted[above - 1] > threshold) above--;
        long left = count - (sorted.Length - above);
        int last = 0;
        for (; last < values.Length; last++)
        {
            if (Math.Abs(values[last]) == threshold && --left == 0) break;
        }

        return new Selection(threshold, last);
    }

    /// <summary>The indices from the largest value to the smallest, equal ones from the lowest index on; NaN is above all numbers.</summary>
    public static int[] Descending(double[] values)
    {
        var order = new int[values.Length];
        for (int i = 0; i < order.Length; i++) order[i] = i;
        // To the platform NaN is less than any number.
        Array.Sort(order, (i, j) => double.IsNaN(values[i]) != double.IsNaN(values[j]) ? (double.IsNaN(values[i]) ? -1 : 1)
            : values[i] != values[j] && !double.IsNaN(values[i]) ? values[j].CompareTo(values[i]) : i.CompareTo(j));
        return order;
    }
}
