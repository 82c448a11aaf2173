namespace MergeEngine.Models.Datasets.Images;

/// <summary>
/// Which pixels of a line each pixel of a resized line is made of, and with which weights, in fixed point with 22 bits behind the point: Pillow's
/// arithmetic for images of bytes (libImaging/Resample.c), so that results are its own to the last bit.
/// </summary>
internal sealed class ResampleWeights
{
    /// <summary>Of a 32-bit sum: 8 for the value, 2 for its sign and what overshoots.</summary>
    public const int FractionBits = 32 - 8 - 2;

    private readonly (int First, int Count)[] _ranges;
    private readonly int[] _weights;
    private readonly int _stride;

    /// <param name="filter">Not <see cref="ResampleFilter.Nearest"/>.</param>
    /// <param name="from">Pixels of the line.</param>
    /// <param name="to">Pixels of the resized line.</param>
    /// <param name="first">The first pixel of the resized line that is wanted.</param>
    /// <param name="count">How many are wanted.</param>
    public ResampleWeights(ResampleFilter filter, int from, int to, int first, int count)
    {
        double scale = (double)from / to, filterScale = Math.Max(scale, 1), support = filter.Support() * filterScale;
        _stride = ((int)Math.Ceiling(support) * 2) + 1;
        _ranges = new (int, int)[count];
        _weights = new int[checked(count * _stride)];
        Span<double> values = _stride <= 256 ? stackalloc double[_stride] : new double[_stride];
        for (int i = 0; i < count; i++)
        {
            double center = (first + i + 0.5) * scale, inverse = 1 / filterScale, sum = 0;
            int start = Math.Max(0, (int)(center - support + 0.5)), end = Math.Min(from, (int)(center + support + 0.5));
            for (int x = start; x < end; x++) sum += values[x - start] = filter.At((x - center + 0.5) * inverse);
            for (int x = 0; x < end - start; x++)
            {
                double weight = (sum != 0 ? values[x] / sum : values[x]) * (1 << FractionBits);
                _weights[(i * _stride) + x] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }

            _ranges[i] = (start, end - start);
        }
    }

    /// <summary>Wanted pixels.</summary>
    public int Count => _ranges.Length;

    /// <summary>The first source pixel of a wanted pixel.</summary>
    public int First(int index) => _ranges[index].First;

    /// <summary>The weights of a wanted pixel's source pixels from <see cref="First"/> on.</summary>
    public ReadOnlySpan<int> Of(int index) => _weights.AsSpan(index * _stride, _ranges[index].Count);

    /// <summary>The source pixel behind the last one that a wanted pixel is made of.</summary>
    public int End => _ranges[^1].First + _ranges[^1].Count;
}
