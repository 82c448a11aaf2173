using System.Text.Json.Serialization;

namespace MergeEngine.Cli.Reports;

/// <summary>JSON within the metadata of a safetensors file: on one line, as the files of <c>tune</c> have it.</summary>
[JsonSerializable(typeof(string[]))]
internal sealed partial class MetadataJson : JsonSerializerContext;
