using System.Text.Json.Serialization;

namespace MergeEngine.Samples.TextHost;

internal sealed record EmbedRequest(string[] Texts);

internal sealed record EmbedResponse(ReadOnlyMemory<float>[] Embeddings);

internal sealed record ClassifyRequest(string Text);

internal sealed record ClassifyResponse(string Label, ReadOnlyMemory<float> Logits);

internal sealed record ErrorResponse(string Error);

/// <summary>What goes over the wire, with the code that reads and writes it made by the compiler.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(EmbedRequest))]
[JsonSerializable(typeof(EmbedResponse))]
[JsonSerializable(typeof(ClassifyRequest))]
[JsonSerializable(typeof(ClassifyResponse))]
[JsonSerializable(typeof(ErrorResponse))]
[JsonSerializable(typeof(Dictionary<string, float>))]
internal sealed partial class Messages : JsonSerializerContext;
