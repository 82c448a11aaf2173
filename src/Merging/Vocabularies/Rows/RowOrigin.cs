namespace MergeEngine.Merging.Vocabularies.Rows;

/// <summary>Where one row of an aligned tensor comes from.</summary>
/// <param name="Model">Index of a model, or one of the constants.</param>
/// <param name="Row">The row there.</param>
internal readonly record struct RowOrigin(int Model, int Row)
{
    /// <summary>No model knows the token.</summary>
    public const int ZeroModel = -1;

    /// <summary>No token: the row is the mean of all rows with one.</summary>
    public const int FillingModel = -2;

    /// <summary>The mean over the models that have the token.</summary>
    public const int MeanModel = -3;

    public static RowOrigin Zero => new(ZeroModel, 0);

    public static RowOrigin Filling => new(FillingModel, 0);

    public static RowOrigin Mean => new(MeanModel, 0);
}
