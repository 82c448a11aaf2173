using System.CommandLine;
using System.Globalization;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Options that mean the same for every command that has them.</summary>
internal static class CommonOptions
{
    public static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout and nothing else." };

    public static readonly Option<string> Device = DeviceOption();

    public static readonly Option<string> Precision = Choice(
        "--precision", "What products on a GPU round their inputs to; on the CPU, for encode, evaluate and bench latency: bf16 stores weights in half the bytes. Sums are float32 always.", required: false, "float32", "tf32", "bf16");

    public static readonly Option<int> Threads = Number("--threads", "Threads of the CPU device; one for each core if left out.", 1, 1024, "N");

    public static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace an output file, or write to an output directory that holds something else." };

    public static readonly Option<ulong?> Seed = new("--seed")
    {
        Description = "Seed of everything random. Equal seeds give equal bits.",
        HelpName = "N",
        CustomParser = result => OptionValue.Parse<ulong>(result, $"a whole number from 0 to {ulong.MaxValue}"),
    };

    public static readonly Option<string?> Config = new("--config")
    {
        Description = "The model's config.json, where it does not lie beside the weights.",
        HelpName = "FILE",
    };

    public static readonly Option<string?> Head = new("--head")
    {
        Description = "Classification head: safetensors with 'weight' [classes, width], optional 'bias' and 'logit_scale'; or '<task>.weight' of several tasks.",
        HelpName = "HEAD.safetensors",
    };

    /// <summary>An integer option with a range; 0 when it was left out.</summary>
    public static Option<int> Number(string name, string description, int least, int most, string helpName)
    {
        var option = new Option<int>(name) { Description = description, HelpName = helpName };
        option.CustomParser = result => OptionValue.Parse<int>(result, $"{least} to {most}", value => value >= least && value <= most) ?? 0;
        return option;
    }

    /// <summary>A precision in the words of the option.</summary>
    public static string NameOf(Tensors.Precision precision) => precision switch
    {
        Tensors.Precision.TF32 => "tf32",
        Tensors.Precision.BF16 => "bf16",
        _ => "float32",
    };

    private static Option<string> DeviceOption()
    {
        var option = new Option<string>("--device")
        {
            Description = "Where to compute; 'merge-engine devices' tells what is here. 'emulated' is the GPU's code on the CPU, 'reference' plain float64 loops, which 'bench' refuses: both slow, for tests.",
            HelpName = "cpu|cuda[:N]|emulated|reference",
            DefaultValueFactory = _ => "cpu",
        };
        option.CustomParser = result => OptionValue.Text(result, "cpu", "cpu, cuda, cuda:N, emulated or reference", IsDevice);
        return option;
    }

    internal static bool IsDevice(string name) =>
        name is "cpu" or "cuda" or "emulated" or "reference" || (name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, null, out _));

    /// <summary>One of a few words; the first is the default unless there is none.</summary>
    public static Option<string> Choice(string name, string description, bool required, params string[] choices)
    {
        var option = new Option<string>(name) { Description = description, HelpName = string.Join('|', choices), Required = required };
        if (!required) option.DefaultValueFactory = _ => choices[0];
        option.CustomParser = result => OptionValue.Word(result, choices);
        return option;
    }
}
