using MergeEngine.Tensors.Parameters;

namespace MergeEngine.Merging.Methods;

/// <summary>A model and what it is called in reports and errors.</summary>
public readonly record struct NamedModel(string Name, ParameterVector Parameters);

/// <summary>
/// τ_k = θ_k − θ_0 for every task, from a base that is named, because cosines and norms mean little without it (see
/// <see cref="BaseName"/>). The task vectors are owned, the base is not.
/// </summary>
public sealed class TaskVectors : IDisposable
{
    private readonly ParameterVector[] _vectors;
    private readonly string[] _names;

    private TaskVectors(string baseName, ParameterVector origin, string[] names, ParameterVector[] vectors)
    {
        BaseName = baseName;
        Base = origin;
        _names = names;
        _vectors = vectors;
    }

    /// <summary>θ_0.</summary>
    public ParameterVector Base { get; }

    /// <summary>What θ_0 is: "pre-trained", "merged model of round 3".</summary>
    public string BaseName { get; }

    public IReadOnlyList<string> Names => _names;

    /// <summary>τ_k in the order of the tasks.</summary>
    public IReadOnlyList<ParameterVector> Vectors => _vectors;

    public int Count => _vectors.Length;

    /// <summary>Subtracts the base from every model, in float32.</summary>
    /// <exception cref="ArgumentException">No models, two of one name, or models with other parameters than the base: every difference is listed.</exception>
    public static TaskVectors FromModels(string baseName, ParameterVector origin, IReadOnlyList<NamedModel> models)
    {
        RequireFit(baseName, origin, models);
        var vectors = new List<ParameterVector>(models.Count);
        try
        {
            foreach (NamedModel model in models)
            {
                var vector = new ParameterVector(origin.Device, origin.Layout);
                vectors.Add(vector);
                origin.Device.Operations.Subtract(vector.Values, model.Parameters.Values, origin.Values);
            }
        }
        catch
        {
            foreach (ParameterVector vector in vectors) vector.Dispose();
            throw;
        }

        return new TaskVectors(baseName, origin, [.. models.Select(m => m.Name)], [.. vectors]);
    }

    /// <summary>The same, in the models' own memory: each model becomes its task vector and is owned from here on.</summary>
    /// <inheritdoc cref="FromModels" path="/exception"/>
    public static TaskVectors TakeModels(string baseName, ParameterVector origin, IReadOnlyList<NamedModel> models)
    {
        RequireFit(baseName, origin, models);
        foreach (NamedModel model in models) origin.Device.Operations.Subtract(model.Parameters.Values, model.Parameters.Values, origin.Values);
        return new TaskVectors(baseName, origin, [.. models.Select(m => m.Name)], [.. models.Select(m => m.Parameters)]);
    }

    /// <summary>Merges into a new vector.</summary>
    /// <param name="method">How.</param>
    /// <param name="gradients">ḡ_k of every task in the order of <see cref="Names"/>, where the method needs them.</param>
    /// <exception cref="ArgumentException">The method cannot merge these inputs.</exception>
    public ParameterVector Merge(MergeMethod method, IReadOnlyList<ParameterVector>? gradients = null)
    {
        var merged = new ParameterVector(Base.Device, Base.Layout);
        try
        {
            InMemoryMerge.Run(method, Base, Vectors, merged, gradients);
        }
        catch
        {
            merged.Dispose();
            throw;
        }

        return merged;
    }

    public void Dispose()
    {
        foreach (ParameterVector vector in _vectors) vector.Dispose();
    }

    private static void RequireFit(string baseName, ParameterVector origin, IReadOnlyList<NamedModel> models)
    {
        if (models.Count == 0) throw new ArgumentException("No models were given: task vectors need at least one beside the base.", nameof(models));
        var differences = new List<string>();
        for (int k = 0; k < models.Count; k++)
        {
            NamedModel model = models[k];
            for (int j = 0; j < k; j++)
            {
                if (models[j].Name == model.Name) throw new ArgumentException($"Two models are called '{model.Name}'.", nameof(models));
            }

            foreach (string difference in origin.Layout.DifferencesFrom(model.Parameters.Layout)) differences.Add($"in '{model.Name}' {difference}");
        }

        if (differences.Count > 0)
            throw new ArgumentException($"The models do not fit the base '{baseName}': {string.Join("; ", differences)}.", nameof(models));
    }
}
