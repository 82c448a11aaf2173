using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using MergeEngine.Cli.Tests.Support;
using MergeEngine.Merging.Streaming.Output;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>A merge that is killed or stopped at any moment: what looks finished is finished, and <c>--resume</c> comes to the same bytes.</summary>
public sealed class MergeKillTests : IDisposable
{
    /// <summary>How many moments; the environment may ask for more than suits a test run.</summary>
    private const string KillsVariable = "MERGE_ENGINE_KILLS";

    private const string Partial = ".out.merge-engine.partial";

    private static readonly string[] s_models = ["base", "a", "b"];

    private readonly TemporaryDirectory _directory = new();

    /// <summary>One thread, so that there is time to kill it.</summary>
    private static readonly string[] s_slowly = ["--threads", "1", "--shard-size", "18MB", "--quiet"];

    public MergeKillTests()
    {
        // Three files of 17 MB: each has a piece of 16 MiB, the least that is gone on with, and the method takes several passes.
        for (int i = 0; i < s_models.Length; i++) SmallModel.Write(_directory[s_models[i]], i + 1, scale: 2850);
        _directory.Write("r.yml", "merge_method: ties\nbase_model: base\nmodels:\n  - {model: a, parameters: {weight: 0.5, density: 0.3}}\n  - {model: b, parameters: {weight: 0.8, density: 0.6}}\n");
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_merge_that_is_killed_at_any_moment_is_nothing_or_finished_and_goes_on_to_the_same_bytes()
    {
        int kills = int.Parse(Environment.GetEnvironmentVariable(KillsVariable) ?? "8", CultureInfo.InvariantCulture);
        // The faster of two runs: the first finds files and code cold, and others may use the machine.
        TimeSpan whole = TimeSpan.MaxValue;
        for (int run = 0; run < 2; run++)
        {
            long started = Stopwatch.GetTimestamp();
            Merge("whole", "--overwrite").Succeeded();
            if (Stopwatch.GetElapsedTime(started) is var time && time < whole) whole = time;
        }

        var random = new Random(50);
        int unfinished = 0, resumed = 0;
        for (int i = 0; i < kills; i++)
        {
            using (Process process = MergeEngineProcess.Start(_directory.Path, ["merge", "r.yml", "out", .. s_slowly]))
            {
                // Evenly over the run and a little beyond it, as others may use the machine; the first as soon as there is something of it.
                TimeSpan moment = whole * (random.NextDouble() * 1.1);
                bool ended = i == 0 ? SpinWait.SpinUntil(() => File.Exists(_directory[$"{Partial}/journal"]), moment * 100) && process.HasExited : process.WaitForExit(moment);
                if (!ended) process.Kill();
                process.WaitForExit();
            }

            bool finished = Directory.Exists(_directory["out"]);
            if (finished) AssertWhole();
            else unfinished++;
            JsonElement result = Resume();
            Assert.Equal(finished, result.GetProperty("was_finished").GetBoolean());
            if (result.GetProperty("restored_bytes").GetInt64() > 0) resumed++;
            AssertWhole();
            Assert.DoesNotContain(Partial, Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName));
            Directory.Delete(_directory["out"], recursive: true);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{kills} kills over {whole.TotalSeconds:0.0} s: {unfinished} before the end, {resumed} of them with bytes to go on with");
        Assert.True(unfinished > 0);
    }

    [Fact]
    public void Stopped_by_the_user_it_says_so_keeps_what_is_written_and_goes_on()
    {
        using (Process process = MergeEngineProcess.Start(_directory.Path, ["merge", "r.yml", "out", .. s_slowly]))
        {
            // The journal is locked, but its length can be seen: first it says which merge it is, then it has a line of 91 bytes for each of two pieces of three inputs, and then one of 94 for a piece of the output.
            const int Reading = 6 * 91, Writing = 94;
            long begun = 0, length = 0;
            while (!process.HasExited && !(begun > 0 && length >= begun + Reading + Writing))
            {
                length = new FileInfo(_directory[$"{Partial}/journal"]) is { Exists: true } journal ? journal.Length : 0;
                if (begun == 0) begun = length;
                Thread.Sleep(1);
            }

            MergeEngineProcess.Interrupt(process);
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.SkipWhen(process.ExitCode == 0, "The merge was over before it could be stopped.");
            Assert.Equal(130, process.ExitCode);
            Assert.Equal(
                "merge-engine: note: what was written so far is kept beside the output; the same command with --resume goes on with it, or begins anew where nothing was.\nmerge-engine: stopped.\n", error);
        }

        Assert.False(Directory.Exists(_directory["out"]));
        Assert.True(Directory.Exists(_directory[Partial]));
        Assert.True(Resume().GetProperty("restored_bytes").GetInt64() > 0);
        Assert.Empty(OutputVerification.Run(_directory["out"], 2).Differences);
        Assert.False(Directory.Exists(_directory[Partial]));
        // A run that was killed after its last step is not done again.
        Assert.True(Resume().GetProperty("was_finished").GetBoolean());
    }

    [Fact]
    public void Gone_on_with_after_its_models_were_copied_it_says_that_it_has_compared_them()
    {
        Merge("whole").Succeeded();
        KillInTheMiddle();
        foreach (string name in s_models) File.SetLastWriteTimeUtc(_directory[$"{name}/model.safetensors"], new DateTime(2001, 2, 3, 4, 5, 6, DateTimeKind.Utc));
        Outcome resumed = Merge("out", "--resume").Succeeded();
        Assert.Matches("^merge-engine: note: out: goes on although the times of (\"(base|a|b)/model.safetensors\"(, )?){3} have changed: [0-9.]+ MB ", resumed.Error);
        AssertWhole();
        Assert.DoesNotContain(Partial, Directory.GetFileSystemEntries(_directory.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void Gone_on_with_after_a_model_was_changed_it_is_refused_and_begins_anew_without_resume()
    {
        KillInTheMiddle();
        SmallModel.Write(_directory["a"], 4, scale: 2850);
        Merge("out", "--resume").Refused(1, "what a stopped merge has left was begun before its input a/model.safetensors (its bytes 0 to 16777215) was changed", "without --resume it begins anew");
        Merge("out").Succeeded();
        Merge("whole").Succeeded();
        AssertWhole();
    }

    /// <summary>When the first pieces of files were read or written.</summary>
    private void KillInTheMiddle()
    {
        using Process process = MergeEngineProcess.Start(_directory.Path, ["merge", "r.yml", "out", .. s_slowly]);
        // The journal is locked, but its length can be seen: each of its lines has some hundred bytes, the second, which says which merge it is, a thousand.
        while (!process.HasExited && !(new FileInfo(_directory[$"{Partial}/journal"]) is { Exists: true, Length: > 1500 })) Thread.Sleep(1);
        process.Kill();
        process.WaitForExit();
        Assert.SkipWhen(Directory.Exists(_directory["out"]), "The merge was over before it could be stopped.");
    }

    private Outcome Merge(string output, params string[] options) => MergeEngineProcess.RunIn(_directory.Path, ["merge", "r.yml", output, .. s_slowly, .. options]);

    private JsonElement Resume() => Merge("out", "--resume", "--json").Succeeded().Json().GetProperty("merged")[0];

    private void AssertWhole()
    {
        Assert.Empty(OutputVerification.Run(_directory["out"], 2).Differences);
        SmallModel.AssertSameTensors(_directory["whole"], _directory["out"]);
    }
}
