using MergeEngine.Merging.Methods;

namespace MergeEngine.Merging.Analysis;

/// <summary>How alike two masks of one model are: those of two draws of exemplars, of gradients and zero-shot, of two ρ.</summary>
public static class MaskOverlap
{
    /// <summary>
    /// Jaccard index of the dropped coordinates, |A ∩ B| / |A ∪ B|; 1 where neither drops anything. Two independent masks that drop a
    /// share s of the live coordinates have about s / (2 − s).
    /// </summary>
    /// <exception cref="ArgumentException">The masks belong to different layouts.</exception>
    public static double Dropped(TrustRegionMask a, TrustRegionMask b)
    {
        if (!a.Layout.Equals(b.Layout)) throw new ArgumentException("The masks were made for models with other parameters.", nameof(b));
        const int Piece = 1 << 20;
        byte[] first = new byte[Math.Min(Piece, a.Layout.Length)], second = new byte[first.Length];
        long both = 0, either = 0;
        for (long at = 0; at < a.Layout.Length; at += first.Length)
        {
            int length = (int)Math.Min(first.Length, a.Layout.Length - at);
            a.Kept.Slice(at, length).Buffer.Device.Download(a.Kept.Slice(at, length), first.AsSpan(0, length));
            b.Kept.Slice(at, length).Buffer.Device.Download(b.Kept.Slice(at, length), second.AsSpan(0, length));
            for (int i = 0; i < length; i++)
            {
                both += (first[i] | second[i]) == 0 ? 1 : 0;
                either += (first[i] & second[i]) == 0 ? 1 : 0;
            }
        }

        return either == 0 ? 1 : (double)both / either;
    }
}
