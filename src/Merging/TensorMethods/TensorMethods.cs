using MergeEngine.Merging.Recipes.Catalog;
using MergeEngine.Merging.TensorMethods.Averages;
using MergeEngine.Merging.TensorMethods.Geometry;
using MergeEngine.Merging.TensorMethods.Published;
using MergeEngine.Merging.TensorMethods.Spectral;
using MergeEngine.Merging.TensorMethods.TaskVectors;
using MergeEngine.Merging.TensorMethods.WholeModel;

namespace MergeEngine.Merging.TensorMethods;

/// <summary>Every method that merges tensor by tensor, by its name in recipes.</summary>
public static class TensorMethods
{
    /// <summary>All methods in mergekit's arithmetic, or in the only one that they have.</summary>
    public static IReadOnlyList<TensorMethod> All { get; } =
    [
        new Linear(), new Passthrough(), new ModelStock(Dialect.Mergekit), new NearSwap(), new ArceeFusion(),
        new Slerp(), new NuSlerp(), new MultiSlerp(), new Karcher(),
        new TaskArithmeticMethod(), new TiesMethod(), new DareLinearMethod(), new DareTiesMethod(), new BreadcrumbsMethod(), new BreadcrumbsTiesMethod(),
        new DellaMethod(), new DellaLinearMethod(), new SceMethod(), new RamMethod(), new RamPlusMethod(), new MagMaxMethod(),
        new TatrMethod(), new LinesMethod(), new ConsensusMethod(), new PcbMethod(), new EmrMethod(), new FisherMethod(),
        new TaskSingularVectors(), new IsotropicCommon(), new IsotropicCommonTask(),
    ];

    /// <summary>Those of mergekit's that are something else, or the same, as published.</summary>
    public static IReadOnlyList<TensorMethod> Published { get; } =
    [
        new Linear(), new ModelStock(Dialect.Paper),
        new PublishedTaskArithmetic(), new PublishedTies(), new PublishedDareLinear(), new PublishedDareTies(), new PublishedBreadcrumbs(),
    ];

    /// <summary>The method of that name; null if there is none that merges by tensor in that dialect.</summary>
    public static TensorMethod? Find(string name, Dialect dialect = Dialect.Mergekit)
    {
        // Where mergekit lacks a method the paper's arithmetic is the only one.
        foreach (TensorMethod method in dialect == Dialect.Mergekit || MethodTable.Find(name, Dialect.Mergekit) is null ? All : Published)
        {
            if (method.Name == name) return method;
        }

        return null;
    }
}
