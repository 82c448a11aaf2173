using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>CLIP's text tower in both layouts on every device: values that transformers computed in float64 from the same float32 weights and ids.</summary>
/// <remarks>The bound is that of the vision models, relative to the largest magnitude of a tensor: float32 torch itself is at 5.2e-7 (the fixture's README).</remarks>
public sealed class ClipTextFixtureTests
{
    private const double Bound = 3e-6;

    /// <summary>Devices, the file with the weights, and steps of length.</summary>
    public static TheoryData<string, string, int> Cases()
    {
        var data = new TheoryData<string, string, int>();
        foreach (string device in DeviceCases.Names.Append("reference"))
        {
            foreach (string file in new[] { "model.safetensors", "model-openclip.safetensors" })
            {
                foreach (int step in new[] { 1, 8, 64 }) data.Add(device, file, step);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Hidden_states_and_embeddings_match_float64(string deviceName, string file, int lengthStep)
    {
        using Device device = DeviceCases.Open(deviceName);
        using TextTransformer encoder = Load(device, file);
        using var expected = new TextCase(FixtureFiles.PathOf("clip-text/case.safetensors"));
        using TextBatch batch = expected.Batch(encoder, lengthStep: lengthStep);
        foreach ((bool keepForBackward, bool keepHidden) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            encoder.KeepHiddenStates = keepHidden;
            float[] features = VisionCase.Download(encoder.Forward(encoder.Parameters, batch, keepForBackward));
            for (int i = 0; keepHidden && i <= encoder.Config.Layers; i++) expected.AssertSequence($"hidden.{i}", batch, encoder.HiddenState(i), Bound);
            expected.AssertSequence("last_hidden", batch, encoder.SequenceOutput, Bound);
            expected.Values.AssertClose("pooled", VisionCase.Download(encoder.PoolerOutput()), Bound);
            expected.Values.AssertClose("text_embeds", features, Bound);
            Assert.Equal(features, VisionCase.Download(encoder.Embeddings()));
        }
    }

    /// <summary>Ids above the end token, two end tokens, none at all, and padding that nothing hides.</summary>
    [Theory]
    [MemberData(nameof(Cases))]
    public void The_end_of_a_text_is_found_by_both_rules_and_with_any_padding(string deviceName, string file, int lengthStep)
    {
        using Device device = DeviceCases.Open(deviceName);
        using var expected = new TextCase(FixtureFiles.PathOf("clip-text/case.safetensors"));
        using TextTransformer encoder = Load(device, file), legacy = Load(device, file, "config-legacy-eos.json");
        Assert.Equal((297, null), (encoder.Config.EndId, legacy.Config.EndId));
        void Check(TextTransformer model, string prefix, TokenTable texts)
        {
            using var batch = new TextBatch(device, model.Config.Limits, lengthStep);
            batch.Fill(texts, [.. Enumerable.Range(0, texts.Count)]);
            float[] embeddings = VisionCase.Download(model.Forward(model.Parameters, batch, keepForBackward: false));
            expected.Values.AssertClose($"{prefix}pooled", VisionCase.Download(model.PoolerOutput()), Bound);
            expected.Values.AssertClose($"{prefix}text_embeds", embeddings, Bound);
        }

        Check(legacy, "legacy.", expected.Texts());
        Check(encoder, "short.", expected.Texts("short."));
        Check(encoder, "no_mask.", Rows(""));
        Check(legacy, "legacy.", Rows(""));
        Check(encoder, "zero_padded.", Rows("zero_padded."));
    }

    /// <summary>The fixture's ids without any mask.</summary>
    private static TokenTable Rows(string prefix)
    {
        using SafetensorsFile file = SafetensorsFile.Open(FixtureFiles.PathOf("clip-text/case.safetensors"));
        Shape shape = file[$"{prefix}input_ids"].Shape;
        int columns = (int)shape[1];
        int[] ids = file.ReadInt32($"{prefix}input_ids");
        var texts = new TokenTable();
        for (int i = 0; i < shape[0]; i++) texts.Add(ids.AsSpan(i * columns, columns));
        return texts;
    }

    private static TextTransformer Load(Device device, string file, string config = "config.json") =>
        TextTransformer.Load(device, FixtureFiles.PathOf($"clip-text/{file}"), FixtureFiles.PathOf($"clip-text/{config}"));
}
