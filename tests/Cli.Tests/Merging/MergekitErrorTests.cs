using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>
/// What mergekit refuses, and what it should refuse, ends with one sentence and nothing on the disk, and with exit code 2, or 1 where the recipe may be right and a file is not;
/// what it refuses and should not is merged.
/// </summary>
public sealed class MergekitErrorTests(MergekitErrorRuns runs) : IClassFixture<MergekitErrorRuns>
{
    /// <summary>What mergekit stops at, and there is nothing wrong with it.</summary>
    private static readonly string[] s_merged =
    [
        "bert-model", "missing-pooler", "della-one-element", "multislerp-opposite", "multislerp-opposite-shards",
        // The same model twice counts twice; an integer buffer is the first model's, with a note; adapters need no cache; a document may be called as a method is.
        "duplicate-model", "buffer-differs", "lora-no-cache", "multi-name-is-method",
        // The base's vocabulary and a token of a model.
        "tokens-with-source-base",
    ];

    /// <summary>What is missing or broken is a file.</summary>
    private static readonly string[] s_files = ["no-such-model", "no-weights", "broken-index", "index-outside", "truncated-file", "lora-absent"];

    public static TheoryData<string> Refused => MergekitSet.IsHere ? [.. MergekitSet.Errors.Select(MergekitSet.NameOf).Except(s_merged)] : [MergekitSet.Missing];

    public static TheoryData<string> Merged => [.. s_merged];

    [Theory]
    [MemberData(nameof(Refused))]
    public void Nothing_is_written_where_a_recipe_is_wrong(string name)
    {
        MergekitSet.Require();
        runs.Of(name).Refused(s_files.Contains(name) ? 1 : 2);
        Assert.False(Directory.Exists(runs.FolderOf(name)));
    }

    [Theory]
    [MemberData(nameof(Merged))]
    public void What_is_right_is_merged(string name)
    {
        MergekitSet.Require();
        runs.Of(name).Succeeded();
        string path = name == "multi-name-is-method" ? Path.Combine(runs.IntermediateOf(name), "linear") : runs.OutputOf(name);
        Assert.Empty(OutputVerification.Run(path, 1).Differences);
        using Checkpoint merged = Checkpoint.Open(path);
        foreach (string tensor in merged.Names.Where(n => merged[n].DType.IsArithmetic())) Assert.All(merged.ReadFloat32(tensor), value => Assert.True(float.IsFinite(value)));
    }
}
