using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Adapters;
using MergeEngine.Merging.Tests.Streaming.Execution;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>Which row each model gives to each token of the output, read from the files of small models.</summary>
public sealed class EmbeddingRowTests
{
    internal const string Recipe = "merge_method: task_arithmetic\nbase_model: models/base\nparameters: {weight: 0.5}\nmodels: [{model: models/one}, {model: models/two}]\n";

    /// <summary>Tokens a and b are everywhere, at other ids; c is of the base and one, d and added e of one alone, f of one and two and not of the base.</summary>
    internal static TokenModels Permuted(DType type = DType.F32)
    {
        var models = new TokenModels();
        models.Write("base", 0, 3, TokenModels.Words("a", "b", "c"), type: type);
        models.Write("one", 1, 7, TokenModels.Words("c", "d", "b", "<e>", "a", "f", "g"), type: type);
        models.Write("two", 2, 4, TokenModels.Words("f", "b", "a", "h"), type: type);
        return models;
    }

    private static float[] Row(int model, int row, bool head = false) => [.. Enumerable.Range(0, TokenModels.Width).Select(c => TokenModels.Value(model, row, c, head))];

    /// <summary>The rows of a model: 0 for the base, which the recipe does not list and which comes last for that.</summary>
    private static float[][] Rows(TensorJob tensor, int model) => [.. JobValues.Read(tensor.Sources[(model + 2) % 3], tensor.Shape.ElementCount).Chunk(TokenModels.Width)];

    private static float[] Mean(params float[][] rows) => [.. Enumerable.Range(0, TokenModels.Width).Select(c => (float)rows.Average(r => (double)r[c]))];

