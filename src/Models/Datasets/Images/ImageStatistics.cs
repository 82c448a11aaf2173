namespace MergeEngine.Models.Datasets.Images;

/// <summary>What reading every image of a split finds.</summary>
/// <param name="Readable">Images that were decoded.</param>
/// <param name="Smallest">Least height and least width of them, which need not be one image's.</param>
/// <param name="Largest">Greatest height and greatest width.</param>
/// <param name="Faults">A sentence for each file that cannot be read, in the order of the samples.</param>
public sealed record ImageStatistics(int Readable, (int Height, int Width) Smallest, (int Height, int Width) Largest, IReadOnlyList<string> Faults)
{
    /// <summary>Decodes all images of a split, several at a time.</summary>
    /// <param name="split">The images.</param>
    /// <param name="done">Told how many samples were read so far, on several threads at once: the numbers come in no certain order.</param>
    /// <param name="cancellation">Checked before every image.</param>
    public static ImageStatistics Of(ImageFileSplit split, Action<int>? done = null, CancellationToken cancellation = default)
    {
        var sizes = new (int Height, int Width)[split.Count];
        var faults = new string?[split.Count];
        int count = 0;
        Parallel.For(0, split.Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation }, i =>
        {
            try
            {
                ImageFile.Read(split.PathOf(i), image => sizes[i] = (image.Height, image.Width));
            }
            catch (ModelException e)
            {
                faults[i] = e.Message;
            }

            done?.Invoke(Interlocked.Increment(ref count));
        });
        (int Height, int Width)[] read = [.. sizes.Where(size => size.Height > 0)];
        if (read.Length == 0) return new ImageStatistics(0, default, default, [.. faults.OfType<string>()]);
        return new ImageStatistics(
            read.Length, (read.Min(size => size.Height), read.Min(size => size.Width)), (read.Max(size => size.Height), read.Max(size => size.Width)), [.. faults.OfType<string>()]);
    }
}
