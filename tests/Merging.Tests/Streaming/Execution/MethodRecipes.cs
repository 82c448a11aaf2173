namespace MergeEngine.Merging.Tests.Streaming.Execution;

/// <summary>Recipes of two or three models of every kind of method.</summary>
internal static class MethodRecipes
{
    /// <summary>Without statistics, with passes, with random masks, by rows, over the whole tensor, with parts side by side.</summary>
    public static TheoryData<string> All =>
        ["linear", "task_arithmetic", "ties", "dare_ties", "dare_linear", "della", "della_linear", "breadcrumbs", "breadcrumbs_ties", "sce", "model_stock", "ram", "karcher", "nuslerp", "tsv", "iso_c", "iso_cts"];

    /// <summary>Merges <c>models/a</c> and <c>models/b</c>, from <c>models/base</c> where the method has one.</summary>
    public static string Of(string method, string head = "", int models = 2)
    {
        bool weight = method is not ("sce" or "model_stock" or "ram" or "karcher" or "tsv" or "iso_c" or "iso_cts");
        bool density = method is "ties" or "dare_ties" or "dare_linear" or "della" or "della_linear" or "breadcrumbs" or "breadcrumbs_ties";
        string Parameters(int k) => !weight ? "" : $"\n  parameters: {{weight: 0.{k + 4}{(density ? $", density: 0.{6 - k}" : "")}}}";
        return $"""
            merge_method: {method}
            {(method is "linear" or "karcher" or "nuslerp" ? "" : "base_model: models/base")}
            {head}
            models:
            {string.Join('\n', Enumerable.Range(0, models).Select(k => $"- model: models/{(char)('a' + k)}{Parameters(k)}"))}
            """;
    }
}
