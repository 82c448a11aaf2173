using System.Globalization;

namespace MergeEngine.Peers;

/// <summary>The command line: a suite and options with a value each, named as in the Python scripts.</summary>
internal sealed class Options
{
    private static readonly string[] s_names = ["--threads", "--shapes", "--model", "--batch", "--rounds", "--runtime", "--graph"];
    private readonly Dictionary<string, string> _values = [];

    /// <exception cref="ArgumentException">One sentence about what is wrong.</exception>
    public Options(string[] arguments)
    {
        Suite = arguments is [string first, ..] ? first : throw new ArgumentException("no suite was given, expected gemm, step, latency or check");
        for (int i = 1; i < arguments.Length; i += 2)
        {
            if (!s_names.Contains(arguments[i])) throw new ArgumentException($"'{arguments[i]}' is no option, expected {string.Join(", ", s_names)}");
            if (i + 1 == arguments.Length) throw new ArgumentException($"{arguments[i]} has no value");
            _values[arguments[i]] = arguments[i + 1];
        }

        Threads = Number("--threads", Environment.ProcessorCount);
        Batch = Number("--batch", Suite == "step" ? 32 : 1);
        Rounds = Number("--rounds", 0);
        Runtime = Choice("--runtime", "torch", "onnxruntime");
        Fused = Choice("--graph", "fused", "plain") == "fused";
    }

    public string Suite { get; }
    public int Threads { get; }
    public int Batch { get; }

    /// <summary>0 for the suite's own number.</summary>
    public int Rounds { get; }

    /// <summary><c>torch</c> or <c>onnxruntime</c>.</summary>
    public string Runtime { get; }

    /// <summary>ONNX Runtime's own operators for attention, residual with normalisation and bias with GELU, instead of the standard ones that an exporter writes.</summary>
    public bool Fused { get; }

    public Encoders.EncoderSpec Model => Encoders.EncoderSpec.Of(_values.GetValueOrDefault("--model", "vit-b-32"));

    /// <summary>M, N, K of C = A·Bᵀ with A [M, K] and B [N, K].</summary>
    public IEnumerable<(int M, int N, int K)> Shapes()
    {
        string text = _values.GetValueOrDefault("--shapes") ?? throw new ArgumentException("--shapes is missing, expected MxNxK,...");
        foreach (string shape in text.Split(','))
        {
            int[] sizes = [.. shape.Split('x').Select(size => int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : 0)];
            if (sizes is not [> 0, > 0, > 0]) throw new ArgumentException($"--shapes has '{shape}', expected MxNxK of numbers above 0");
            yield return (sizes[0], sizes[1], sizes[2]);
        }
    }

    private int Number(string name, int fallback) => !_values.TryGetValue(name, out string? text) ? fallback
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && (value > 0 || name == "--rounds") ? value
        : throw new ArgumentException($"{name} is '{text}', expected a whole number above 0");

    private string Choice(string name, params string[] choices) => !_values.TryGetValue(name, out string? text) ? choices[0]
        : choices.Contains(text) ? text : throw new ArgumentException($"{name} is '{text}', expected {string.Join(" or ", choices)}");
}
