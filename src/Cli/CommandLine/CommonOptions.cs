using System.CommandLine;

namespace MergeEngine.Cli.CommandLine;

/// <summary>Options that mean the same for every command that has them.</summary>
internal static class CommonOptions
{
    public static readonly Option<bool> Json = new("--json") { Description = "Print one JSON document on stdout and nothing else." };

    public static readonly Option<string> Device = DeviceOption();

    public static readonly Option<int> Threads = Number("--threads", "Threads of the CPU device; one for each core if left out.", 1, 1024, "N");

    public static readonly Option<bool> Overwrite = new("--overwrite") { Description = "Replace an output directory that holds something else." };

    public static readonly Option<ulong?> Seed = new("--seed")
    {
        Description = "Seed of everything random. Equal seeds give equal bits.",
        HelpName = "N",
    };

    public static readonly Option<string?> Config = new("--config")
    {
        Description = "The model's config.json, where it does not lie beside the weights.",
        HelpName = "FILE",
    };

    public static readonly Option<string?> Head = new("--head")
    {
        Description = "Classification head: safetensors with 'weight' [classes, width], optional 'bias' and 'logit_scale'.",
        HelpName = "HEAD.safetensors",
    };

    /// <summary>An integer option with a range; 0 when it was left out.</summary>
    public static Option<int> Number(string name, string description, int least, int most, string helpName)
    {
        var option = new Option<int>(name) { Description = description, HelpName = helpName };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && (value < least || value > most))
                result.AddError($"{name} is {value}, expected {least} to {most}.");
        });
        return option;
    }

    private static Option<string> DeviceOption()
    {
        var option = new Option<string>("--device")
        {
            Description = "Where to compute: 'cpu', or 'reference' (plain float64 loops, slow).",
            DefaultValueFactory = _ => "cpu",
            HelpName = "cpu|reference",
        };
        option.AcceptOnlyFromAmong("cpu", "reference");
        return option;
    }
}
