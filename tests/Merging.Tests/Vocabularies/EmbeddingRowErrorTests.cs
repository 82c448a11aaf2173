using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Tests.Vocabularies;

/// <summary>Rows that cannot follow their tokens get one sentence before anything is merged.</summary>
public sealed class EmbeddingRowErrorTests
{
    [Fact]
    public void Quantised_rows_cannot_follow()
    {
        using TokenModels models = EmbeddingRowTests.Permuted();
        SafetensorsWriter.Write(models.File("models/one/model.safetensors"), new[] { TensorContent.FromInt32("model.embed_tokens.weight", new Shape(7, 4), new int[28]) });
        string recipe = "merge_method: passthrough\nmodels: [{model: models/one}]\ntokenizer: {source: union, tokens: {'<x>': {}}}";
        Assert.Equal(["models/one: the tensor \"model.embed_tokens.weight\" is I32, whose rows cannot follow their tokens, expected F32, F16, BF16 or F64."], models.ProblemsOf(recipe));
    }

    [Theory]
    [InlineData("{source: models/two}", "r.yml:5:37: the token \"d\" takes its row from \"d\" of models/two, which has no such token.")]
    [InlineData("{source: {kind: model_token, model: models/one, token: zz}}", "r.yml:5:37: the token \"d\" takes its row from \"zz\" of models/one, which has no such token.")]
    [InlineData("{source: {kind: model_token, model: models/one, token_id: 7}}", "r.yml:5:37: the token \"d\" takes its row from row 7 of models/one, which has 7 rows.")]
    public void A_row_that_does_not_exist_is_one_sentence(string row, string sentence)
    {
        using TokenModels models = EmbeddingRowTests.Permuted();
        Assert.Equal([sentence], models.ProblemsOf($"{EmbeddingRowTests.Recipe}tokenizer: {{source: union, tokens: {{d: {row}}}}}"));
    }

    /// <summary>The widths of embeddings do not follow from tokens.</summary>
    [Fact]
    public void Other_widths_stay_an_error()
    {
        using TokenModels models = EmbeddingRowTests.Permuted();
        SafetensorsWriter.Write(models.File("models/one/model.safetensors"), new[]
        {
            TensorContent.FromFloat32("model.embed_tokens.weight", new Shape(7, 3), new float[21]), TensorContent.FromFloat32("lm_head.weight", new Shape(7, 4), new float[28]),
            TensorContent.FromFloat32("model.norm.weight", new Shape(4), new float[4]),
        });
        Assert.Equal(
            ["models/one: the tensor \"model.embed_tokens.weight\" has the shape [7, 3], expected [3, 4] as in models/base, but for the number of rows."],
            models.ProblemsOf($"{EmbeddingRowTests.Recipe}tokenizer_source: union"));
    }
}
