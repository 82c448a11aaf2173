using MergeEngine.Merging.Yaml;

namespace MergeEngine.Merging.Recipes.Reading;

/// <summary>The order in which documents run: each after those whose results it uses, otherwise as the file has them.</summary>
internal static class DocumentOrder
{
    private const int MostShown = 8;

    /// <param name="recipes">The documents of a file.</param>
    /// <param name="names">The number of the document of each name.</param>
    /// <exception cref="YamlException">Documents need each other.</exception>
    public static IReadOnlyList<Recipe> Sort(IReadOnlyList<Recipe> recipes, IReadOnlyDictionary<string, int> names)
    {
        int[][] needs = [.. recipes.Select(r => References(r).Where(m => m.IsDocument).Select(m => names[m.Path]).Distinct().ToArray())];
        var usedBy = new List<int>[recipes.Count];
        for (int i = 0; i < recipes.Count; i++) usedBy[i] = [];
        int[] open = new int[recipes.Count];
        var ready = new PriorityQueue<int, int>();
        for (int i = 0; i < recipes.Count; i++)
        {
            open[i] = needs[i].Length;
            foreach (int need in needs[i]) usedBy[need].Add(i);
            if (open[i] == 0) ready.Enqueue(i, i);
        }

        var order = new List<Recipe>();
        while (ready.TryDequeue(out int next, out _))
        {
            order.Add(recipes[next]);
            foreach (int user in usedBy[next])
            {
                if (--open[user] == 0) ready.Enqueue(user, user);
            }
        }

        return order.Count == recipes.Count ? order : throw Circle(recipes, needs, open);
    }

    /// <summary>Everything that a recipe opens: models, the donor of its config, and models whose tokens it uses.</summary>
    private static IEnumerable<ModelReference> References(Recipe recipe)
    {
        IEnumerable<ModelReference?> others = [recipe.BaseModel, recipe.Tokenizer?.Model, .. recipe.Tokenizer?.Tokens.Select(t => t.Model) ?? []];
        return [.. recipe.Models, .. others.OfType<ModelReference>()];
    }

    private static YamlException Circle(IReadOnlyList<Recipe> recipes, int[][] needs, int[] open)
    {
        // From any document that could not run, along documents that could not run, one must come back.
        int at = Array.FindIndex(open, o => o > 0);
        var path = new List<int>();
        while (!path.Contains(at))
        {
            path.Add(at);
            at = needs[at].First(n => open[n] > 0);
        }

        List<int> circle = path[path.IndexOf(at)..];
        string shown = string.Join(", ", circle.Take(MostShown).Select(i => $"'{recipes[i].Name}'")) + (circle.Count > MostShown ? ", …" : "");
        return new YamlException(recipes[at].Place, circle.Count == 1 ? $"the document {shown} uses its own result." : $"the documents {shown} use each other's results in a circle.");
    }
}
