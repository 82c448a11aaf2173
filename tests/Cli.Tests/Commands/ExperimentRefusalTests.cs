using System.Diagnostics;
using MergeEngine.Cli.Tests.Support;

namespace MergeEngine.Cli.Tests.Commands;

/// <summary>What experiments refuse, before the work and in its midst, and what they leave where it was.</summary>
public sealed class ExperimentRefusalTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Theory]
    [InlineData("methods: [pretrained]", "tasks")]
    [InlineData("methods: [pretrained\n", "miniature.yml")]
    [InlineData("learning_rate: fast", "learning_rate")]
    [InlineData("unknown: 1", "unknown")]
    public void A_wrong_experiment_file_is_a_usage_error_with_its_place(string fault, string mention)
    {
        string text = fault.StartsWith("methods", StringComparison.Ordinal) ? $"name: x\nmodel: MODEL\n{fault}" : MiniatureExperiment.Text.Replace("learning_rate: 1.0e-3", fault, StringComparison.Ordinal);
        MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"]).Refused(2, "miniature.yml", mention);
        Assert.False(Directory.Exists(directory["out"]));
    }

    [Theory]
    [InlineData("seed: 5", "sed: 5", "no option 'sed'")]
    [InlineData("model: MODEL", "modle: MODEL", "no option 'modle'")]
    [InlineData("seed: 5", "seed: 18446744073709551616", "'seed' must be a whole number")]
    [InlineData("tuning: {", "tuning: {{", "not YAML")]
    [InlineData("  - individual", "  - ties: { density: 0 }", "'density' must be above 0 and at most 1")]
    [InlineData("  - individual", "  - individual\n  - individual", "'individual' occurs twice")]
    [InlineData("  - joint", "  - atm-post-hoc: { start: atm-post-hoc }", "expected the row of one model above this one")]
    [InlineData("  - joint", "  - atm-post-hoc: { start: individual }", "expected the row of one model above this one")]
    [InlineData("  - joint", "  - atm-post-hoc: { start: ties }", "expected the row of one model above this one")]
    public void A_fault_of_the_file_is_found_before_the_work(string right, string wrong, string mention)
    {
        string text = MiniatureExperiment.Text.Replace(right, wrong, StringComparison.Ordinal);
        MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"]).Refused(2, "miniature.yml:", mention);
    }

    [Fact]
    public void A_missing_data_file_gets_one_sentence()
    {
        string file = MiniatureExperiment.Write(directory);
        File.Delete(directory["2.safetensors"]);
        MergeEngineProcess.Run("experiment", file, directory["out"]).Refused(1, "2.safetensors");
    }

    /// <summary>A copy that does not fit is told by the system without a name. The disk has room for the probe of the place, and not for the model.</summary>
    [Fact]
    public void A_model_that_does_not_fit_on_the_disk_is_told_with_its_name()
    {
        string file = MiniatureExperiment.Write(directory);
        Directory.CreateDirectory(directory["disk"]);
        Assert.SkipUnless(CanMount(), "A file system cannot be mounted here without rights.");
        const string Mounted = "mount -t tmpfs -o size=32k none disk && exec \"$0\" \"$@\"";
        MergeEngineProcess.RunThrough("unshare", ["-Urm", "sh", "-c", Mounted], directory.Path, [], "atm", file, "disk/out")
            .Refused(1, "merge-engine: disk/out: cannot be written (No space left on device).");
    }

    [Fact]
    public void A_directory_of_something_else_is_left_alone_and_an_old_result_of_the_same_seed_is_replaced()
    {
        string file = MiniatureExperiment.Write(directory, MiniatureExperiment.Text.Split("methods:")[0] + "methods: [pretrained]");
        Directory.CreateDirectory(directory["taken"]);
        directory.Write("taken/thesis.txt", "years of work");
        MergeEngineProcess.Run("experiment", file, directory["taken"]).Refused(1, "taken", "--overwrite");
        MergeEngineProcess.Run("experiment", file, directory["out"]).Succeeded();
        MergeEngineProcess.Run("experiment", file, directory["out"]).Succeeded();
        MergeEngineProcess.Run("experiment", file, directory["out"], "--seed", "9").Refused(1, "out: holds the results of this experiment with seed 5, not 9; --overwrite replaces them.");
        Assert.Contains("\"seed\": 5", File.ReadAllText(directory["out/results.json"]), StringComparison.Ordinal);
        MergeEngineProcess.Run("experiment", file, directory["out"], "--seed", "9", "--overwrite").Succeeded();
        Assert.Contains("\"seed\": 9", File.ReadAllText(directory["out/results.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public void Results_of_another_experiment_are_only_replaced_when_that_is_asked_for()
    {
        string text = MiniatureExperiment.Text.Split("methods:")[0] + "methods: [pretrained]";
        MergeEngineProcess.Run("experiment", MiniatureExperiment.Write(directory, text), directory["out"]).Succeeded();
        byte[] results = File.ReadAllBytes(directory["out/results.json"]);
        string other = MiniatureExperiment.Write(directory, text.Replace("name: miniature", "name: other", StringComparison.Ordinal));
        MergeEngineProcess.Run("experiment", other, directory["out"]).Refused(1, "out: holds the results of another experiment, \"miniature\"; --overwrite");
        MergeEngineProcess.Run("atm", other, directory["out"]).Refused(1, "another experiment, \"miniature\"");
        Assert.Equal(results, File.ReadAllBytes(directory["out/results.json"]));
        MergeEngineProcess.Run("experiment", other, directory["out"], "--overwrite").Succeeded();
        Assert.Contains("\"name\": \"other\"", File.ReadAllText(directory["out/results.json"]), StringComparison.Ordinal);
        // A file of that name that something else wrote is not ours.
        Directory.CreateDirectory(directory["notes"]);
        directory.Write("notes/results.json", "{}");
        MergeEngineProcess.Run("experiment", other, directory["notes"]).Refused(1, "notes: exists already");
    }

    [Fact]
    public void A_run_that_is_stopped_ends_soon_and_leaves_nothing()
    {
        string file = MiniatureExperiment.Write(directory, MiniatureExperiment.Text.Replace("epochs: 2", "epochs: 50000", StringComparison.Ordinal));
        using Process process = MergeEngineProcess.Start(directory.Path, "experiment", file, directory["out"]);
        // The first line of progress says that the work has begun.
        string? line = process.StandardError.ReadLine();
        Assert.Contains("steps", line, StringComparison.Ordinal);
        MergeEngineProcess.Interrupt(process);
        Assert.True(process.WaitForExit(TimeSpan.FromSeconds(60)));
        Assert.Equal(130, process.ExitCode);
        Assert.Equal("", process.StandardOutput.ReadToEnd());
        Assert.Contains("merge-engine: stopped.", process.StandardError.ReadToEnd(), StringComparison.Ordinal);
        Assert.Equal(["0.safetensors", "2.safetensors", "miniature.yml"], Entries());
    }

    private bool CanMount()
    {
        try
        {
            using Process probe = Process.Start(new ProcessStartInfo("unshare", ["-Urm", "mount", "-t", "tmpfs", "none", directory["disk"]]) { RedirectStandardError = true })!;
            probe.WaitForExit();
            return probe.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    private IEnumerable<string?> Entries() => Directory.GetFileSystemEntries(directory.Path).Select(Path.GetFileName).Order(StringComparer.Ordinal);
}
