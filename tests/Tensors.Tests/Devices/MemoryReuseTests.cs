using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Devices;

/// <summary>Of the whole process: no other test may take large blocks meanwhile.</summary>
[Collection(nameof(AloneCollection))]
public sealed unsafe class MemoryReuseTests
{
    private const long Bytes = 3 << 20;

    [Fact]
    public void A_freed_block_is_the_next_of_its_size_and_cleared_for_those_who_are_promised_zeros()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere the C library has the memory.");
        using var reuse = new MemoryReuse();
        nint working = HostMemory.Allocate(Bytes, 64, isReused: true), zeros = HostMemory.Allocate(Bytes, 64);
        new Span<byte>((void*)zeros, (int)Bytes).Fill(7);
        HostMemory.Free(working, Bytes, isReused: true);
        HostMemory.Free(zeros, Bytes);
        Assert.Equal(2 * Bytes, MemoryReuse.KeptBytes);
        Assert.Equal(working, HostMemory.Allocate(Bytes, 64, isReused: true));
        nint again = HostMemory.Allocate(Bytes, 64);
        Assert.Equal(zeros, again);
        Assert.False(new Span<byte>((void*)again, (int)Bytes).ContainsAnyExcept((byte)0));
        Assert.Equal(0, MemoryReuse.KeptBytes);
        HostMemory.Free(working, Bytes, isReused: true);
        HostMemory.Free(again, Bytes);
    }

    [Fact]
    public void What_is_kept_and_what_is_in_use_are_never_more_than_was_in_use_before()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere the C library has the memory.");
        using (new MemoryReuse())
        {
            nint one = HostMemory.Allocate(Bytes, 64), two = HostMemory.Allocate(Bytes, 64);
            HostMemory.Free(one, Bytes);
            HostMemory.Free(two, Bytes);
            Assert.Equal(2 * Bytes, MemoryReuse.KeptBytes);
            // Twice a size is as much as was there, and half as much again leaves room for one of the two blocks.
            nint half = HostMemory.Allocate(Bytes / 2, 64);
            Assert.Equal(Bytes, MemoryReuse.KeptBytes);
            nint twice = HostMemory.Allocate(2 * Bytes, 64);
            Assert.Equal(0, MemoryReuse.KeptBytes);
            HostMemory.Free(half, Bytes / 2);
            HostMemory.Free(twice, 2 * Bytes);
            Assert.Equal(5 * Bytes / 2, MemoryReuse.KeptBytes);
        }

        Assert.Equal(0, MemoryReuse.KeptBytes);
    }

    [Fact]
    public void A_block_that_could_not_be_had_was_never_in_use()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere the C library has the memory.");
        using var reuse = new MemoryReuse();
        nint block = HostMemory.Allocate(Bytes, 64);
        // More than there are addresses.
        Assert.Equal(0, HostMemory.Allocate(1L << 60, 64));
        HostMemory.Free(block, Bytes);
        Assert.Equal(Bytes, MemoryReuse.KeptBytes);
        nint half = HostMemory.Allocate(Bytes / 2, 64);
        Assert.Equal(0, MemoryReuse.KeptBytes);
        HostMemory.Free(half, Bytes / 2);
    }

    [Fact]
    public void Without_one_of_these_nothing_is_kept()
    {
        HostMemory.Free(HostMemory.Allocate(Bytes, 64, isReused: true), Bytes, isReused: true);
        Assert.Equal(0, MemoryReuse.KeptBytes);
    }
}
