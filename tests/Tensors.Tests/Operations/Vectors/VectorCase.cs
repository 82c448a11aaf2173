using System.Collections.Concurrent;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>One operation as a table row: what to call on a run's memory. The call can be repeated.</summary>
public sealed record VectorCase(string Name, Func<VectorRun, Action> Prepare)
{
    private static readonly Device s_reference = Device.Open("reference");
    private readonly ConcurrentDictionary<int, IReadOnlyList<(string Name, ulong[] Bits)>> _expected = [];

    public static TheoryData<string> Devices { get; } = [.. DeviceCases.Names];

    public static TheoryData<string, string> OnDevices(IEnumerable<VectorCase> cases) =>
        new(from c in cases from device in DeviceCases.Names select (c.Name, device));

    /// <summary>The same bits as the reference device for every length.</summary>
    public void GivesTheBitsOfTheReference(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        foreach (int length in VectorInputs.Lengths) Compare(device, length, null, "");
        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>
    /// The same bits wherever the vectors start: on cache lines, all at one odd phase, and each at another. Lengths around the blocks of both
    /// devices' passes, so that their first and last pieces are met with and without whole blocks between them.
    /// </summary>
    public void DoesNotDependOnAlignment(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        foreach (int length in (int[])[0, 1, 3, 4, 5, 1023, 1025, 2050, 4097, 8203])
        {
            Compare(device, length, static _ => 0, " on cache lines");
            Compare(device, length, static _ => 1, " one element behind a cache line");
            Compare(device, length, static k => (k * 3) % 5, " at different phases");
        }

        Assert.Equal(0, device.AllocatedBytes);
    }

    /// <summary>
    /// No managed memory after the first call. With one thread the caller runs every task itself, so its own count misses nothing, whatever
    /// other tests allocate meanwhile.
    /// </summary>
    public void AllocatesNothing(string deviceName)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var run = new VectorRun(device, 100_000);
        Action call = Prepare(run);
        call();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 3; i++) call();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private void Compare(Device device, int length, Func<int, int>? place, string where)
    {
        var expected = _expected.GetOrAdd(length, n => Run(s_reference, n, null));
        var found = Run(device, length, place);
        foreach (var ((name, e), (_, f)) in expected.Zip(found))
        {
            int at = e.AsSpan().CommonPrefixLength(f);
            Assert.True(e.Length == f.Length && at == e.Length, $"{Name}, {length} elements{where}, {name}: element {at} is {(at < f.Length ? f[at] : 0):x}, expected {(at < e.Length ? e[at] : 0):x}.");
        }
    }

    /// <summary>The results of one run, as bits.</summary>
    public IReadOnlyList<(string Name, ulong[] Bits)> Run(Device device, int length, Func<int, int>? place = null)
    {
        using var run = new VectorRun(device, length, place);
        Prepare(run)();
        var results = run.Read();
        Assert.NotEmpty(results);
        return results;
    }
}
