namespace MergeEngine.Merging.Analysis;

/// <summary>A number for every pair of tasks.</summary>
/// <param name="Title">What the numbers are.</param>
/// <param name="BaseName">The model that the task vectors are measured from: the numbers depend on it.</param>
/// <param name="Names">The tasks, for rows and columns.</param>
/// <param name="Values">[row, column].</param>
public sealed record TaskMatrix(string Title, string BaseName, IReadOnlyList<string> Names, double[,] Values)
{
    public double this[int row, int column] => Values[row, column];

    /// <summary>Mean of the entries with row ≠ column; NaN for one task.</summary>
    public double OffDiagonalMean
    {
        get
        {
            int n = Names.Count;
            double sum = 0;
            for (int i = 0; i < n; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    if (i != j) sum += Values[i, j];
                }
            }

            return sum / ((double)n * (n - 1));
        }
    }
}
