using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Tests.Support;

namespace MergeEngine.Tensors.Tests.Operations;

/// <summary>Patches, tokens, embeddings, pooling: copies are exact, single sums rounded once; sums over up to a few hundred rows in chains of sixteen stay within 4e-7.</summary>
internal static class TokenCases
{
    private const double SumBound = 4e-7;

    public static IEnumerable<OperationCase> All => Patches().Concat(Assembled()).Concat(Embeddings()).Concat(Pools());

    private static IEnumerable<OperationCase> Patches()
    {
        foreach (PatchShape shape in new PatchShape[] { new(1, 1, 1, 1, 1), new(3, 1, 28, 28, 7), new(2, 3, 32, 32, 16), new(2, 3, 19, 23, 4), new(1, 2, 5, 40, 5), new(2, 3, 36, 36, 17), new(2, 3, 64, 40, 8), new(2, 2, 17, 20, 4), new(70_000, 1, 2, 2, 2) })
        {
            int rows = shape.Batch * shape.PatchesPerImage;
            yield return new($"PatchesForward {shape}", 0, run =>
            {
                DeviceSpan<float> images = run.Normal(shape.Batch * shape.ImageLength);
                Matrix patches = run.OutputMatrix("patches", rows, shape.PatchLength, gap: shape.Patch % 4 == 0 ? 4 : 1);
                return () => run.Operations.PatchesForward(patches, images, shape);
            });
            yield return new($"PatchesBackward {shape}", 0, run =>
            {
                Matrix patches = run.NormalMatrix(rows, shape.PatchLength, gap: shape.Patch % 4 == 0 ? 4 : 2);
                DeviceSpan<float> images = run.Output("imageGradient", shape.Batch * shape.ImageLength);
                return () => run.Operations.PatchesBackward(images, patches, shape);
            });
        }
    }

    private static IEnumerable<OperationCase> Assembled()
    {
        foreach (var (batch, patches, prefix, start, width, gap) in new[]
            { (1, 1, 0, 0, 1, 1), (3, 16, 1, 0, 96, 1), (2, 5, 5, 5, 33, 1), (40, 4, 5, 1, 17, 1), (2, 3, 1, 1, 20, 1), (130, 3, 1, 0, 32, 4), (3, 2, 1, 0, 260, 4) })
        {
            int tokens = patches + prefix;
            string name = $"{batch}x{patches} patches after {prefix}, positions from {start}, width {width}";
            yield return new($"AssembleTokensForward {name}", 0, run =>
            {
                Matrix p = run.NormalMatrix(batch * patches, width, gap), first = prefix == 0 ? default : run.NormalMatrix(prefix, width);
                Matrix positions = run.NormalMatrix(tokens - start, width), hidden = run.OutputMatrix("hidden", batch * tokens, width, 2 * gap);
                return () => run.Operations.AssembleTokensForward(hidden, p, first, positions, start, batch);
            });
            foreach (GradientReduction reduction in Enum.GetValues<GradientReduction>())
            {
                foreach (bool frozen in new[] { false, true })
                {
                    yield return new($"AssembleTokensBackward {name} {reduction}{(frozen ? " frozen" : "")}", SumBound, run =>
                    {
                        Matrix dp = run.OutputMatrix("patchGradient", batch * patches, width, gap), dh = run.NormalMatrix(batch * tokens, width, 2 * gap);
                        Matrix first = prefix == 0 ? default : run.NormalMatrix(prefix, width), positions = run.NormalMatrix(tokens - start, width);
                        if (prefix > 0) run.Result("prefixGradient", first);
                        run.Result("positionGradient", positions);
                        return () => run.Operations.AssembleTokensBackward(dp, frozen ? default : first, frozen ? default : positions, dh, start, reduction, batch);
                    });
                }
            }
        }
    }

    private static IEnumerable<OperationCase> Embeddings()
    {
        foreach (var (rows, perSample, vocabulary, width, gap) in new[]
            { (1, 1, 1, 1, 1), (12, 4, 5, 33, 1), (60, 20, 3, 96, 1), (128, 128, 1000, 40, 1), (1024, 512, 2, 16, 1), (30, 1, 4, 100, 1), (200, 50, 30, 260, 4), (1500, 30, 1, 8, 4) })
        {
            string name = $"{rows} rows by {perSample} of {vocabulary} ids, width {width}";
            foreach (bool accumulate in new[] { false, true })
            {
                yield return new($"EmbeddingForward {name}{(accumulate ? " accumulating" : "")}", 0, run =>
                {
                    Matrix table = run.NormalMatrix(vocabulary, width, gap), hidden = accumulate ? run.NormalMatrix(rows, width, 2 * gap) : run.OutputMatrix(null, rows, width, 2 * gap);
                    DeviceSpan<int> ids = Ids(run, rows, vocabulary);
                    run.Result("hidden", hidden);
                    return () => run.Operations.EmbeddingForward(hidden, ids, table, accumulate);
                });
            }

            foreach (GradientReduction reduction in Enum.GetValues<GradientReduction>())
            {
                yield return new($"EmbeddingBackward {name} {reduction}", SumBound, run =>
                {
                    Matrix table = run.NormalMatrix(vocabulary, width, gap), gradient = run.NormalMatrix(rows, width, 2 * gap);
                    DeviceSpan<int> ids = Ids(run, rows, vocabulary);
                    run.Result("tableGradient", table);
                    return () => run.Operations.EmbeddingBackward(table, ids, gradient, reduction, perSample);
                });
            }
        }
    }

    private static IEnumerable<OperationCase> Pools()
    {
        foreach (var (batch, tokens, first, width, masked, gap) in new[]
            { (1, 1, 0, 1, false, 1), (4, 17, 1, 96, false, 1), (3, 5, 0, 33, true, 1), (2, 200, 5, 20, true, 1), (2, 3, 3, 7, false, 1), (2, 700, 1, 132, true, 4) })
        {
            string name = $"{batch}x{tokens} tokens from {first}, width {width}{(masked ? ", masked" : "")}";
            yield return new($"MeanPoolForward {name}", SumBound, run =>
            {
                Matrix hidden = run.NormalMatrix(batch * tokens, width, gap, mean: 1), output = run.OutputMatrix("output", batch, width, 2 * gap);
                DeviceSpan<int> mask = masked ? Mask(run, batch, tokens) : default;
                return () => run.Operations.MeanPoolForward(output, hidden, first, mask);
            });
            yield return new($"MeanPoolBackward {name}", SumBound, run =>
            {
                Matrix gradient = run.NormalMatrix(batch, width), hidden = run.OutputMatrix("hiddenGradient", batch * tokens, width, gap);
                DeviceSpan<int> mask = masked ? Mask(run, batch, tokens) : default;
                return () => run.Operations.MeanPoolBackward(hidden, gradient, first, mask);
            });
        }
    }

    private static DeviceSpan<int> Ids(OperationRun run, int rows, int vocabulary) =>
        run.Upload<int>([.. Enumerable.Range(0, rows).Select(_ => run.Random.Next(vocabulary))]);

    /// <summary>Nothing shown in the first sample.</summary>
    private static DeviceSpan<int> Mask(OperationRun run, int batch, int tokens) =>
        run.Upload<int>([.. Enumerable.Range(0, batch * tokens).Select(i => i < tokens ? 0 : run.Random.Next(2))]);
}
