using System.Globalization;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Profiling;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Reports.Tables;

/// <summary>Where the time of a merge went, stage by stage.</summary>
internal static class MergeProfileTable
{
    /// <summary>Writes nothing for a merge without a profile.</summary>
    public static void Write(MergeResult result, TextWriter output)
    {
        if (result.Profile is not { } profile) return;
        TextTable table = new TextTable("stage", "calls", "thread ms", "% of time", "GB", "GB/s a thread", "% of a copy").AlignRight(1, 2, 3, 4, 5, 6);
        foreach (StageShare stage in profile.Stages)
        {
            table.Add(
                NameOf(stage), stage.Calls == 0 ? "" : Figures.Count(stage.Calls), Figures.Decimals(1e3 * stage.Seconds, 1), Figures.Percent(100 * stage.Part),
                stage.Bytes == 0 ? "" : Figures.Decimals(stage.Bytes / 1e9, 3), stage.Gbps is { } rate ? Figures.Decimals(rate, 2) : "",
                stage.OfCopy is { } share ? Figures.Percent(100 * share) : "");
        }

        table.Write(output);
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Printable.Of(result.Path)}: {profile.Seconds:0.000} s on {Counting.Of(profile.Threads, "thread")}; a copy moves {profile.CopyGbps:0.0} GB/s, at which the files' bytes take {profile.FloorSeconds:0.000} s ({100 * profile.FloorSeconds / profile.Seconds:0} %)"));
    }

    private static string NameOf(StageShare stage) => stage.Stage switch
    {
        MergeStage.Planning => "planning",
        MergeStage.Opening => "opening",
        MergeStage.Reading => "reading",
        MergeStage.ReadingAgain => "reading again",
        MergeStage.HashingInputs => "hashing inputs",
        MergeStage.ConvertingInputs => "converting inputs",
        MergeStage.Transforming => "adapters and tokens",
        MergeStage.Statistics => $"statistics of {stage.Method}",
        MergeStage.Merging => $"merging by {stage.Method}",
        MergeStage.Helping => "helping with it",
        MergeStage.ConvertingOutputs => "converting outputs",
        MergeStage.Checking => "looking for NaN",
        MergeStage.Writing => "writing",
        MergeStage.HashingOutputs => "hashing outputs",
        MergeStage.Syncing => "syncing",
        MergeStage.Finishing => "finishing",
        _ => "waiting",
    };
}
