using MergeEngine.Merging.TensorMethods.TaskVectors;

namespace MergeEngine.Merging.Tests.TensorMethods;

public sealed class MaskBitsTests
{
    /// <summary>Pieces of any length, in any order, at any place: each comes back, and bits beside it stay.</summary>
    [Fact]
    public void Pieces_come_back_from_any_place()
    {
        const int length = 10_003;
        var random = new Random(3);
        byte[] mask = [.. Enumerable.Range(0, length).Select(_ => (byte)random.Next(2))], bits = new byte[MaskBits.Bytes(length)], found = new byte[length];
        random.NextBytes(bits);
        var pieces = new List<(int First, int Length)>();
        for (int first = 0, piece; first < length; first += piece) pieces.Add((first, piece = Math.Min(random.Next(1, 300), length - first)));
        foreach ((int first, int piece) in pieces.OrderBy(p => p.Length)) MaskBits.Pack(mask.AsSpan(first, piece), bits, first);
        for (int i = 0; i < length; i++) Assert.Equal(mask[i], (bits[i / 8] >> (i % 8)) & 1);
        foreach ((int first, int piece) in pieces) MaskBits.Unpack(bits, found.AsSpan(first, piece), first);
        Assert.Equal(mask, found);
        MaskBits.Unpack(bits, found, 0);
        Assert.Equal(mask, found);
    }
}
