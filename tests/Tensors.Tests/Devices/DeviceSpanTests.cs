namespace MergeEngine.Tensors.Tests.Devices;

/// <summary>Buffers, their windows, and matrices over them.</summary>
public sealed class DeviceSpanTests
{
    public static TheoryData<string> Devices => ["cpu", "reference"];

    [Theory]
    [MemberData(nameof(Devices))]
    public void A_buffer_is_zeroed_aligned_and_counted_until_it_is_disposed(string name)
    {
        using Device device = Device.Open(name, 1);
        DeviceBuffer buffer = device.Allocate<float>(1001);
        Assert.Equal(4004, device.AllocatedBytes);
        Assert.Equal(0, buffer.Address % 64);
        Assert.True(buffer.AsSpan<float>().HostSpan.IndexOfAnyExcept(0f) < 0);
        buffer.Dispose();
        buffer.Dispose();
        Assert.Equal(0, device.AllocatedBytes);
        using DeviceBuffer empty = device.Allocate<double>(0);
        Assert.Equal(0, empty.AsSpan<double>().Length);
    }

    [Fact]
    public void Values_survive_the_way_to_the_device_and_back()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer buffer = device.Allocate<float>(10);
        DeviceSpan<float> span = buffer.AsSpan<float>();
        device.Upload<float>([1, 2, 3], span.Slice(4));
        var back = new float[4];
        device.Download(span.Slice(3, 5), back);
        Assert.Equal([0, 1, 2, 3], back);
        Assert.Throws<ArgumentException>(() => device.Upload<float>([1, 2, 3], span.Slice(8)));
    }

    [Fact]
    public void The_start_of_a_span_too_long_for_the_host_is_read_and_written()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer buffer = device.Allocate<byte>(4);
        var endless = new DeviceSpan<byte>(buffer, 0, 1L << 40);
        device.Upload<byte>([5, 6, 7], endless);
        var back = new byte[4];
        device.Download(endless, back);
        Assert.Equal([5, 6, 7, 0], back);
        Assert.Throws<InvalidOperationException>(() => endless.HostSpan.Length);
    }

    [Fact]
    public void The_memory_of_a_disposed_buffer_cannot_be_reached()
    {
        using Device device = Device.Open("cpu", 1);
        DeviceBuffer buffer = device.Allocate<float>(10);
        DeviceSpan<float> span = buffer.AsSpan<float>();
        buffer.Dispose();
        Assert.Contains("buffer of 40 bytes on device 'cpu' has been disposed", Assert.Throws<ObjectDisposedException>(() => span.Address).Message, StringComparison.Ordinal);
        Assert.Throws<ObjectDisposedException>(() => span.HostSpan.Length);
        Assert.Throws<ObjectDisposedException>(() => device.Operations.Fill(span, 1));
        Assert.Throws<ObjectDisposedException>(() => device.Upload<float>([1], span));
    }

    [Fact]
    public void A_slice_is_a_window_of_the_same_memory_and_cannot_leave_it()
    {
        using Device device = Device.Open("cpu", 1);
        using DeviceBuffer buffer = device.Allocate<float>(10);
        DeviceSpan<float> span = buffer.AsSpan<float>();
        DeviceSpan<float> inner = span.Slice(2, 6).Slice(1, 3);
        Assert.Equal(span.Address + (3 * sizeof(float)), inner.Address);
        Assert.Equal(3, inner.Length);
        Assert.Equal(0, span.Slice(10).Length);
        Assert.Contains("[4, 11) leaves a span of 10", Assert.Throws<ArgumentOutOfRangeException>(() => span.Slice(4, 7)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => span.Slice(-1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => span.Slice(1, -2));
        Assert.Throws<ArgumentOutOfRangeException>(() => span.Slice(long.MaxValue, 1));
    }

    [Fact]
    public void A_span_that_was_not_given_has_no_memory()
    {
        DeviceSpan<float> none = default;
        Assert.True(none.IsNone);
        Assert.Equal(0, none.Length);
        Assert.Equal(0, none.Address);
        Assert.True(none.HostSpan.IsEmpty);
        Assert.Throws<InvalidOperationException>(() => none.Buffer);
    }

    [Fact]
    public void An_unknown_device_is_refused_with_those_that_are_known()
    {
        string message = Assert.Throws<ArgumentException>(() => Device.Open("abacus")).Message;
        Assert.Contains("'abacus'", message, StringComparison.Ordinal);
        Assert.Contains("cpu", message, StringComparison.Ordinal);
    }
}
