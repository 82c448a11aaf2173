using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Memory;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>Copies through page-locked memory: spans, and pieces that are filled and read one after another.</summary>
public sealed class CopyTests
{
    /// <summary>Two buffers and a half: the first is filled again, the last piece is short.</summary>
    private const int Long = (Staging.MostBytes / 4 * 5 / 2) + 3;

    public static TheoryData<string> Devices => [.. DeviceCases.Kinds];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Pieces_come_in_order_and_without_a_gap(string name)
    {
        using Device device = DeviceCases.Open(name, 1);
        using DeviceBuffer buffer = device.Allocate<int>(Long);
        DeviceSpan<int> span = buffer.AsSpan<int>();
        var filled = new List<(long First, int Length)>();
        device.Upload(span, filled, static (piece, first, seen) =>
        {
            for (int i = 0; i < piece.Length; i++) piece[i] = (int)(first + i) * 7;
            seen.Add((first, piece.Length));
        });
        var read = new List<(long First, int Length)>();
        int wrong = 0;
        device.Download(span, 0, (ReadOnlySpan<int> piece, long first, int _) =>
        {
            for (int i = 0; i < piece.Length; i++) wrong += piece[i] == (int)(first + i) * 7 ? 0 : 1;
            read.Add((first, piece.Length));
        });
        const int Piece = Staging.MostBytes / 4;
        Assert.Equal(0, wrong);
        Assert.Equal([(0, Piece), (Piece, Piece), (2 * Piece, Long - (2 * Piece))], filled);
        Assert.Equal(filled, read);
    }

    [Fact]
    public void Long_spans_arrive_whole()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(Long + 5);
        var values = new int[Long];
        for (int i = 0; i < values.Length; i++) values[i] = i ^ 0x55;
        device.Upload<int>(values, buffer.AsSpan<int>());
        var found = new int[Long];
        device.Download(buffer.AsSpan<int>(), found);
        Assert.Equal(values, found);
        Assert.Equal([0, 0, 0, 0, 0], buffer.AsSpan<int>().Slice(Long).ToHost());
    }

    [Fact]
    public void The_source_of_an_upload_may_change_at_once()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(1000);
        var values = new int[10];
        for (int i = 0; i < 100; i++)
        {
            values.AsSpan().Fill(i);
            device.Upload<int>(values, buffer.AsSpan<int>().Slice(i * 10, 10));
        }

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => i / 10), buffer.AsSpan<int>().ToHost());
    }

    [Fact]
    public void A_callback_that_throws_leaves_the_device_as_it_was()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(Long);
        DeviceSpan<int> span = buffer.AsSpan<int>();
        Assert.Throws<IOException>(() => device.Upload(span, 0, static (piece, first, _) =>
        {
            piece.Fill(3);
            if (first > 0) throw new IOException("the disk is gone");
        }));
        Assert.Throws<IOException>(() => device.Download(span, 0, static (_, _, _) => throw new IOException("the disk is full")));
        Assert.Equal([3, 3], span.Slice(0, 2).ToHost());
        Assert.Equal([0], span.Slice(Long - 1, 1).ToHost());
        device.Upload<int>([8], span);
        Assert.Equal([8], span.Slice(0, 1).ToHost());
    }

    [Fact]
    public void Copies_allocate_nothing()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(100_000);
        var values = new int[100_000];
        void Copy()
        {
            device.Upload<int>(values, buffer.AsSpan<int>());
            device.Download(buffer.AsSpan<int>(), values);
            device.Download(buffer.AsSpan<int>(), values.AsSpan(0, 3));
            device.Upload(buffer.AsSpan<int>(), values, static (piece, first, from) => from.AsSpan((int)first, piece.Length).CopyTo(piece));
        }

        for (int i = 0; i < 3; i++) Copy();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 3; i++) Copy();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Copies_say_what_does_not_fit_and_whose_memory_it_is()
    {
        using CudaDevice device = CudaUnderTest.Open(), other = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(2);
        DeviceSpan<int> span = buffer.AsSpan<int>();
        Assert.Contains("3 elements do not fit a device span of 2", Assert.Throws<ArgumentException>(() => device.Upload<int>([1, 2, 3], span)).Message, StringComparison.Ordinal);
        Assert.Contains("3 elements do not fit a device span of 2", Assert.Throws<ArgumentException>(() => device.Download(span, new int[3])).Message, StringComparison.Ordinal);
        Assert.Contains("the copy was asked of", Assert.Throws<ArgumentException>(() => other.Upload<int>([1], span)).Message, StringComparison.Ordinal);
        Assert.Contains("the copy was asked of", Assert.Throws<ArgumentException>(() => other.Download(span, 0, static (_, _, _) => { })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pieces_are_refused_inside_recorded_work()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate<int>(2);
        using WorkReplay replay = device.CreateReplay();
        DeviceSpan<int> span = buffer.AsSpan<int>();
        string message = Assert.Throws<InvalidOperationException>(() => replay.Run((device, span), static s => s.device.Upload(s.span, 0, static (_, _, _) => { }))).Message;
        Assert.Contains("An upload in pieces is not possible", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_copied_from_an_empty_span()
    {
        using CudaDevice device = CudaUnderTest.Open();
        using DeviceBuffer buffer = device.Allocate(0);
        device.Upload(buffer.AsSpan<int>(), 0, static (_, _, _) => Assert.Fail("called"));
        device.Download(buffer.AsSpan<int>(), 0, static (_, _, _) => Assert.Fail("called"));
        device.Upload<int>([], buffer.AsSpan<int>());
        device.Download(buffer.AsSpan<int>(), []);
        Assert.Equal(0, device.PinnedBytes);
    }
}
