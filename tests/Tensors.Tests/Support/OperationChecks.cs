using System.Collections.Concurrent;
using Xunit.Sdk;

namespace MergeEngine.Tensors.Tests.Support;

/// <summary>What is asked of every operation: agreement with the reference, the same bits for any number of threads, no allocation.</summary>
public static class OperationChecks
{
    private static readonly ConcurrentDictionary<OperationCase, IReadOnlyList<(string Name, double[] Values)>> s_expected = new(ReferenceEqualityComparer.Instance);

    /// <summary>
    /// Runs the case on <paramref name="device"/> and on the float64 reference and compares every result within the case's bound; two and three
    /// threads must give the same bits as one.
    /// </summary>
    public static void AgreesWithReferenceForAnyNumberOfThreads(OperationCase operation, string device)
    {
        var expected = s_expected.GetOrAdd(operation, o => Run(o, "reference"));
        var first = Run(operation, DeviceCases.WithThreads(device, 1));
        Assert.Equal(expected.Count, first.Count);
        foreach (var ((name, reference), (_, values)) in expected.Zip(first)) Compare($"{operation.Name} on {device}, {name}", reference, values, operation.Bound, operation.Absolute);
        foreach (int threads in new[] { 2, 3 })
        {
            var again = Run(operation, DeviceCases.WithThreads(device, threads));
            foreach (var ((name, a), (_, b)) in first.Zip(again)) Compare($"{operation.Name} with {threads} threads, {name}", a, b, 0);
        }
    }

    /// <summary>
    /// After warm-up a call allocates no managed memory, on the caller's thread or on any other. The test host allocates
    /// at times of its own choosing, so the smallest of several measurements counts: what an operation allocates shows in all of them.
    /// </summary>
    public static void AllocatesNothing(OperationCase operation, string device)
    {
        using Device opened = DeviceCases.Open(device);
        using var run = new OperationRun(opened, operation.Seed);
        Action call = operation.Prepare(run);
        for (int i = 0; i < 3; i++) call();
        long smallest = long.MaxValue;
        for (int attempt = 0; attempt < 8 && smallest > 0; attempt++)
        {
            long own = GC.GetAllocatedBytesForCurrentThread();
            long before = GC.GetTotalAllocatedBytes(precise: true);
            call();
            long total = GC.GetTotalAllocatedBytes(precise: true) - before;
            own = GC.GetAllocatedBytesForCurrentThread() - own;
            // A device of one thread, and one that only launches, works on the caller's: its own count is exact, whatever other tests allocate meanwhile.
            bool alone = DeviceCases.IsCuda(device) || device.EndsWith("x1", StringComparison.Ordinal);
            smallest = Math.Min(smallest, alone ? own : Math.Max(total, own));
        }

        Assert.True(smallest == 0, $"{operation.Name} on {device} allocates {smallest} bytes on every call.");
    }

    /// <summary>Runs the case on a device of its own and returns its results; the device's memory must all be given back.</summary>
    public static IReadOnlyList<(string Name, double[] Values)> Run(OperationCase operation, string device)
    {
        using Device opened = DeviceCases.Open(device);
        IReadOnlyList<(string Name, double[] Values)> results;
        using (var run = new OperationRun(opened, operation.Seed))
        {
            operation.Prepare(run)();
            results = run.Read();
        }

        Assert.NotEmpty(results);
        Assert.Equal(0, opened.AllocatedBytes);
        return results;
    }

    /// <summary>
    /// |found − expected| ≤ bound·max|expected| + absolute for every element; NaN only where NaN is expected, infinities equal. A bound of 0 asks for
    /// the same bits. Fails with the worst element and the ratio that it has.
    /// </summary>
    public static void Compare(string what, double[] expected, double[] found, double bound, double absolute = 0)
    {
        Assert.Equal(expected.Length, found.Length);
        double largest = 0, worst = 0;
        long at = -1;
        foreach (double e in expected) largest = double.IsFinite(e) ? Math.Max(largest, Math.Abs(e)) : largest;
        for (long i = 0; i < expected.Length; i++)
        {
            double error = Error(expected[i], found[i], bound == 0);
            if (error > worst)
            {
                worst = error;
                at = i;
            }
        }

        if (at >= 0 && worst > (bound * largest) + absolute)
        {
            double ratio = largest > 0 ? worst / largest : double.PositiveInfinity;
            throw new XunitException(
                $"{what}: element {at} of {expected.Length} is {found[at]:R}, expected {expected[at]:R}; the difference is {ratio:G3} of the largest magnitude {largest:G6}, the bound is {bound:G3}.");
        }
    }

    private static double Error(double expected, double found, bool exact)
    {
        bool same = exact
            ? BitConverter.DoubleToInt64Bits(expected) == BitConverter.DoubleToInt64Bits(found) || (double.IsNaN(expected) && double.IsNaN(found))
            : expected.Equals(found) || expected == found;
        if (same) return 0;
        double error = Math.Abs(expected - found);
        return error > 0 ? error : double.PositiveInfinity;   // NaN, infinity against a number, or −0 against +0
    }
}
