using MergeEngine.Merging.TensorMethods;
using MergeEngine.Tensors;

namespace MergeEngine.Merging.Tests.TensorMethods;

/// <summary>Memory that goes from one tensor's merge to the next: no more than the plan of memory says, and none left behind.</summary>
public sealed class WorkingMemoryTests
{
    private const long MiB = 1 << 20;

    [Fact]
    public void The_next_merge_of_that_size_gets_the_same_memory()
    {
        using Device device = Device.Open("cpu", 1);
        using var memory = new WorkingMemory(device, 8 * MiB);
        DeviceBuffer first = memory.Rent(4 * MiB), second = memory.Rent(4 * MiB);
        memory.Return(first);
        memory.Return(second);
        // The one that is likelier to be in a cache.
        Assert.Same(second, memory.Rent(4 * MiB));
        Assert.Same(first, memory.Rent(4 * MiB));
        memory.Return(first);
        memory.Return(second);
    }

    /// <summary>A merge is admitted for what it asks for; memory that is larger by a fifth would stand beside the plan.</summary>
    [Fact]
    public void A_merge_holds_hardly_more_than_it_asked_for()
    {
        using Device device = Device.Open("cpu", 1);
        using var memory = new WorkingMemory(device, 64 * MiB);
        memory.Return(memory.Rent(12 * MiB));
        foreach (long bytes in new[] { 10 * MiB, (11 * MiB) + (MiB / 2), 12 * MiB })
        {
            DeviceBuffer rented = memory.Rent(bytes);
            Assert.InRange(rented.ByteLength, bytes, bytes + (bytes / 32));
            memory.Return(rented);
        }
    }

    [Fact]
    public void What_nobody_uses_is_bounded_and_the_rest_is_given_back()
    {
        using Device device = Device.Open("cpu", 1);
        long before = device.AllocatedBytes;
        using (var memory = new WorkingMemory(device, 8 * MiB))
        {
            DeviceBuffer[] rented = [.. Enumerable.Range(1, 6).Select(i => memory.Rent(i * MiB))];
            Assert.Equal(21 * MiB, device.AllocatedBytes - before);
            foreach (DeviceBuffer buffer in rented) memory.Return(buffer);
            Assert.InRange(device.AllocatedBytes - before, 1, 8 * MiB);
            memory.Return(memory.Rent(9 * MiB));
            Assert.Equal(before, device.AllocatedBytes);
            memory.Return(memory.Rent(MiB));
        }

        Assert.Equal(before, device.AllocatedBytes);
    }
}
