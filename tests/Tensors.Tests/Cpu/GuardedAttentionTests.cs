using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Tests.Cpu;

/// <summary>Attention, losses and pooling with each of their arrays at the very end of accessible memory, of sizes about those of vectors and tiles: nothing reads or writes beyond them.</summary>
public sealed unsafe class GuardedAttentionTests
{
    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    /// <summary>From one token to more than a block of query rows; a head to a lane up to 24 tokens.</summary>
    [Theory]
    [MemberData(nameof(Levels))]
    public void Attention_stays_within_its_matrices(SimdLevel level)
    {
        Assert.SkipUnless(GuardedMemory.IsAvailable, "Pages without access are set up by Linux's own calls.");
        using var device = new CpuDevice(2, level);
        int[] tokens = [1, 2, 7, 16, 17, 23, 24, 25, 65], sizes = [1, 7, 16, 24, 33, 80, 128];
        int trial = 0;
        foreach (int t in tokens)
        {
            foreach (int size in sizes)
            {
                // More heads than a vector has lanes, and fewer.
                int heads = trial % 3 == 0 ? 1 : trial % 3 == 1 ? 3 : 17;
                Check(device, new AttentionShape(2, t, heads, size, Causal: trial % 2 == 0), masked: trial % 4 < 2);
                trial++;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Losses_and_pooling_stay_within_their_matrices(SimdLevel level)
    {
        Assert.SkipUnless(GuardedMemory.IsAvailable, "Pages without access are set up by Linux's own calls.");
        using var device = new CpuDevice(2, level);
        for (int columns = 1; columns < 40; columns++)
        {
            const int Rows = 6;
            using GuardedMemory input = new(Rows * columns, 1), output = new(Rows * columns, 2), values = new(Rows, 3), pooled = new(2 * columns, 4), labels = new(Rows, 5);
            new Span<float>(labels.Values, Rows).Clear();
            Matrix logits = Of(device, input, Rows, columns), gradient = Of(device, output, Rows, columns);
            device.Operations.CrossEntropy(Span<float>(device, values, Rows), gradient, logits, Span<int>(device, labels, Rows), 1);
            device.Operations.Entropy(Span<float>(device, values, Rows), gradient, logits, 1);
            device.Operations.MeanPoolForward(Of(device, pooled, 2, columns), logits);
            Assert.True(float.IsFinite(output.Values[(Rows * columns) - 1]) && float.IsFinite(values.Values[Rows - 1]) && float.IsFinite(pooled.Values[(2 * columns) - 1]));
        }
    }

    private static void Check(CpuDevice device, AttentionShape shape, bool masked)
    {
        int length = shape.Rows * shape.Width, scores = (int)shape.ScoreRows;
        using GuardedMemory q = new(length, 1), k = new(length, 2), v = new(length, 3), g = new(length, 4), o = new(length, 5), dq = new(length, 6), dk = new(length, 7);
        using GuardedMemory dv = new(length, 8), logSums = new(scores, 9), mask = new(shape.Rows, 10);
        for (int r = 0; r < shape.Rows; r++) ((int*)mask.Values)[r] = r % shape.Tokens == 0 ? 1 : r % 3;
        DeviceSpan<int> seen = masked ? Span<int>(device, mask, shape.Rows) : default;
        Matrix M(GuardedMemory memory) => Of(device, memory, shape.Rows, shape.Width);
        device.Operations.AttentionForward(M(o), Span<float>(device, logSums, scores), M(q), M(k), M(v), shape, seen);
        device.Operations.AttentionBackward(M(dq), M(dk), M(dv), M(g), M(o), Span<float>(device, logSums, scores), M(q), M(k), M(v), shape, seen);
        foreach (GuardedMemory result in new[] { o, dq, dk, dv }) Assert.All(new Span<float>(result.Values, length).ToArray(), x => Assert.True(float.IsFinite(x)));
    }

    private static Matrix Of(CpuDevice device, GuardedMemory memory, int rows, int columns) => new(Span<float>(device, memory, rows * columns), rows, columns);

    private static DeviceSpan<T> Span<T>(CpuDevice device, GuardedMemory memory, int length)
        where T : unmanaged => new Window(device, (nint)memory.Values, (long)length * sizeof(T)).AsSpan<T>();

    /// <summary>Memory of a test as a device's; whoever made it gives it back.</summary>
    private sealed class Window(Device device, nint address, long byteLength) : DeviceBuffer(device, address, byteLength)
    {
        protected override void Free(nint address)
        {
        }
    }
}
