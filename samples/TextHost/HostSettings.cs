using System.Globalization;

namespace MergeEngine.Samples.TextHost;

/// <summary>What is served, from the command line (<c>--Model=DIR --Tasks:sentiment=DIR</c>), <c>appsettings.json</c> or the environment.</summary>
/// <param name="Model">Directory of the base model with its tokenizer.</param>
/// <param name="Tasks">Names and directories of models that were fine-tuned from it: <c>Tasks:NAME=DIR</c>.</param>
/// <param name="Coefficient">What every task begins with.</param>
/// <param name="Head">A safetensors file with the <c>weight</c> and perhaps <c>bias</c> of a classifier; null for none.</param>
/// <param name="Labels">Names of its classes, in their order; numbers where there are none.</param>
/// <param name="Device">Where it runs: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="Threads">Threads of a processor; 0 for all.</param>
internal sealed record HostSettings(
    string Model, IReadOnlyList<KeyValuePair<string, string>> Tasks, float Coefficient, string? Head, IReadOnlyList<string> Labels, string Device, int Threads)
{
    /// <summary>A hundred times a fine-tuning: no mixture of use goes that far, and weights of any beyond it overflow in the products of some layer.</summary>
    public const float LargestCoefficient = 100;

    /// <summary>The last part of the model's path.</summary>
    public string ModelName => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Model)));

    /// <exception cref="ArgumentException">There is no model or no task.</exception>
    public static HostSettings Read(IConfiguration configuration)
    {
        string model = configuration["Model"] is { Length: > 0 } path ? path : throw new ArgumentException("No model was given, expected --Model=DIRECTORY.");
        KeyValuePair<string, string>[] tasks = [.. configuration.GetSection("Tasks").GetChildren().Select(task => KeyValuePair.Create(task.Key, task.Value ?? ""))];
        if (tasks.Length == 0) throw new ArgumentException("No task was given, expected --Tasks:NAME=DIRECTORY for each model that was fine-tuned from the base.");
        float coefficient = Number(configuration, "Coefficient", 0.3f);
        foreach ((string name, _) in tasks) RequireSane(name, coefficient);
        string[] labels = [.. configuration.GetSection("Labels").GetChildren().Select(label => label.Value ?? "")];
        return new HostSettings(
            model, tasks, coefficient, configuration["Head"], labels, configuration["Device"] ?? "cpu", Number(configuration, "Threads", 0));
    }

    /// <exception cref="ArgumentException">The coefficient is no number, or larger than <see cref="LargestCoefficient"/> either way.</exception>
    public static void RequireSane(string task, float coefficient)
    {
        if (!(Math.Abs(coefficient) <= LargestCoefficient))
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"The coefficient of '{task}' is {coefficient}, expected a number from {-LargestCoefficient} to {LargestCoefficient}."));
    }

    private static T Number<T>(IConfiguration configuration, string name, T otherwise)
        where T : struct, ISpanParsable<T>
    {
        if (configuration[name] is not { } text) return otherwise;
        return T.TryParse(text, CultureInfo.InvariantCulture, out T number) ? number : throw new ArgumentException($"{name} is '{text}', expected a number.");
    }
}
