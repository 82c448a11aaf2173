using MergeEngine.Merging.Methods;
using MergeEngine.Merging.Serving;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Serving;

/// <summary>A mixture is the merge of task arithmetic at every moment, and each reader's is one that was set, whole.</summary>
public sealed class TaskMixtureTests
{
    private static readonly float[] First = [0.3f, -0.1f, 0.5f], Second = [0f, 1f, 0.25f];

    public static TheoryData<string> Devices() => [.. DeviceCases.Names];

    public static TheoryData<string, bool> DevicesUnpacked() => [.. DeviceCases.Names.Select(name => (name, false))];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Every_mixture_is_the_merge_of_task_arithmetic_bit_for_bit(string device)
    {
        using var models = new MixtureModels(device);
        using var mixture = new TaskMixture(models.Vectors, First);
        float[][] settings = [First, Second, [0, 0, 0], [1e-3f, -2, 3e5f], First];
        for (int i = 0; i < settings.Length; i++)
        {
            if (i > 0) mixture.SetCoefficients(settings[i]);
            using MixtureUse use = mixture.Use();
            Assert.Equal(i, use.Version);
            Assert.Equal(settings[i], use.Coefficients);
            Assert.Equal(models.MergedBits(settings[i]), MixtureModels.Bits(use.Parameters));
        }
    }

