using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Models.Training;

/// <summary>The contiguous ranges of a layout that are trained, and those that keep their values. Gaps are zero and belong to either.</summary>
internal sealed class ParameterRanges
{
    public ParameterRanges(ParameterLayout layout, Func<string, bool>? frozen)
    {
        var trainable = new List<(long, long)>();
        var kept = new List<(long, long)>();
        long start = 0;
        bool? current = null;
        foreach (Parameter parameter in layout.Parameters)
        {
            bool isFrozen = frozen?.Invoke(parameter.Name) ?? false;
            if (current is { } before && before != isFrozen)
            {
                (before ? kept : trainable).Add((start, parameter.Offset - start));
                start = parameter.Offset;
            }

            current = isFrozen;
        }

        if (current is { } last) (last ? kept : trainable).Add((start, layout.Length - start));
        Trainable = [.. trainable];
        Frozen = [.. kept];
    }

    public (long Offset, long Length)[] Trainable { get; }

    public (long Offset, long Length)[] Frozen { get; }
}
