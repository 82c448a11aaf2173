namespace MergeEngine.Merging.Recipes.Catalog;

/// <summary>Every method that a recipe can name, in every dialect: what recipes are checked against and the documentation is made from.</summary>
public static class MethodTable
{
    /// <summary>All descriptions, by method; where both dialects exist, mergekit's is first.</summary>
    public static IReadOnlyList<MethodDescription> All { get; } =
    [
        .. AverageMethods.All, .. TaskVectorMethods.Mergekit, .. SelectionMethods.All, .. TaskVectorMethods.Paper, .. ResearchMethods.All,
    ];

    /// <summary>The names, each once.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All.Select(m => m.Name).Distinct()];

    /// <summary>The method of that name: in mergekit's arithmetic where mergekit has it and nothing else is asked for. Null if there is none.</summary>
    public static MethodDescription? Find(string name, Dialect? dialect = null)
    {
        foreach (MethodDescription method in All)
        {
            if (method.Name == name && (dialect is null || method.Dialect == dialect)) return method;
        }

        return null;
    }
}
