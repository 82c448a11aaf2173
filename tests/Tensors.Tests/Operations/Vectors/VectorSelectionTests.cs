using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Operations.Vectors;

/// <summary>Masks, sign election and sensitivities: the same bits as the textbook loop, everywhere.</summary>
public sealed class VectorSelectionTests
{
    private static readonly Selection[] s_thresholds =
    [
        new(0.25, 20), new(0.25, -1), new(0.5, long.MaxValue), Selection.All, Selection.None, new(0.1, 40_000), new(double.NaN, 3), new(-1, 5),
        new(1e-41, 30), new(1e300, 2), new(double.PositiveInfinity, 33_000), new(0, 25),
    ];

    public static IReadOnlyDictionary<string, VectorCase> Cases { get; } = new[]
    {
        CrossMagnitude(1, own: true), CrossMagnitude(2, own: true), CrossMagnitude(8, own: true), CrossMagnitude(1, own: false), CrossMagnitude(3, own: false), CrossMagnitude(20, own: false),
        RandomMask(0, 0.5), RandomMask(1, 0.3), RandomMask(4_294_967_294L * 4 + 3, 0.9), RandomMask(2, 0), RandomMask(6, 1),
        DisjointMean(1, 1), DisjointMean(2, -1), DisjointMean(5, 1, intoFirst: true), DisjointMean(8, -1), DisjointMean(40, 1),
        SignBalance(1), SignBalance(3), SignBalance(8), SignBalance(33),
    }.Concat(s_thresholds.Select((t, i) => new VectorCase($"KeepMask {i}", run =>
    {
        DeviceSpan<byte> mask = run.Output<byte>();
        DeviceSpan<float> values = run.Input(0);
        return () => run.Operations.KeepMask(mask, values, t, 7);
    }))).Concat(s_thresholds.Select((t, i) => new VectorCase($"DropMask {i}", run =>
    {
        DeviceSpan<byte> mask = run.Output<byte>();
        DeviceSpan<double> keys = run.Keys();
        return () => run.Operations.DropMask(mask, keys, t with { Threshold = t.Threshold * 4 }, 7);
    }))).ToDictionary(c => c.Name);

    /// <summary>Lists that are too long for the arguments of a launch on a GPU, where 64 vectors go.</summary>
    private static readonly Dictionary<string, VectorCase> s_longLists = new[]
    {
        CrossMagnitude(66, own: true), CrossMagnitude(67, own: false), DisjointMean(65, -1), DisjointMean(160, 1), SignBalance(66),
    }.ToDictionary(c => c.Name);

    public static TheoryData<string, string> OnDevices() => VectorCase.OnDevices(Cases.Values);

    public static TheoryData<string, string> LongListsOnDevices() => VectorCase.OnDevices(s_longLists.Values);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_gives_the_bits_of_the_reference(string name, string device) =>
        Cases[name].GivesTheBitsOfTheReference(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void An_operation_does_not_depend_on_where_its_vectors_start(string name, string device) =>
        Cases[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(LongListsOnDevices))]
    public void A_list_of_vectors_may_be_of_any_length(string name, string device) => s_longLists[name].DoesNotDependOnAlignment(device);

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void A_repeated_operation_allocates_nothing(string name, string device) =>
        Cases[name].AllocatesNothing(device);

    [Fact]
    public void The_sign_of_undecided_elements_is_plus_or_minus_one()
    {
        using var device = new CpuDevice(1);
        using var run = new VectorRun(device, 4);
        DeviceSpan<float> x = run.Input(0);
        Assert.Contains("+1 or -1", Assert.Throws<ArgumentOutOfRangeException>(() => device.Operations.DisjointMean(x, [x], [Selection.All], 0)).Message, StringComparison.Ordinal);
        DeviceSpan<byte> mask = run.Output<byte>();
        Assert.Contains("[0, 1]", Assert.Throws<ArgumentOutOfRangeException>(() => device.Operations.RandomMask(mask, 1, double.NaN)).Message, StringComparison.Ordinal);
    }

    private static VectorCase CrossMagnitude(int count, bool own) => new($"CrossMagnitude of {count}{(own ? "" : " with magnitudes")}", run =>
    {
        DeviceSpan<float>[] vectors = run.Inputs(count);
        DeviceSpan<float>[] magnitudes = own ? [] : [.. Enumerable.Range(50, count).Select(k => run.Upload<float>(Array.ConvertAll(VectorInputs.Floats(k, run.Length), MathF.Abs)))];
        DeviceSpan<double> keys = run.Output<double>();
        return () => run.Operations.CrossMagnitude(keys, magnitudes, vectors);
    });

    private static VectorCase RandomMask(long firstIndex, double probability) => new($"RandomMask from {firstIndex} at {probability}", run =>
    {
        DeviceSpan<byte> mask = run.Output<byte>();
        return () => run.Operations.RandomMask(mask, 0x0123_4567_89AB_CDEF, probability, firstIndex);
    });

    private static Selection[] Kept(int count) => [.. Enumerable.Range(0, count).Select(k => s_thresholds[(k * 5) % s_thresholds.Length])];

    private static VectorCase DisjointMean(int count, int undecidedSign, bool intoFirst = false) =>
        new($"DisjointMean of {count}, undecided {undecidedSign}{(intoFirst ? ", into the first" : "")}", run =>
        {
            DeviceSpan<float>[] vectors = run.Inputs(count);
            DeviceSpan<float> output = intoFirst ? run.Result(vectors[0]) : run.Output<float>();
            Selection[] kept = Kept(count);
            return () => run.Operations.DisjointMean(output, vectors, kept, undecidedSign, 3);
        });

    private static VectorCase SignBalance(int count) => new($"SignBalance of {count}", run =>
    {
        DeviceSpan<float>[] vectors = run.Inputs(count);
        Selection[] kept = Kept(count);
        long[] balance = new long[1];
        run.Result("balance", balance);
        return () => balance[0] = run.Operations.SignBalance(vectors, kept, 3);
    });
}
