namespace MergeEngine.Merging.Vocabularies.Rows;

/// <summary>For one model: where each row of the output's vocabulary comes from.</summary>
/// <param name="model">Index of the model.</param>
/// <param name="origins">One for each id; rows behind them are filling.</param>
/// <param name="owners">For each model the row of each id, −1 where it does not have the token or the tensor: what means are taken over.</param>
/// <param name="rows">Rows of the output.</param>
internal sealed class RowMap(int model, RowOrigin[] origins, IReadOnlyList<int[]?> owners, long rows)
{
    public int Model => model;

    /// <summary>Rows of the output.</summary>
    public long Rows => rows;

    /// <summary>Rows that are the mean of the others.</summary>
    public long Fillings { get; } = rows - origins.Length + origins.LongCount(o => o.Model == RowOrigin.FillingModel);

    /// <summary>Whether every row stays where it is, but for rows behind the last.</summary>
    public bool IsIdentity { get; } = rows == origins.Length && origins.Index().All(o => o.Item == new RowOrigin(model, o.Index));

    /// <summary>The origin of a row, and how many rows from it on follow each other there.</summary>
    public (RowOrigin Origin, int Count) RunAt(long row, int most)
    {
        if (row >= origins.Length) return (RowOrigin.Filling, (int)Math.Min(most, rows - row));
        int first = (int)row, count = 1;
        RowOrigin origin = origins[first];
        // Means are taken row by row.
        int step = origin.Model >= 0 ? 1 : 0;
        while (count < most && first + count < origins.Length && origin.Model != RowOrigin.MeanModel && origins[first + count] == new RowOrigin(origin.Model, origin.Row + (count * step))) count++;
        return (origin, count);
    }

    /// <summary>The rows whose mean a row is.</summary>
    public IEnumerable<RowOrigin> OwnersOf(long row)
    {
        for (int m = 0; m < owners.Count; m++)
        {
            if (owners[m] is { } ids && ids[row] >= 0) yield return new RowOrigin(m, ids[row]);
        }
    }

    /// <summary>Rows that are read of each model, those of means among them.</summary>
    public long[] RowsRead()
    {
        long[] read = new long[owners.Count];
        for (int r = 0; r < origins.Length; r++)
        {
            if (origins[r].Model >= 0) read[origins[r].Model]++;
            else if (origins[r].Model == RowOrigin.MeanModel)
            {
                foreach (RowOrigin owner in OwnersOf(r)) read[owner.Model]++;
            }
        }

        return read;
    }
}
