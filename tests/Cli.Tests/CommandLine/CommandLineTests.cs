using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.CommandLine;

public sealed class CommandLineTests
{
    public static TheoryData<string> Commands => [.. Overview().Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0])];

    [Fact]
    public void Help_shows_every_command_with_an_example()
    {
        string help = MergeEngineProcess.Run("--help").Succeeded().Output;
        string[] commands = [.. Overview().Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0])];
        Assert.NotEmpty(commands);
        Assert.All(commands, command => Assert.Contains($"\n  merge-engine {command}", help, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void Each_command_explains_itself_with_examples(string command)
    {
        Outcome outcome = MergeEngineProcess.Run(command, "--help").Succeeded();
        Assert.Contains("Usage:", outcome.Output, StringComparison.Ordinal);
        Assert.Contains($"Examples:\n  merge-engine {command}", outcome.Output, StringComparison.Ordinal);
        Assert.Equal("", outcome.Error);
    }

    [Theory]
    [MemberData(nameof(Commands))]
    public void An_unknown_option_is_a_usage_error_that_names_it(string command)
    {
        Outcome outcome = MergeEngineProcess.Run(command, "--no-such-option").Refused(2, "'--no-such-option'");
        Assert.Contains($"Try 'merge-engine {command} --help'.", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_arguments_the_overview_goes_to_stderr()
    {
        Outcome outcome = MergeEngineProcess.Run();
        Assert.Equal(2, outcome.Code);
        Assert.Equal("", outcome.Output);
        Assert.Contains("Commands:", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_command_is_a_usage_error_that_names_it() => MergeEngineProcess.Run("inspekt", "x").Refused(2, "'inspekt'");

    [Theory]
    [InlineData("--seed", "18446744073709551616", "a whole number from 0 to 18446744073709551615")]
    [InlineData("--seed", "-1", "a whole number from 0 to 18446744073709551615")]
    [InlineData("--threads", "two", "1 to 1024")]
    [InlineData("--device", "gpu", "cpu, cuda, cuda:N, emulated or reference")]
    [InlineData("--device", "cuda:-1", "cpu, cuda, cuda:N, emulated or reference")]
    [InlineData("--precision", "fp8", "float32, tf32 or bf16")]
    public void A_value_that_an_option_does_not_take_is_named_with_what_it_takes(string option, string value, string expected)
    {
        Outcome outcome = MergeEngineProcess.Run("demo", option, value).Refused(2, $"{option} is '{value}', expected {expected}.");
        Assert.DoesNotContain("System.", outcome.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cpu")]
    [InlineData("reference")]
    public void A_precision_that_a_device_does_not_have_is_a_usage_error(string device) => MergeEngineProcess.Run("demo", "--device", device, "--precision", "bf16")
        .Refused(2, $"--precision is 'bf16', expected float32 for --device {device}");

    [Theory]
    [InlineData("tf32", "cpu", "float32 or bf16")]
    [InlineData("bf16", "reference", "float32")]
    public void A_precision_that_inference_does_not_have_is_a_usage_error(string precision, string device, string expected) => MergeEngineProcess
        .Run("encode", "model", "in.safetensors", "out.safetensors", "--device", device, "--precision", precision)
        .Refused(2, $"--precision is '{precision}', expected {expected} for --device {device}");

    [Fact]
    public void A_missing_argument_is_a_usage_error() => MergeEngineProcess.Run("inspect").Refused(2, "inspect");

    private static IEnumerable<string> Overview() => MergeEngineProcess.Run("--help").Output
        .Split('\n')
        .SkipWhile(line => line != "Commands:")
        .Skip(1)
        .TakeWhile(line => line.StartsWith("  ", StringComparison.Ordinal))
        .Where(line => line[2] != ' ');
}
