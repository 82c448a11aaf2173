using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

/// <summary>One rule for every command: 1 where a file is missing or broken, whoever names it; 2 where the command line, a recipe or an experiment says what cannot be.</summary>
public sealed class ExitCodeTests : IDisposable
{
    private const string File = "FILE";

    /// <summary>A call of every command that reads files, each of them FILE.</summary>
    private static readonly string[][] s_readers =
    [
        ["extract-lora", "--model", File, "--base-model", File, "--out-path", "out"], ["inspect", File], ["diff", File, File], ["verify", File],
        ["merge", "--method", "passthrough", "--model", File, "out"], ["tune", File, File, "out"], ["evaluate", File, File], ["encode", File, File, "out.safetensors"],
        ["tokenize", File], ["head", "--clip", File, "--classes", "a", "out.safetensors"], ["gradients", File, File, "out.safetensors", "--reduction", "mean"],
        ["analyze", File, File], ["report", File],
    ];

    /// <summary>Of every command that reads a recipe or an experiment.</summary>
    private static readonly string[][] s_recipes = [["merge", File, "out"], ["experiment", File, "out"], ["atm", File, "out"], ["pretrain", File, "out"]];

    /// <summary>What reads no file of the user's.</summary>
    private static readonly string[] s_others = ["demo", "methods", "devices", "licenses", "bench"];

    private readonly TemporaryDirectory _directory = new();

    public static TheoryData<string> Readers => [.. s_readers.Select(r => r[0])];

