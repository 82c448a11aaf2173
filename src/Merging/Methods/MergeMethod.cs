namespace MergeEngine.Merging.Methods;

/// <summary>One setting of a method, as a report shows it.</summary>
public readonly record struct MethodParameter(string Name, string Value);

/// <summary>
/// A way to make one model of a base θ_0 and K task vectors τ_k: a statistic and a map. The statistic, where a method needs one, is taken
/// over the whole model first and adds up over chunks; the map then gives every output element from the inputs at its own index.
/// </summary>
/// <remarks>
/// A method holds settings and no state; <see cref="Plan"/> makes the state of one merge. So one method object serves a merge in memory
/// and a merge from disk, on any device, and the result is the same bits however the model is cut into chunks.
/// </remarks>
public abstract class MergeMethod
{
    /// <summary>The name in recipes, tables and results.</summary>
    public abstract string Name { get; }

    /// <summary>The settings, in the order in which a report shows them.</summary>
    public abstract IReadOnlyList<MethodParameter> Parameters { get; }

    /// <summary>Whether the method reads <see cref="MergeChunk.Gradients"/> when there is more than one task.</summary>
    public virtual bool NeedsGradients => false;

    /// <summary>Begins one merge. Refuses, before any weight is read, what the method cannot do with such inputs.</summary>
    /// <exception cref="ArgumentException">No task vectors, coefficients for another number of tasks, or no gradients where they are needed.</exception>
    public MergePlan Plan(MergeShape shape)
    {
        if (shape.TaskCount < 1) throw new ArgumentException($"'{Name}' was given no task vectors: a merge needs at least one.", nameof(shape));
        if (NeedsGradients && shape.TaskCount > 1 && !shape.HasGradients)
            throw new ArgumentException($"'{Name}' needs the mean absolute gradient of every task, and none were given.", nameof(shape));
        return CreatePlan(shape);
    }

    public override string ToString() => Parameters.Count == 0 ? Name : $"{Name} ({string.Join(", ", Parameters.Select(p => $"{p.Name} {p.Value}"))})";

    protected abstract MergePlan CreatePlan(MergeShape shape);
}