    [Fact]
    public void It_begins_as_the_base_or_with_one_coefficient_for_all()
    {
        using var models = new MixtureModels("cpu");
        using var plain = new TaskMixture(models.Vectors);
        using var even = new TaskMixture(models.Vectors, 0.25f);
        using (MixtureUse use = plain.Use()) Assert.Equal(models.MergedBits([0, 0, 0]), MixtureModels.Bits(use.Parameters));
        using (MixtureUse use = even.Use()) Assert.Equal(models.MergedBits([0.25f, 0.25f, 0.25f]), MixtureModels.Bits(use.Parameters));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_reader_keeps_the_vector_that_it_began_with(string device)
    {
        using var models = new MixtureModels(device);
        using var mixture = new TaskMixture(models.Vectors, First);
        using MixtureUse before = mixture.Use();
        mixture.SetCoefficients(Second);
        using MixtureUse after = mixture.Use();
        Assert.Equal(models.MergedBits(First), MixtureModels.Bits(before.Parameters));
        Assert.Equal(models.MergedBits(Second), MixtureModels.Bits(after.Parameters));
        Assert.Equal(First, before.Coefficients);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("cuda under test")]
    public async Task Readers_see_only_mixtures_that_were_set_while_writers_take_turns(string device)
    {
        using var models = new MixtureModels(device == "cpu" ? device : CudaUnderTest.Name);
        using var mixture = new TaskMixture(models.Vectors, First);
        int[] first = models.MergedBits(First), second = models.MergedBits(Second);
        int wrong = 0, readings = 0, seenFirst = 0, seenSecond = 0, reading = 3;
        Task[] readers =
        [
            .. Enumerable.Range(0, reading).Select(_ => Task.Run(
                () =>
                {
                    try
                    {
                        for (int i = 0; i < 20_000 && (i < 300 || Volatile.Read(ref seenFirst) == 0 || Volatile.Read(ref seenSecond) == 0); i++)
                        {
                            using MixtureUse use = mixture.Use();
                            bool isFirst = use.Coefficients.SequenceEqual(First);
                            if (!isFirst && !use.Coefficients.SequenceEqual(Second)) Interlocked.Increment(ref wrong);
                            if (!MixtureModels.Bits(use.Parameters).AsSpan().SequenceEqual(isFirst ? first : second)) Interlocked.Increment(ref wrong);
                            Interlocked.Increment(ref isFirst ? ref seenFirst : ref seenSecond);
                            Interlocked.Increment(ref readings);
                        }
                    }
                    finally
                    {
                        Interlocked.Decrement(ref reading);
                    }
                },
                TestContext.Current.CancellationToken)),
        ];
        Task[] writers =
        [
            .. new[] { First, Second }.Select(coefficients => Task.Run(
                () =>
                {
                    while (Volatile.Read(ref reading) > 0) mixture.SetCoefficients(coefficients);
                },
                TestContext.Current.CancellationToken)),
        ];
        await Task.WhenAll([.. readers, .. writers]);
        Assert.Equal(0, wrong);
        Assert.True(readings >= 900 && seenFirst > 0 && seenSecond > 0, $"{readings} readings: {seenFirst} of the first mixture, {seenSecond} of the second.");
    }

    [Fact]
    public void Packed_mixtures_are_packed_again_at_every_switch()
    {
        using var models = new MixtureModels("cpu");
        using var mixture = new TaskMixture(models.Vectors, First);
        mixture.Pack(vector => vector.Pack(vector.Layout.Parameters));
        foreach (float[] coefficients in new[] { First, Second, First })
        {
            mixture.SetCoefficients(coefficients);
            using MixtureUse use = mixture.Use();
            // The product of a weight with the identity is its transpose.
            Parameter weight = use.Parameters.Layout.Parameters[0];
            Matrix values = use.Parameters.Matrix(weight.Name);
            Assert.True(use.Parameters.Packed!.TryGet(weight, out PackedWeight packed));
            using DeviceBuffer identity = models.Device.Allocate<float>((long)values.Columns * values.Columns), product = models.Device.Allocate<float>((long)values.Columns * values.Rows);
            for (int i = 0; i < values.Columns; i++) identity.AsSpan<float>().HostSpan[i * (values.Columns + 1)] = 1;
            models.Device.Operations.LinearForward(
                new Matrix(product.AsSpan<float>(), values.Columns, values.Rows), new Matrix(identity.AsSpan<float>(), values.Columns, values.Columns), packed);
            Span<float> expected = values.Data.HostSpan, actual = product.AsSpan<float>().HostSpan;
            for (int i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[(i % values.Columns * values.Rows) + (i / values.Columns)]);
        }
    }

    /// <summary>Another service on the same mixture packs what this one reads at that moment: the same values, each written once.</summary>
    [Fact]
    public async Task Readers_of_packed_mixtures_see_whole_ones_while_others_switch_and_pack()
    {
        using var models = new MixtureModels("cpu");
        using var mixture = new TaskMixture(models.Vectors, First);
        mixture.Pack(PackAll);
        byte[] first = Packed();
        mixture.SetCoefficients(Second);
        byte[] second = Packed();
        Assert.NotEqual(first, second);
        int wrong = 0, reading = 2;
        Task[] readers =
        [
            .. Enumerable.Range(0, reading).Select(_ => Task.Run(
                () =>
                {
                    for (int i = 0; i < 2000; i++)
                    {
                        using MixtureUse use = mixture.Use();
                        if (!PackedOf(use).SequenceEqual(use.Coefficients.SequenceEqual(First) ? first : second)) Interlocked.Increment(ref wrong);
                    }

                    Interlocked.Decrement(ref reading);
                },
                TestContext.Current.CancellationToken)),
        ];
        Task[] others =
        [
            .. new Action[] { () => mixture.SetCoefficients(First), () => mixture.SetCoefficients(Second), () => mixture.Pack(PackAll) }.Select(work => Task.Run(
                () =>
                {
                    while (!readers.All(reader => reader.IsCompleted)) work();
                },
                TestContext.Current.CancellationToken)),
        ];
        await Task.WhenAll([.. readers, .. others]);
        Assert.Equal((0, 0), (wrong, reading));

        byte[] Packed()
        {
            using MixtureUse use = mixture.Use();
            return PackedOf(use).ToArray();
        }

        static void PackAll(ParameterVector vector) => vector.Pack(vector.Layout.Parameters);

        static ReadOnlySpan<byte> PackedOf(MixtureUse use)
        {
            // The longest, so that a torn one would show.
            Assert.True(use.Parameters.Packed!.TryGet(use.Parameters.Layout.Parameters.MaxBy(parameter => parameter.Length)!, out PackedWeight packed));
            return packed.Data.HostSpan;
        }
    }

    [Theory]
    [InlineData("cpu", true)]
    [MemberData(nameof(DevicesUnpacked))]
    public void A_switch_allocates_nothing(string device, bool pack)
    {
        using var models = new MixtureModels(device);
        using var mixture = new TaskMixture(models.Vectors, First);
        if (pack) mixture.Pack(vector => vector.Pack(vector.Layout.Parameters));
        Switch(mixture, 50);
        long memory = models.Device.AllocatedBytes, before = GC.GetAllocatedBytesForCurrentThread();
        Switch(mixture, 50);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(memory, models.Device.AllocatedBytes);

        static void Switch(TaskMixture mixture, int times)
        {
            for (int i = 0; i < times; i++)
            {
                mixture.SetCoefficients(i % 2 == 0 ? First : Second);
                using MixtureUse use = mixture.Use();
            }
        }
    }

    [Fact]
    public async Task A_switch_waits_for_the_readers_of_the_vector_that_it_needs_and_can_be_cancelled_meanwhile()
    {
        using var models = new MixtureModels("cpu");
        using var mixture = new TaskMixture(models.Vectors, First);
        using var reads = new ManualResetEventSlim();
        using var mayEnd = new ManualResetEventSlim();
        Task reader = Task.Run(() => Read(mixture, reads, mayEnd), TestContext.Current.CancellationToken);
        reads.Wait(TestContext.Current.CancellationToken);
        mixture.SetCoefficients(Second);
        using (var stop = new CancellationTokenSource(30))
        {
            Assert.Throws<OperationCanceledException>(() => mixture.SetCoefficients([1, 1, 1], stop.Token));
        }

        using (MixtureUse use = mixture.Use()) Assert.Equal(Second, use.Coefficients);
        Task switching = Task.Run(() => mixture.SetCoefficients([2, 2, 2]), TestContext.Current.CancellationToken);
        Assert.False(reader.IsCompleted || switching.IsCompleted);
        mayEnd.Set();
        await Task.WhenAll(reader, switching);
        using (MixtureUse use = mixture.Use()) Assert.Equal([2, 2, 2], use.Coefficients);

        static void Read(TaskMixture mixture, ManualResetEventSlim reads, ManualResetEventSlim mayEnd)
        {
            using MixtureUse use = mixture.Use();
            reads.Set();
            mayEnd.Wait();
        }
    }

    [Fact]
    public void Wrong_coefficients_are_refused_and_change_nothing()
    {
        using var models = new MixtureModels("cpu");
        Refused("2 coefficients were given for the 3 tasks of a mixture, expected one for each.", () => new TaskMixture(models.Vectors, 1, 2).Dispose());
        Refused("The coefficient of 'a' is NaN, expected a finite number.", () => new TaskMixture(models.Vectors, float.NaN).Dispose());
        using var mixture = new TaskMixture(models.Vectors, First);
        Refused("4 coefficients were given for the 3 tasks of a mixture, expected one for each.", () => mixture.SetCoefficients([1, 2, 3, 4]));
        Refused("The coefficient of 'c' is Infinity, expected a finite number.", () => mixture.SetCoefficients([1, 2, float.PositiveInfinity]));
        using MixtureUse use = mixture.Use();
        Assert.Equal(First, use.Coefficients);
        Assert.Equal(0, use.Version);
    }

    [Fact]
    public void A_disposed_mixture_serves_nobody()
    {
        using var models = new MixtureModels("cpu");
        var mixture = new TaskMixture(models.Vectors, First);
        mixture.Dispose();
        mixture.Dispose();
        Assert.Contains("The mixture has been disposed.", Assert.Throws<ObjectDisposedException>(() => mixture.SetCoefficients(Second)).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => mixture.CopyCoefficients(new float[3]));
    }

    private static void Refused(string message, Action action) =>
        Assert.StartsWith(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);

    /// <summary>A base and three task vectors, and what task arithmetic makes of them.</summary>
    private sealed class MixtureModels : IDisposable
    {
        private readonly RandomModels _models;

        public MixtureModels(string device)
        {
            // More than one chunk of the threads' work, so that a torn mixture would show.
            _models = new RandomModels(5, tasks: 3, device, 7, 33, 50_000, 1, 130);
            Vectors = TaskVectors.FromModels("base", _models.Base, [new("a", _models.Vectors[0]), new("b", _models.Vectors[1]), new("c", _models.Vectors[2])]);
        }

        public TaskVectors Vectors { get; }

        public Tensors.Device Device => _models.Device;

        public static int[] Bits(ParameterVector vector) => Array.ConvertAll(vector.Values.ToHost(), BitConverter.SingleToInt32Bits);

        public int[] MergedBits(float[] coefficients)
        {
            using ParameterVector merged = Vectors.Merge(new TaskArithmetic(new Coefficients(Array.ConvertAll(coefficients, c => (double)c))));
            return Bits(merged);
        }

        public void Dispose()
        {
            Vectors.Dispose();
            _models.Dispose();
        }
    }
}
