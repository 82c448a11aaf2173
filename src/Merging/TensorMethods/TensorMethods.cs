using MergeEngine.Merging.TensorMethods.TaskVectors;

namespace MergeEngine.Merging.TensorMethods;

/// <summary>Every method that merges tensor by tensor, by its name in recipes.</summary>
public static class TensorMethods
{
    /// <summary>All methods.</summary>
    public static IReadOnlyList<TensorMethod> All { get; } =
    [
        new TaskArithmeticMethod(), new TiesMethod(), new DareLinearMethod(), new DareTiesMethod(), new BreadcrumbsMethod(), new BreadcrumbsTiesMethod(),
        new DellaMethod(), new DellaLinearMethod(), new SceMethod(), new RamMethod(), new RamPlusMethod(), new MagMaxMethod(),
        new EmrMethod(),
    ];

    /// <summary>The method of that name; null if there is none that merges by tensor.</summary>
    public static TensorMethod? Find(string name)
    {
        foreach (TensorMethod method in All)
        {
            if (method.Name == name) return method;
        }

        return null;
    }
}
