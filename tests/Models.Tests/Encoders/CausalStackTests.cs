using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Encoders;

/// <summary>The same blocks with a causal mask: CLIP's text tower from its embeddings on, with separate and with fused queries, keys and values.</summary>
public sealed class CausalStackTests
{
    private const int Batch = 8, Tokens = 24, Width = 48, Heads = 4, Mlp = 192, Layers = 2;

    public static TheoryData<string, bool> Cases()
    {
        var data = new TheoryData<string, bool>();
        foreach (string device in DeviceCases.Names.Append("reference"))
        {
            data.Add(device, false);
            data.Add(device, true);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Hidden_states_match_float64(string deviceName, bool fused)
    {
        using Device device = DeviceCases.Open(deviceName);
        using Checkpoint model = Checkpoint.Open(FixtureFiles.PathOf($"clip-text/{(fused ? "model-openclip" : "model")}.safetensors"));
        using var expected = new VisionCase(FixtureFiles.PathOf("clip-text/case.safetensors"));
        var layout = new ParameterLayout(model.Names.Select(name => KeyValuePair.Create(name, model[name].Shape)));
        using var parameters = new ParameterVector(device, layout);
        foreach (string name in model.Names) parameters.Upload(name, model.ReadFloat32(name));
        var shape = new TransformerBlockShape(Width, Heads, Mlp, Activation.GeluQuick, Causal: true);
        var stack = new TransformerStack(shape, [.. Enumerable.Range(0, Layers).Select(i => fused ? OpenClip(layout, i) : HuggingFace(layout, i))]);
        using DeviceBuffer mask = device.Allocate<int>(Batch * Tokens);
        int[] shown = expected.Integers("attention_mask");
        device.Upload<int>(shown, mask.AsSpan<int>());
        using var arena = new ActivationArena(device);
        StackSlots slots = stack.Plan(arena, Retention.HiddenStates, Tokens);
        arena.Reserve(Batch);
        device.Upload<float>([.. expected.Doubles("hidden.0").Select(v => (float)v)], arena.Span(slots.Hidden[0], Batch * Tokens * Width));
        stack.Forward(device.Operations, parameters, arena, slots, SampleRows.Uniform(Batch, Tokens), firstTokenOnly: false, mask.AsSpan<int>());
        for (int layer = 1; layer <= Layers; layer++)
        {
            double[] values = expected.Doubles($"hidden.{layer}");
            float[] actual = VisionCase.Download(arena.Matrix(slots.Hidden[layer], Batch * Tokens, Width));
            double worst = 0;
            for (int i = 0; i < values.Length; i++)
            {
                if (shown[i / Width] != 0) worst = Math.Max(worst, Math.Abs(values[i] - actual[i]));
            }

            Assert.True(worst <= 3e-6 * values.Max(Math.Abs), $"hidden.{layer}: {worst:e2}");
        }
    }

    private static TransformerBlockParameters HuggingFace(ParameterLayout layout, int i)
    {
        string block = $"text_model.encoder.layers.{i}.", attention = $"{block}self_attn.";
        return new TransformerBlockParameters(
            Norm(layout, $"{block}layer_norm1"),
            new LinearLayer(Part(layout, $"{attention}q_proj"), Part(layout, $"{attention}k_proj"), Part(layout, $"{attention}v_proj")),
            new LinearLayer(Part(layout, $"{attention}out_proj")),
            Norm(layout, $"{block}layer_norm2"),
            new LinearLayer(Part(layout, $"{block}mlp.fc1")),
            new LinearLayer(Part(layout, $"{block}mlp.fc2")));
    }

    private static TransformerBlockParameters OpenClip(ParameterLayout layout, int i)
    {
        string block = $"transformer.resblocks.{i}.";
        return new TransformerBlockParameters(
            Norm(layout, $"{block}ln_1"),
            new LinearLayer(new LinearPart(layout[$"{block}attn.in_proj_weight"], layout[$"{block}attn.in_proj_bias"])),
            new LinearLayer(Part(layout, $"{block}attn.out_proj")),
            Norm(layout, $"{block}ln_2"),
            new LinearLayer(Part(layout, $"{block}mlp.c_fc")),
            new LinearLayer(Part(layout, $"{block}mlp.c_proj")));
    }

    private static LayerNorm Norm(ParameterLayout layout, string name) => new(layout[$"{name}.weight"], layout[$"{name}.bias"], 1e-5f);

    private static LinearPart Part(ParameterLayout layout, string name) => new(layout[$"{name}.weight"], layout[$"{name}.bias"]);
}