    public static TheoryData<string> Recipes => [.. s_recipes.Select(r => r[0])];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Every_command_is_held_to_the_rule() => Assert.Equal(
        CommandLineTests.Commands.Select(c => c.Data).Order(StringComparer.Ordinal), s_readers.Concat(s_recipes).Select(c => c[0]).Concat(s_others).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Readers))]
    public void A_file_that_is_missing_or_broken_ends_with_1(string command)
    {
        string[] call = s_readers.First(r => r[0] == command);
        Run(call, "absent").Refused(1, "absent");
        _directory.Write("text.safetensors", "this is a text and holds no weights\n");
        Run(call, "text.safetensors").Refused(1, "text.safetensors");
        _directory.Write("short.safetensors", [1, 0, 0]);
        Run(call, "short.safetensors").Refused(1, "short.safetensors");
        Assert.DoesNotContain(Directory.GetFileSystemEntries(_directory.Path), entry => Path.GetFileName(entry).StartsWith("out", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Recipes))]
    public void A_recipe_that_is_missing_ends_with_1_and_one_that_is_wrong_with_2(string command)
    {
        string[] call = s_recipes.First(r => r[0] == command);
        Run(call, "absent.yml").Refused(1, "absent.yml", "does not exist");
        Run(call, ".").Refused(1, "is a directory");
        _directory.Write("text.yml", "this is no recipe\n");
        Run(call, "text.yml").Refused(2, "text.yml:1:1", "must be a mapping");
        _directory.Write("broken.yml", "models: [a\n");
        Run(call, "broken.yml").Refused(2, "broken.yml:", "not YAML");
    }

    /// <summary>A recipe whose files are not there may be right; what it says besides decides.</summary>
    [Fact]
    public void A_recipe_of_missing_files_ends_with_1_unless_it_is_wrong_itself()
    {
        _directory.Write("r.yml", "merge_method: linear\nmodels:\n  - {model: absent, parameters: {weight: 1}}\n  - {model: missing, parameters: {weight: 1}}\n");
        Outcome outcome = Run(["merge", File, "out"], "r.yml").Refused(1, "there are 2 problems");
        Assert.Contains("  The model \"absent\" does not exist", outcome.Error, StringComparison.Ordinal);
        _directory.Write("r.yml", "merge_method: linear\nmodels:\n  - {model: absent, parameters: {weight: 1}}\n  - {model: \"missing@main\", parameters: {weight: 1}}\n");
        Run(["merge", File, "out"], "r.yml").Refused(2, "there are 2 problems");
    }

    /// <summary>One mistake is the sentence itself; several are a list, which ends where it would grow too long.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(20)]
    [InlineData(21)]
    public void Mistakes_in_the_text_of_a_recipe_are_told_in_one_list(int mistakes)
    {
        _directory.Write("r.yml", $"merge_method: linear\nmodels:\n{string.Concat(Enumerable.Repeat("  - {model: a, parameters: {weight: heavy}}\n", mistakes))}");
        Outcome outcome = Run(["merge", File, "out", "--json"], "r.yml").Refused(2);
        string[] sentences = [.. Enumerable.Range(3, Math.Min(mistakes, 20)).Select(line => $"r.yml:{line}:37: 'weight' must be a number, found 'heavy'.")];
        string[] expected = mistakes == 1
            ? [$"merge-engine: {sentences[0]}"]
            : [$"merge-engine: there are {mistakes} problems.", .. sentences.Select(s => $"  {s}"), .. mistakes > 20 ? ["  and 1 more."] : Array.Empty<string>()];
        Assert.Equal(expected, outcome.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.TrimEnd('\r')));
    }

    /// <summary>As a variable that was not set leaves it.</summary>
    [Theory]
    [InlineData("demo --out", "--out is empty, expected DIR.")]
    [InlineData("report results.json --html", "--html is empty, expected FILE.")]
    [InlineData("tune model data out --head-out", "--head-out is empty, expected HEAD.safetensors.")]
    [InlineData("evaluate model data --config", "--config is empty, expected FILE.")]
    [InlineData("merge r.yml out -I", "-I is empty, expected DIR.")]
    [InlineData("merge --method linear out --model a --model", "--model is empty, expected MODEL[=WEIGHT].")]
    [InlineData("merge r.yml out --layers", "--layers is empty, expected REGEX.")]
    [InlineData("merge r.yml out --threads", "--threads is '', expected 1 to 1024.")]
    public void An_option_with_an_empty_value_ends_with_2_and_says_what_it_takes(string arguments, string sentence)
    {
        Outcome outcome = Run([.. arguments.Split(' '), ""], "absent").Refused(2, sentence);
        Assert.StartsWith($"merge-engine: {sentence}\n", outcome.Error, StringComparison.Ordinal);
    }

    /// <summary>What stands on the command line itself is wrong whatever the files hold, even beside files that are missing or in the way.</summary>
    [Fact]
    public void An_option_that_cannot_be_used_ends_with_2_and_is_named()
    {
        Run(["head", "--clip", File, "--classes", "a,,b", "out.safetensors"], "absent").Refused(2, "--classes: item 2 is empty, expected a class.");
        Run(["head", "--clip", File, "--classes", "a", "--templates", "a photo", "out.safetensors"], "absent").Refused(2, "--templates: item 1 is \"a photo\", expected a template with {}");
        _directory.Write("templates.txt", "a photo\n");
        Run(["head", "--clip", "absent", "--classes", "a", "--templates", File, "out.safetensors"], "templates.txt").Refused(1, "templates.txt: line 1");
        Directory.CreateDirectory(_directory["model"]);
        Directory.CreateDirectory(_directory["out"]);
        _directory.Write("out/notes", "mine\n");
        Run(["merge", "--method", "linear", "--model", $"{File}=1", "--layers", "(", "out"], "absent").Refused(2, "--layers is \"(\", expected a usable regular expression");
        Run(["merge", "--method", "linear", "--model", $"{File}=abc", "new"], "model").Refused(2, "--model is 'model=abc': weight 'abc' is no number");
        // A name with = in it is a path where it leads to something.
        Directory.CreateDirectory(_directory["model=abc"]);
        Run(["merge", "--method", "linear", "--model", $"{File}=1", "new"], "model=abc").Refused(1, "model=abc");
    }

    private Outcome Run(string[] call, string path) => MergeEngineProcess.RunIn(_directory.Path, [.. call.Select(word => word.Replace(File, path, StringComparison.Ordinal))]);
}
