namespace MergeEngine.Merging.TensorMethods.Averages;

/// <summary>The base of methods that mean nothing without one.</summary>
internal static class RequiredBase
{
    /// <exception cref="ArgumentException">The task has no base.</exception>
    public static int Of(TensorTask task, string method) =>
        task.Base >= 0 ? task.Base : throw new ArgumentException($"'{method}' needs differences from a base model, and '{task.Name}' has none.", nameof(task));
}
