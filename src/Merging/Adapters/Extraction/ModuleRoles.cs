using MergeEngine.Merging.Streaming.Planning;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>What PEFT must know of a module that only its name tells.</summary>
internal static class ModuleRoles
{
    private static readonly string[] s_embeddings =
        ["wpe", "position_embeddings", "token_type_embeddings", "embed_positions", "position_embedding", "token_embedding", "relative_attention_bias"];

    /// <summary>Whether rows of its weight are looked up: its factors are those of an embedding.</summary>
    public static bool IsEmbedding(string module) =>
        (HasRowPerToken(module) && TensorRoles.StandInsFor($"{module}.weight").Count == 0) || s_embeddings.Contains(LastPart(module));

    /// <summary>Whether it is the token embedding, or the head over the tokens.</summary>
    public static bool HasRowPerToken(string module) => TensorRoles.HasRowPerToken($"{module}.weight");

    public static string LastPart(string module) => module[(module.LastIndexOf('.') + 1)..];

    /// <summary>What PEFT calls the task of a model's class; null where it has no name.</summary>
    public static string? TaskOf(string? architecture) => architecture switch
    {
        null => null,
        _ when architecture.EndsWith("ForCausalLM", StringComparison.Ordinal) || architecture.EndsWith("LMHeadModel", StringComparison.Ordinal) => "CAUSAL_LM",
        _ when architecture.EndsWith("ForConditionalGeneration", StringComparison.Ordinal) => "SEQ_2_SEQ_LM",
        _ when architecture.EndsWith("ForSequenceClassification", StringComparison.Ordinal) => "SEQ_CLS",
        _ when architecture.EndsWith("ForTokenClassification", StringComparison.Ordinal) => "TOKEN_CLS",
        _ when architecture.EndsWith("ForQuestionAnswering", StringComparison.Ordinal) => "QUESTION_ANS",
        _ => null,
    };
}
