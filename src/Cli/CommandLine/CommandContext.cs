using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using MergeEngine.Cli.Terminal;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cuda;

namespace MergeEngine.Cli.CommandLine;

/// <summary>What a command works with: its arguments, a way to be stopped, and where results and progress go.</summary>
internal sealed class CommandContext(ParseResult arguments, CancellationToken stop)
{
    /// <summary>Cancelled by Ctrl+C.</summary>
    public CancellationToken Stop { get; } = stop;

    /// <summary>True when stdout must hold one JSON document and nothing else.</summary>
    public bool Json => arguments.GetValue(CommonOptions.Json);

    public int Threads => arguments.GetValue(CommonOptions.Threads);

    public T Get<T>(Argument<T> argument) => arguments.GetRequiredValue(argument);

    /// <summary>The value of an argument that may be left out; null if it is.</summary>
    public string? Find(Argument<string?> argument) => arguments.GetValue(argument);

    /// <summary>The value that was given, else the option's default, else null.</summary>
    public T? Get<T>(Option<T> option) => arguments.GetValue(option);

    /// <summary>True when the option stands on the command line.</summary>
    public bool Has(Option option) => arguments.GetResult(option) is { Implicit: false };

    /// <summary>The form in which the option stands last on the command line; null if it does not.</summary>
    public string? SpellingOf(Option option) => arguments.Tokens
        .LastOrDefault(token => token.Type == TokenType.Option && (token.Value == option.Name || option.Aliases.Contains(token.Value)))?.Value;

    /// <summary>The device that was asked for.</summary>
    public string DeviceName => arguments.GetValue(CommonOptions.Device) ?? "cpu";

    /// <param name="inference">The command runs models forward alone, and packs their weights: what BF16 on the CPU is for.</param>
    /// <exception cref="UsageException">The device does not compute in the precision that was asked for.</exception>
    public Device OpenDevice(bool inference = false)
    {
        string word = arguments.GetValue(CommonOptions.Precision) ?? "float32";
        bool host = DeviceName is "cpu" or "reference", packs = inference && DeviceName == "cpu";
        if (host && word != "float32" && !(packs && word == "bf16"))
        {
            throw new UsageException(
                $"--precision is '{word}', expected {(packs ? "float32 or bf16" : "float32")} for --device {DeviceName} in this command: only products on a GPU can round their inputs.");
        }

        Precision precision = word switch
        {
            "tf32" => Precision.TF32,
            "bf16" => Precision.BF16,
            _ => Precision.Float32,
        };
        return Opening($"{CommonOptions.Device.Name} {DeviceName}", () => Device.Open(DeviceName, Threads, precision));
    }

    /// <summary>Opens a device; where there is none, the option that asked for it is named.</summary>
    /// <param name="option">The option as it was given.</param>
    /// <param name="open">Opens it.</param>
    /// <exception cref="CudaException">It cannot be used here.</exception>
    public static Device Opening(string option, Func<Device> open)
    {
        try
        {
            return open();
        }
        catch (CudaException e)
        {
            throw new CudaException($"{option}: {e.Message}", e.Code);
        }
    }

    /// <summary>Writes a result as text, or as JSON where that was asked for.</summary>
    public void Write<T>(T result, JsonTypeInfo<T> type, Action<T, TextWriter> text)
    {
        if (Json)
        {
            // Piece by piece: the plan of 10^5 tensors has 60 MB of text.
            using (var pieces = new Utf8Pieces(Console.Out)) JsonSerializer.Serialize(pieces, result, type);
            Console.Out.WriteLine();
        }
        else
        {
            using TextWriter pieces = Utf8Pieces.Buffer(Console.Out);
            text(result, pieces);
        }

        Console.Out.Flush();
    }

    /// <summary>Reads what the user has named. A stop does not wait for it: a pipe or a terminal may never begin or end.</summary>
    /// <typeparam name="T">What it is.</typeparam>
    /// <param name="read">Is left behind by a stop, so it writes nothing.</param>
    /// <exception cref="OperationCanceledException">The stop came first.</exception>
    public T Reading<T>(Func<T> read) => Task.Run(read, Stop).WaitAsync(Stop).GetAwaiter().GetResult();

    /// <summary>Says something to people, on stderr, beside the result: a line that begins with <c>merge-engine: note:</c>.</summary>
    public static void Note(string text) => Console.Error.WriteLine($"merge-engine: note: {text}");

    /// <summary>Runs work with progress on stderr: bars on a terminal, a line now and then otherwise.</summary>
    public static T WithProgress<T>(string unit, Func<IProgressSink, T> work) => ProgressDisplay.Run(unit, work);
}
