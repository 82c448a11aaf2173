using System.Text.Json.Nodes;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Merging;

/// <summary>What is right where mergekit's output is not: for each defect of the set the tensors that it gets wrong or loses, from the definition in float64, and what config.json must say.</summary>
internal sealed class RightAnswer
{
    private static readonly Dictionary<string, Action<RightAnswer>> s_answers = new()
    {
        ["nuslerp-base"] = StraightLines,
        ["nuslerp-base-rows"] = StraightLines,
        ["karcher-3-bf16"] = Karcher,
        ["arcee-fusion-bf16"] = a => a.Stored = DType.BF16,
        ["slices-base"] = AllSourcesOfTheLastSlice,
        ["dtype-bf16-fp16"] = a => a.Config["dtype"] = "float32",
        ["extra-tensors-only-input"] = a => a.Add(["llama-a-extra"], a.LostOf("llama-a-extra"), x => x[0]),
        ["unsafe-truncate-base-larger"] = a => a.Config["vocab_size"] = 96,
        ["tied-untied-ta"] = a => a.Config["tie_word_embeddings"] = false,
        ["bert-mlm"] = a => a.Add(["bertmlm-a", "bertmlm-b"], a.LostOf("bertmlm-a"), x => ((0.6 * x[0]) + (0.5 * x[1])) / 1.1),
        ["vit-linear"] = a => a.Add(["vit-a", "vit-b"], a.LostOf("vit-a"), x => ((0.6 * x[0]) + (0.5 * x[1])) / 1.1),
        ["vit-ta-gradient"] = GradientOverVisionLayers,
        ["tokenizer-model-permuted"] = a => (a.Config["bos_token_id"], a.Config["eos_token_id"], a.Config["pad_token_id"]) = (75, 63, 21),
        // These were defects of releases before the one that made the set.
        ["breadcrumbs-small-gamma"] = _ => { },
        ["breadcrumbs-ties-small-gamma"] = _ => { },
        ["sce-none"] = _ => { },
        ["ties-one-element"] = _ => { },
    };

    /// <summary>mergekit takes this from an arbitrary model, so that it differs from run to run.</summary>
    private static readonly Dictionary<string, Action<RightAnswer>> s_choices = new()
    {
        ["dtype-mixed-tensors"] = a => a.Config["dtype"] = "float32",
        ["tied-untied"] = a => a.Config["tie_word_embeddings"] = false,
    };

    private readonly Checkpoint _expected;

    private RightAnswer(Checkpoint expected) => _expected = expected;

    /// <summary>Every case that the set calls a defect, former ones included.</summary>
    public static IEnumerable<string> Names => s_answers.Keys;

    /// <summary>Values that stand in the place of mergekit's, or beside them.</summary>
    public Dictionary<string, double[]> Values { get; } = [];

    /// <summary>Values of config.json that stand in the place of mergekit's.</summary>
    public Dictionary<string, JsonNode?> Config { get; } = [];

    /// <summary>The type of all tensors, where mergekit's is wrong.</summary>
    public DType? Stored { get; private set; }

    /// <summary>Allowed difference from <see cref="Values"/>, beside the case's own bound, as a share of the value: the rounding of the output's type.</summary>
    public double Rounding { get; private set; }

    public static RightAnswer Of(string name, Checkpoint expected)
    {
        var answer = new RightAnswer(expected);
        if (s_answers.TryGetValue(name, out Action<RightAnswer>? find) || s_choices.TryGetValue(name, out find)) find(answer);
        return answer;
    }

    private IEnumerable<string> LostOf(string model)
    {
        using Checkpoint input = MergekitSet.Model(model);
        return [.. input.Names.Where(n => !_expected.Contains(n))];
    }

