using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Datasets;

/// <summary>
/// Texts in a safetensors file: <c>input_ids</c> [N, T] of an integer type, with <c>attention_mask</c> (0 for padding; all 1 if left out) and
/// <c>token_type_ids</c> (all 0 if left out) of the same shape.
/// </summary>
internal static class SafetensorsTexts
{
    private const string Ids = "input_ids", Mask = "attention_mask", Types = "token_type_ids";

    /// <summary>Rows that are read at a time.</summary>
    private const int Block = 1 << 16;

    /// <summary>True for the name of a split's ids, or of those of a file without splits.</summary>
    public static bool IsIds(string name) => name == Ids || name.EndsWith($".{Ids}", StringComparison.Ordinal);

    public static bool AreIn(SafetensorsFile file, string prefix) => file.TryGet($"{prefix}{Ids}", out _);

    /// <exception cref="ModelException">A tensor has another shape, or a row shows no token.</exception>
    /// <exception cref="SafetensorsException">A tensor has another dtype, or the file became shorter.</exception>
    public static TextSplit Read(SafetensorsFile file, string split, string prefix, bool labelsRequired)
    {
        TensorEntry ids = file[$"{prefix}{Ids}"];
        if (ids.Shape.Rank != 2 || ids.ElementCount == 0 || ids.Shape.Any(d => d > int.MaxValue))
            throw new ModelException($"{file.FilePath}: tensor \"{ids.Name}\" is {ids.Shape}, expected [texts, tokens].");
        TensorEntry? mask = Find(file, $"{prefix}{Mask}", ids), types = Find(file, $"{prefix}{Types}", ids);
        int[] labels = SafetensorsDataset.ReadLabels(file, prefix, ids.Shape[0], "text", labelsRequired);
        int columns = (int)ids.Shape[1], rows = Math.Max(1, Block / columns);
        int[] idBlock = new int[rows * columns], maskBlock = mask is null ? [] : new int[rows * columns], typeBlock = types is null ? [] : new int[rows * columns];
        var texts = new TokenTable();
        for (int first = 0; first < ids.Shape[0]; first += rows)
        {
            int some = (int)Math.Min(rows, ids.Shape[0] - first);
            file.ReadInt32(ids, (long)first * columns, idBlock.AsSpan(0, some * columns));
            if (mask is not null) file.ReadInt32(mask, (long)first * columns, maskBlock.AsSpan(0, some * columns));
            if (types is not null) file.ReadInt32(types, (long)first * columns, typeBlock.AsSpan(0, some * columns));
            for (int i = 0; i < some; i++)
            {
                ReadOnlySpan<int> shown = RowOf(maskBlock, i, columns);
                if (!shown.IsEmpty && shown.IndexOfAnyExceptInRange(0, 1) is >= 0 and int bad)
                    throw new ModelException($"{file.FilePath}: tensor \"{mask!.Name}\" holds {shown[bad]} in row {first + i}, expected 0 and 1.");
                if (!shown.IsEmpty && !shown.Contains(1)) throw new ModelException($"{file.FilePath}: tensor \"{mask!.Name}\" is 0 all over row {first + i}, expected a 1 for each token.");
                texts.Add(RowOf(idBlock, i, columns), RowOf(typeBlock, i, columns), shown);
            }
        }

        return new TextSplit(file.FilePath, split, texts, labels, columns);
    }

    private static ReadOnlySpan<int> RowOf(int[] block, int row, int columns) => block.Length == 0 ? default : block.AsSpan(row * columns, columns);

    private static TensorEntry? Find(SafetensorsFile file, string name, TensorEntry ids)
    {
        if (!file.TryGet(name, out TensorEntry? entry)) return null;
        if (entry.Shape != ids.Shape) throw new ModelException($"{file.FilePath}: tensor \"{name}\" is {entry.Shape}, expected {ids.Shape} as \"{ids.Name}\" is.");
        return entry;
    }
}
