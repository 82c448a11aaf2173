using MergeEngine.Merging.Recipes;

namespace MergeEngine.Merging.Streaming.Planning;

/// <summary>An output tensor before its sources are looked at: which slice makes it, and what its inputs are called.</summary>
/// <param name="Output">Its name.</param>
/// <param name="Slice">The slice of the recipe.</param>
/// <param name="Inputs">The names that the slice's sources have for it, in their order.</param>
/// <param name="T">Its place among the layers of the slice.</param>
internal sealed record PlacedTensor(string Output, RecipeSlice Slice, IReadOnlyList<string> Inputs, double T);