    [Theory]
    [InlineData("model.embed_tokens.weight", false)]
    [InlineData("lm_head.weight", true)]
    public void A_union_takes_a_row_from_the_model_itself_the_only_owner_the_base_or_the_mean(string name, bool head)
    {
        using TokenModels models = Permuted();
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: union");
        // a b c of the base, then d f g of one and h of two, then the added token.
        Assert.Equal(["a", "b", "c", "d", "f", "g", "h", "<e>"], TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span).OrderBy(t => t.Value).Select(t => t.Key));
        Assert.Equal(8, job.Vocabulary.Rows);
        TensorJob tensor = TokenModels.Find(job, name);
        Assert.Equal(new Shape(8, TokenModels.Width), tensor.Shape);
        float[] R(int model, int row) => Row(model, row, head);
        float[] f = Mean(R(1, 5), R(2, 0));
        Assert.Equal([R(0, 0), R(0, 1), R(0, 2), R(1, 1), f, R(1, 6), R(2, 3), R(1, 3)], Rows(tensor, 0));
        Assert.Equal([R(1, 4), R(1, 2), R(1, 0), R(1, 1), R(1, 5), R(1, 6), R(2, 3), R(1, 3)], Rows(tensor, 1));
        Assert.Equal([R(2, 2), R(2, 1), R(0, 2), R(1, 1), R(2, 0), R(1, 6), R(2, 3), R(1, 3)], Rows(tensor, 2));
        Assert.Null(TokenModels.Find(job, "model.norm.weight").Sources[0].Transform);
    }

    /// <summary>Rows without a token are the mean of the others, in float64 and rounded once.</summary>
    [Fact]
    public void Padding_is_the_mean_of_all_tokens()
    {
        using TokenModels models = Permuted();
        using MergeJob job = models.Plan($"{Recipe}tokenizer: {{source: union, pad_to_multiple_of: 5}}");
        Assert.Equal(10, job.Vocabulary!.Rows);
        for (int source = 0; source < 3; source++)
        {
            float[][] rows = Rows(TokenModels.Find(job), source);
            Assert.Equal([Mean(rows[..8]), Mean(rows[..8])], rows[8..]);
        }

        Assert.Contains(job.Notes, n => n.Contains("10 rows, of which 2 have no token and are the mean of the others", StringComparison.Ordinal));
        using MergeJob exact = models.Plan($"{Recipe}tokenizer: {{source: union, pad_to_multiple_of: 4}}");
        Assert.Equal(8, exact.Vocabulary!.Rows);
    }

    [Theory]
    [InlineData(DType.F32)]
    [InlineData(DType.BF16)]
    [InlineData(DType.F64)]
    public void The_bits_do_not_depend_on_how_a_tensor_is_cut(DType type)
    {
        using TokenModels models = Permuted(type);
        using MergeJob job = models.Plan($"{Recipe}tokenizer: {{source: union, pad_to_multiple_of: 64}}");
        foreach (TensorSource source in TokenModels.Find(job).Sources)
        {
            float[] whole = JobValues.Read(source, 64 * TokenModels.Width);
            Assert.Equal(TokenModels.Width, source.Transform!.Unit);
            Assert.InRange(source.Transform.InputBytes, 1, 100 * TokenModels.Width * type.ByteCount(1));
            for (int seed = 0; seed < 5; seed++) Assert.Equal(whole, JobValues.Read(source, 64 * TokenModels.Width, new Random(seed)));
            var parallel = new float[whole.Length];
            Parallel.For(0, 64, r => source.Transform.Read(r * TokenModels.Width, parallel.AsSpan(r * TokenModels.Width, TokenModels.Width)));
            Assert.Equal(whole, parallel.Select(x => JobValues.Round(x, source.DType)));
        }

        Assert.Equal(type == DType.F64, job.Notes.Any(n => n.Contains("is read as float32", StringComparison.Ordinal)));
    }

    /// <summary>From recipe to files: threads, memory and shards change no byte.</summary>
    [Fact]
    public void A_merge_has_the_same_bytes_whatever_the_threads_memory_and_shards()
    {
        using TokenModels models = Permuted();
        using var generated = new GeneratedModels();
        using var device = DeviceCases.Open("cpu", 2);
        string recipe = $"{Recipe}tokenizer: {{source: union, pad_to_multiple_of: 64}}";
        SortedDictionary<string, byte[]>? first = null;
        foreach ((int threads, long memory, long shard) in new[] { (1, 1L << 30, 1L << 30), (2, 1L << 30, 1L << 30), (2, 64L << 20, 600), (1, 128L << 20, 600) })
        {
            using MergeJob job = models.Plan(recipe);
            string output = generated.Merge(job, device, new ExecutionOptions { Device = device, Threads = threads, MemoryLimit = memory }, shard);
            SortedDictionary<string, byte[]> bytes = GeneratedModels.Bytes(output);
            first ??= bytes;
            Assert.Equal(first.Keys, bytes.Keys);
            Assert.All(first, t => Assert.Equal(t.Value, bytes[t.Key]));
            float[] expected = JobValues.Merge(TokenModels.Find(job), device);
            using Checkpoint merged = Checkpoint.Open(output);
            Assert.Equal(expected, merged.ReadFloat32("model.embed_tokens.weight"));
        }
    }

    [Fact]
    public void A_recipe_names_rows_and_forces_them()
    {
        using TokenModels models = Permuted();
        using MergeJob job = models.Plan(
            $$$"""
            {{{Recipe}}}tokenizer:
              source: union
              tokens:
                f: {source: models/two}
                a: {source: {kind: model_token, model: models/one, token: d}, force: true}
                g: {source: {kind: model_token, model: models/two, token_id: 3}}
                h: {source: {kind: zero}}
                "<new>": {source: {kind: model_token, model: models/base, token: c}}
                "<none>": {}
            """);
        Assert.Equal(["a", "b", "c", "d", "f", "g", "h", "<e>", "<new>", "<none>"], TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span).OrderBy(t => t.Value).Select(t => t.Key));
        float[] zero = new float[TokenModels.Width];
        TensorJob tensor = TokenModels.Find(job);
        Assert.Equal([Row(1, 1), Row(0, 1), Row(0, 2), Row(1, 1), Row(2, 0), Row(2, 3), zero, Row(1, 3), Row(0, 2), zero], Rows(tensor, 0));
        Assert.Equal([Row(1, 1), Row(1, 2), Row(1, 0), Row(1, 1), Row(1, 5), Row(1, 6), zero, Row(1, 3), Row(0, 2), zero], Rows(tensor, 1));
        Assert.Equal([Row(1, 1), Row(2, 1), Row(0, 2), Row(1, 1), Row(2, 0), Row(2, 3), Row(2, 3), Row(1, 3), Row(0, 2), zero], Rows(tensor, 2));
    }

    /// <summary>What mergekit fails at: the base's tokenizer and one token more.</summary>
    [Fact]
    public void The_base_may_get_a_token_of_a_model()
    {
        using TokenModels models = Permuted();
        using MergeJob job = models.Plan($"{Recipe}tokenizer: {{source: base, tokens: {{'<e>': {{source: models/one}}}}}}");
        Assert.Equal(4, job.Vocabulary!.Rows);
        TensorJob tensor = TokenModels.Find(job);
        Assert.Equal([Row(0, 0), Row(0, 1), Row(0, 2), Row(1, 3)], Rows(tensor, 0));
        Assert.Equal([Row(2, 2), Row(2, 1), Row(0, 2), Row(1, 3)], Rows(tensor, 2));
        Assert.Equal(new Dictionary<int, int> { [0] = 0, [1] = 1, [2] = 2 }, job.Vocabulary.NewIds);
    }

    /// <summary>A model that is only named for its tokenizer needs no weights, and its ids are those of the output.</summary>
    [Fact]
    public void The_tokenizer_may_be_that_of_a_model_without_weights()
    {
        using TokenModels models = Permuted();
        Directory.CreateDirectory(models.File("models/words"));
        File.WriteAllText(models.File("models/words/tokenizer.json"), TokenModels.Words("b", "<unseen>", "f", "a"));
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: models/words");
        Assert.Equal(File.ReadAllBytes(models.File("models/words/tokenizer.json")), job.Vocabulary!.Files["tokenizer.json"].ToArray());
        float[] zero = new float[TokenModels.Width];
        Assert.Equal([Row(0, 1), zero, Mean(Row(1, 5), Row(2, 0)), Row(0, 0)], Rows(TokenModels.Find(job), 0));
        Assert.Equal([Row(2, 1), zero, Row(2, 0), Row(2, 2)], Rows(TokenModels.Find(job), 2));
        Assert.Equal(new Dictionary<int, int> { [0] = 3, [1] = 0 }, job.Vocabulary.NewIds);
        Assert.Contains(job.Notes, n => n.StartsWith("models/one: 4 of its tokens are not in the vocabulary of the output", StringComparison.Ordinal));
    }

    [Fact]
    public void Tokens_without_a_row_are_taken_away_and_rows_without_a_token_are_cut()
    {
        using var models = new TokenModels();
        models.Write("base", 0, 3, TokenModels.Words("a", "b", "c", "<d>", "<e>"));
        models.Write("one", 1, 6, TokenModels.Words("a", "b", "c"));
        models.Write("two", 2, 3, null);
        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: base");
        Assert.Equal(["a", "b", "c"], TokenTable.Read(job.Vocabulary!.Files["tokenizer.json"].Span).OrderBy(t => t.Value).Select(t => t.Key));
        Assert.All(TokenModels.Find(job).Sources, s => Assert.Null(s.Transform));
        for (int m = 0; m < 3; m++) Assert.Equal([Row(m, 0), Row(m, 1), Row(m, 2)], Rows(TokenModels.Find(job), m));
        Assert.Contains("models/two has no tokenizer and is taken to have that of models/base.", job.Notes);
        Assert.Contains(job.Notes, n => n.Contains("without 2 that have no row in its embeddings", StringComparison.Ordinal));
    }

    /// <summary>The head of a tied model follows its embeddings; biases of logits may stand in one row; other tensors with as many rows are told of.</summary>
    [Fact]
    public void Tied_heads_and_biases_follow_too()
    {
        using TokenModels models = Permuted();
        models.Write("base", 0, 3, TokenModels.Words("a", "b", "c"), head: false);
        foreach ((string name, int rows) in new[] { ("one", 7), ("two", 4), ("base", 3) })
        {
            using Checkpoint now = Checkpoint.Open(models.File($"models/{name}"));
            TensorContent[] tensors =
            [
                .. now.Names.Select(n => TensorContent.FromFloat32(n, now[n].Shape, now.ReadFloat32(n))),
                TensorContent.FromFloat32("final_logits_bias", new Shape(1, rows), Enumerable.Range(0, rows).Select(r => r + 0.25f).ToArray()),
                TensorContent.FromFloat32("score.weight", new Shape(3, 2), new float[6]),
            ];
            SafetensorsWriter.Write(models.File($"models/{name}/model.safetensors"), tensors);
        }

        using MergeJob job = models.Plan($"{Recipe}tokenizer_source: union");
        TensorJob head = TokenModels.Find(job, "lm_head.weight"), bias = TokenModels.Find(job, "final_logits_bias");
        Assert.Equal([Row(0, 0), Row(0, 1), Row(0, 2), Row(1, 1, true)], Rows(head, 0)[..4]);
        Assert.Equal(new Shape(1, 8), bias.Shape);
        Assert.Equal([4.25f, 2.25f, 0.25f, 1.25f, 5.25f, 6.25f, 3.25f, 3.25f], JobValues.Read(bias.Sources[0], 8));
        Assert.Contains("\"score.weight\" has as many rows as models/base has tokens, but is no known embedding or head: its rows stay where they are.", job.Notes);
    }

    /// <summary>Rows that an adapter changed are moved as it left them.</summary>
    [Fact]
    public void Rows_of_an_adapted_model_are_moved_as_the_adapter_left_them()
    {
        using TokenModels models = Permuted();
        Directory.CreateDirectory(models.File("models/adapter"));
        File.WriteAllText(models.File("models/adapter/adapter_config.json"), """{"peft_type": "LORA", "r": 1, "lora_alpha": 1}""");
        SafetensorsWriter.Write(models.File("models/adapter/adapter_model.safetensors"), new[]
        {
            TensorContent.FromFloat32("base_model.model.lm_head.lora_A.weight", new Shape(1, TokenModels.Width), new float[] { 1, 0, 0, 2 }),
            TensorContent.FromFloat32("base_model.model.lm_head.lora_B.weight", new Shape(7, 1), new float[] { 1, 2, 3, 4, 5, 6, 7 }),
        });
        using MergeJob job = models.Plan($"{Recipe.Replace("models/one", "models/one+models/adapter", StringComparison.Ordinal)}tokenizer_source: union");
        TensorJob head = TokenModels.Find(job, "lm_head.weight");
        float[] d = [.. Row(1, 1, true).Select((x, c) => x + (2 * new float[] { 1, 0, 0, 2 }[c]))];
        for (int m = 0; m < 3; m++) Assert.Equal(d, Rows(head, m)[3]);
        Assert.Equal(Row(1, 1), Rows(TokenModels.Find(job), 0)[3]);
    }
}
