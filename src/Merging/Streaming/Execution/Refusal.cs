using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Execution;

/// <summary>A method that refuses its parameters, with the tensor's name.</summary>
internal static class Refusal
{
    /// <exception cref="PlanningException">It refuses.</exception>
    public static T Explain<T>(string? tensor, Func<T> begin)
    {
        try
        {
            return begin();
        }
        catch (ArgumentException e)
        {
            throw new PlanningException([Text(tensor, e)]);
        }
    }

    /// <inheritdoc cref="Explain{T}"/>
    public static void Explain(string tensor, Action merge) => Explain(tensor, () =>
    {
        merge();
        return 0;
    });

    public static string Text(string? tensor, ArgumentException refusal) => tensor is null ? refusal.Message : $"{Quoting.Quote(tensor)}: {refusal.Message}";
}