    /// <summary>Tensors of which every element is made of those of the models in its place.</summary>
    private void Add(string[] models, IEnumerable<string> names, Func<double[], double> element)
    {
        Checkpoint[] inputs = [.. models.Select(MergekitSet.Model)];
        foreach (string name in names)
        {
            double[][] values = [.. inputs.Select(i => MergekitSet.Values(i, name))];
            Values[name] = [.. Enumerable.Range(0, values[0].Length).Select(e => element([.. values.Select(v => v[e])]))];
        }

        foreach (Checkpoint input in inputs) input.Dispose();
    }

    /// <summary>
    /// Exactly opposite differences are collinear, and where one model is untouched there is no angle between the differences, which mergekit takes to be a right one: both are the method's
    /// own case of the line between the two.
    /// </summary>
    private static void StraightLines(RightAnswer answer)
    {
        const double T = 0.4 / 1.1;
        string[] names = ["model.layers.2.self_attn.k_proj.weight", "model.layers.2.mlp.up_proj.weight", "model.layers.0.self_attn.o_proj.weight"];
        answer.Add(["llama-base", "llama-a", "llama-b"], names, x => x[0] + ((1 - T) * (x[1] - x[0])) + (T * (x[2] - x[0])));
    }

    private static void AllSourcesOfTheLastSlice(RightAnswer answer) =>
        answer.Add(["llama-c", "llama-a", "llama-b"], ["model.norm.weight", "lm_head.weight"], x => x[0] + (0.5 * ((0.4 * (x[1] - x[0])) + (0.5 * (x[2] - x[0])))));

    private static void GradientOverVisionLayers(RightAnswer answer)
    {
        string[] lost = [.. answer.LostOf("vit-base")];
        for (int layer = 0; layer < 3; layer++)
        {
            double weight = 1 - (layer / 2.0);
            answer.Add(["vit-base", "vit-a", "vit-b"], lost.Where(n => n.Contains($".layer.{layer}.", StringComparison.Ordinal)), x => x[0] + (weight * (x[1] - x[0])) + (0.5 * (x[2] - x[0])));
        }
    }

    /// <summary>The mean on the sphere, at most ten steps, until one is shorter than 1e-5; times the mean of the norms.</summary>
    private static void Karcher(RightAnswer answer)
    {
        answer.Rounding = Math.Pow(2, -8);
        Checkpoint[] inputs = [.. new[] { "llama-a-bf16", "llama-b-bf16", "llama-c-bf16" }.Select(MergekitSet.Model)];
        foreach (string name in inputs[0].Names)
        {
            double[][] values = [.. inputs.Select(i => MergekitSet.Values(i, name))];
            double[] norms = [.. values.Select(Norm)];
            double[][] units = [.. values.Select((v, i) => Scale(v, 1 / norms[i]))];
            double[] mean = Unit(Sum(units.Select(u => (u, 1.0))));
            for (int step = 0; step < 10; step++)
            {
                double[] tangent = Sum(units.SelectMany(u =>
                {
                    double cosine = Math.Clamp(u.Zip(mean, (a, b) => a * b).Sum(), -1, 1), angle = Math.Acos(cosine), pull = angle < 1e-12 ? 1 : angle / Math.Sin(angle);
                    return new[] { (u, pull / 3), (mean, -pull * cosine / 3) };
                }));
                double length = Norm(tangent);
                if (length < 1e-5) break;
                mean = Unit(Sum([(mean, Math.Cos(length)), (tangent, Math.Sin(length) / length)]));
            }

            answer.Values[name] = Scale(mean, norms.Average());
        }

        foreach (Checkpoint input in inputs) input.Dispose();
    }

    private static double Norm(double[] v) => Math.Sqrt(v.Sum(x => x * x));

    private static double[] Scale(double[] v, double by) => Array.ConvertAll(v, x => x * by);

    private static double[] Unit(double[] v) => Scale(v, 1 / Norm(v));

    private static double[] Sum(IEnumerable<(double[] Vector, double By)> terms)
    {
        double[]? sum = null;
        foreach ((double[] vector, double by) in terms)
        {
            sum ??= new double[vector.Length];
            for (int i = 0; i < sum.Length; i++) sum[i] += by * vector[i];
        }

        return sum!;
    }
}
