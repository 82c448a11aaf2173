using System.Collections.Concurrent;
using MergeEngine.Tensors.Tests.Support;

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
        foreach (int length in VectorInputs.Lengths)
        {
            var expected = _expected.GetOrAdd(length, n => Run(s_reference, n));
            var found = Run(device, length);
            foreach (var ((name, e), (_, f)) in expected.Zip(found))
            {
                int at = e.AsSpan().CommonPrefixLength(f);
                Assert.True(e.Length == f.Length && at == e.Length, $"{Name}, {length} elements, {name}: element {at} is {(at < f.Length ? f[at] : 0):x}, expected {(at < e.Length ? e[at] : 0):x}.");
            }
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

    private IReadOnlyList<(string Name, ulong[] Bits)> Run(Device device, int length)
    {
        using var run = new VectorRun(device, length);
        Prepare(run)();
        var results = run.Read();
        Assert.NotEmpty(results);
        return results;
    }
}
