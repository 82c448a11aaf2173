using System.Reflection;
using System.Runtime.Loader;
using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Operations.Profiling;
using MergeEngine.Tensors.Probes;

namespace MergeEngine.Tensors.Tests.Operations.Profiling;

/// <summary>A profile counts what was asked of a device and changes nothing of it.</summary>
public sealed class OperationProfileTests
{
    private const int Rows = 6, Inputs = 20, Outputs = 12, Heads = 3, HeadSize = 4;

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Calls_are_counted_with_their_work(string name)
    {
        using Device device = DeviceCases.Open(name, threads: 2);
        using var memory = new Memory(device);
        using OperationProfile profile = device.StartProfile();
        for (int call = 0; call < 3; call++) Run(device, memory);
        profile.Dispose();

        // A product is 2·m·n·k operations, attention 2 products of [tokens, tokens, head size] forward; a causal query sees half of the keys and itself.
        Dictionary<string, ProfiledOperation> found = profile.Operations.ToDictionary(o => o.Name);
        Assert.Equal(["Adam", "AttentionForward", "LayerNormForward", "LinearBackwardWeight", "LinearForward", "Sum"], found.Keys.Order(StringComparer.Ordinal));
        Assert.All(found.Values, operation => Assert.Equal(3, operation.Calls));
        Assert.All(found.Values, operation => Assert.True(operation.Seconds > 0));
        Check(found["LinearForward"], "[12, 20]", 2.0 * Rows * Inputs * Outputs, 4 * ((Rows * Inputs) + (Inputs * Outputs) + (Rows * Outputs)));
        Check(found["LinearBackwardWeight"], "[12, 20]", 2.0 * Rows * Inputs * Outputs, 4 * ((Rows * Inputs) + (2 * Inputs * Outputs) + (Rows * Outputs)));
        Check(found["AttentionForward"], "3 x 4", 2 * 2 * Heads * HeadSize * (2 * (1 + 2 + 3)), 4 * 4 * Rows * Heads * HeadSize);
        Check(found["LayerNormForward"], "", 0, 4 * 2 * Rows * Outputs);
        Check(found["Adam"], "", 0, 4 * 7 * Outputs);
        Check(found["Sum"], "", 0, 4 * Outputs);

        static void Check(ProfiledOperation operation, string size, double operations, double bytes)
        {
            Assert.Equal(size, operation.Size);
            Assert.Equal(3 * operations, operation.Operations);
            Assert.Equal(3 * bytes, operation.Bytes);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Results_have_the_same_bits(string name)
    {
        using Device device = DeviceCases.Open(name, threads: 2);
        using Memory plain = new(device), profiled = new(device);
        double sum = Run(device, plain);
        using (device.StartProfile()) Assert.Equal(sum, Run(device, profiled));
        Assert.Equal(plain.Values, profiled.Values);
    }

    [Fact]
    public void A_profile_ends_and_another_may_begin()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using var memory = new Memory(device);
        OperationSet plain = device.Operations;
        OperationProfile first = device.StartProfile();
        Run(device, memory);
        Assert.Equal("Operations of 'cpu' are timed already: dispose the first profile.", Assert.Throws<InvalidOperationException>(device.StartProfile).Message);
        first.Dispose();
        double seconds = first.Seconds;
        Assert.Same(plain, device.Operations);
        Run(device, memory);
        Assert.Equal(seconds, first.Seconds);
        Assert.All(first.Operations, operation => Assert.Equal(1, operation.Calls));
        using OperationProfile second = device.StartProfile();
        first.Dispose();
        Run(device, memory);
        second.Clear();
        Run(device, memory);
        Assert.All(second.Operations, operation => Assert.Equal(1, operation.Calls));
        Assert.True(second.Operations.Sum(o => o.Seconds) <= second.Seconds);
    }

    /// <summary>
    /// In libraries loaded anew: what the runtime makes once for a type (the comparer of the profile's keys, 88 bytes, when a key is found again for the first time) falls into the
    /// measured call otherwise only where no other test was before this one, and their order depends on the folder that they are in.
    /// </summary>
    [Fact]
    public void Calls_of_a_known_kind_allocate_nothing()
    {
        var anew = new AssemblyLoadContext(nameof(Calls_of_a_known_kind_allocate_nothing));
        Assembly tensors = anew.LoadFromAssemblyPath(typeof(Device).Assembly.Location), tests = anew.LoadFromAssemblyPath(typeof(OperationProfileTests).Assembly.Location);
        Assert.NotSame(typeof(Device).Assembly, tensors);
        MethodInfo measure = tests.GetType(typeof(OperationProfileTests).FullName!, throwOnError: true)!.GetMethod(nameof(BytesOfTheSecondCalls), BindingFlags.NonPublic | BindingFlags.Static)!;
        Assert.Equal(0, measure.CreateDelegate<Func<Assembly, long>>()(tensors));
    }

    /// <summary>What the second calls allocate on the calling thread.</summary>
    /// <param name="library">Where the device has to come from.</param>
    private static long BytesOfTheSecondCalls(Assembly library)
    {
        Assert.Same(library, typeof(Device).Assembly);
        using Device device = Device.Open("cpu", threads: 1);
        using var memory = new Memory(device);
        using OperationProfile profile = device.StartProfile();
        Run(device, memory);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(device, memory);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    [Fact]
    public void Work_that_a_GPU_replays_is_launched_operation_by_operation()
    {
        using CudaDevice device = CudaUnderTest.Open();
        device.GraphsEnabled = true;
        using var memory = new Memory(device);
        using WorkReplay replay = device.CreateReplay();
        DeviceSpan<float> values = memory.Moments;
        using (OperationProfile profile = device.StartProfile())
        {
            for (int run = 0; run < 4; run++) replay.Run((device, values), static s => s.device.Operations.Scale(s.values, 2));
            Assert.Equal(0, device.LiveGraphs);
            Assert.Equal(4, Assert.Single(profile.Operations).Calls);
        }

        for (int run = 0; run < 3; run++) replay.Run((device, values), static s => s.device.Operations.Scale(s.values, 2));
        Assert.Equal(1, device.LiveGraphs);
    }

    [Fact]
    public void Shares_are_rates_over_the_devices_ceilings()
    {
        using Device device = Device.Open("cpu", threads: 1);
        using var memory = new Memory(device);
        using OperationProfile profile = device.StartProfile();
        Run(device, memory);
        ProfileShares shares = ProfileShares.Of(profile, device);
        Assert.Equal(profile.Seconds, shares.Seconds);
        Assert.Equal(shares.OperationSeconds, shares.Operations.Sum(o => o.Seconds), 1e-12);
        Assert.Equal(6, shares.Operations.Count);
        Assert.All(shares.Operations, row =>
        {
            bool arithmetic = row.Name.StartsWith("Linear", StringComparison.Ordinal) || row.Name.StartsWith("Attention", StringComparison.Ordinal);
            Assert.Equal(arithmetic ? "GFLOP/s" : "GB/s", row.Unit);
            Assert.Equal((arithmetic ? row.Operations : row.Bytes) / row.Seconds / 1e9, row.Rate, 1e-12 * row.Rate);
            Assert.Equal(row.Rate / (arithmetic ? shares.PeakGflops : shares.CopyGbps)!.Value, row.Share!.Value, 1e-12);
            Assert.Equal(row.Seconds / shares.Seconds, row.Part, 1e-12);
        });
    }

    [Fact]
    public void The_reference_device_has_times_and_no_shares()
    {
        using Device device = Device.Open("reference");
        using var memory = new Memory(device);
        using OperationProfile profile = device.StartProfile();
        Run(device, memory);
        ProfileShares shares = ProfileShares.Of(profile, device);
        Assert.Null(shares.PeakGflops);
        Assert.All(shares.Operations, row => Assert.Null(row.Share));
    }

    /// <summary>One operation of each kind of argument and result.</summary>
    private static double Run(Device device, Memory memory)
    {
        OperationSet operations = device.Operations;
        operations.LinearForward(memory.Output, memory.Input, memory.Weight);
        operations.LinearBackwardWeight(memory.Weight, default, memory.Output, memory.Input, GradientReduction.Sum, Rows);
        operations.AttentionForward(memory.Attended, default, memory.Output, memory.Output, memory.Output, new AttentionShape(2, Rows / 2, Heads, HeadSize, Causal: true));
        operations.LayerNormForward(memory.Output, default, default, memory.Attended, memory.Vector, memory.Vector, 1e-6f);
        operations.Adam(memory.Vector, memory.Output.Data.Slice(0, Outputs), memory.Moments.Slice(0, Outputs), memory.Moments.Slice(16, Outputs), new AdamSettings(0.1), 1);
        return operations.Sum(memory.Vector);
    }

    /// <summary>Operands with values that repeat.</summary>
    private sealed class Memory : IDisposable
    {
        private readonly DeviceBuffer _buffer;
        private int _used;

        public Memory(Device device)
        {
            _buffer = device.Allocate<float>(1024);
            float[] values = [.. Enumerable.Range(0, 1024).Select(i => MathF.Sin(i))];
            device.Upload<float>(values, _buffer.AsSpan<float>());
            Input = Next(Rows, Inputs);
            Weight = Next(Outputs, Inputs);
            Output = Next(Rows, Outputs);
            Attended = Next(Rows, Outputs);
            Vector = Next(1, Outputs).Data;
            Moments = Next(1, 32).Data;
            device.Operations.Fill(Moments, 0);
        }

        public Matrix Input { get; }

        public Matrix Weight { get; }

        public Matrix Output { get; }

        public Matrix Attended { get; }

        public DeviceSpan<float> Vector { get; }

        public DeviceSpan<float> Moments { get; }

        public float[] Values => _buffer.AsSpan<float>().ToHost();

        public void Dispose() => _buffer.Dispose();

        private Matrix Next(int rows, int columns)
        {
            var matrix = new Matrix(_buffer.AsSpan<float>().Slice(_used, rows * columns), rows, columns);
            _used += ((rows * columns) + 15) & ~15;
            return matrix;
        }
    }
}
