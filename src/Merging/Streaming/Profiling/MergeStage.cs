using System.Text.Json.Serialization;

namespace MergeEngine.Merging.Streaming.Profiling;

/// <summary>What a merge spends its time on.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MergeStage>))]
public enum MergeStage
{
    /// <summary>Headers, plan and what goes beside the weights.</summary>
    [JsonStringEnumMemberName("planning")]
    Planning,

    /// <summary>Inputs opened for hashing, room taken for the output, what an earlier run has left checked.</summary>
    [JsonStringEnumMemberName("opening")]
    Opening,

    /// <summary>Bytes from files into memory.</summary>
    [JsonStringEnumMemberName("reading")]
    Reading,

    /// <summary>The same bytes for a sample or a further pass over a tensor, most likely from the system's cache.</summary>
    [JsonStringEnumMemberName("reading_again")]
    ReadingAgain,

    /// <summary>Hashes of what is read.</summary>
    [JsonStringEnumMemberName("hashing_inputs")]
    HashingInputs,

    /// <summary>Stored types to float32, and rounding to the type of the merge.</summary>
    [JsonStringEnumMemberName("converting_inputs")]
    ConvertingInputs,

    /// <summary>Rows that follow their tokens, and adapters, with the reading that they do.</summary>
    [JsonStringEnumMemberName("transforming")]
    Transforming,

    /// <summary>A method's passes before the last: histograms, norms, energies.</summary>
    [JsonStringEnumMemberName("statistics")]
    Statistics,

    /// <summary>A method's last pass.</summary>
    [JsonStringEnumMemberName("merging")]
    Merging,

    /// <summary>Parts of another thread's statistics or merging, which is one long piece of work.</summary>
    [JsonStringEnumMemberName("helping")]
    Helping,

    /// <summary>float32 to the output's type.</summary>
    [JsonStringEnumMemberName("converting_outputs")]
    ConvertingOutputs,

    /// <summary>NaN and infinities counted, of inputs and outputs.</summary>
    [JsonStringEnumMemberName("checking")]
    Checking,

    /// <summary>Bytes from memory into files.</summary>
    [JsonStringEnumMemberName("writing")]
    Writing,

    /// <summary>Hashes of what is written.</summary>
    [JsonStringEnumMemberName("hashing_outputs")]
    HashingOutputs,

    /// <summary>Waiting for the disk to hold what was written. What is synced while the rest is computed delays nobody and is not counted.</summary>
    [JsonStringEnumMemberName("syncing")]
    Syncing,

    /// <summary>Hashes of what no tensor needed, the manifest, names.</summary>
    [JsonStringEnumMemberName("finishing")]
    Finishing,

    /// <summary>What is left of the threads' time: they waited for each other, for memory, or had nothing to do.</summary>
    [JsonStringEnumMemberName("waiting")]
    Waiting,
}
