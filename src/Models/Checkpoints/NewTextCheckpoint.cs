using System.Text.Json;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Writes a text encoder that was made here, as a directory that transformers loads: BertModel, RobertaModel or CLIPTextModelWithProjection.</summary>
internal static class NewTextCheckpoint
{
    /// <param name="path">A directory.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="head">Must be null: a head goes into a file of its own.</param>
    /// <exception cref="ModelException">There is a head.</exception>
    public static void Write(string path, TextTransformerConfig config, ParameterVector parameters, ClassificationHead? head)
    {
        if (head is not null) throw new ModelException($"{path}: a new text encoder has no classifier, expected its head in a file of its own.");
        if (config.Family == TextFamily.OpenClip) throw new ModelException($"{path}: a new {config.Family} model cannot be written, expected one in the layout of {TextFamily.Clip}.");
        NewCheckpoint.CreateDirectory(path);
        SafetensorsWriter.Write(Path.Combine(path, Checkpoint.SingleFileName), NewCheckpoint.Contents(parameters), new Dictionary<string, string> { ["format"] = "pt" });
        NewCheckpoint.WriteJson(Path.Combine(path, "config.json"), writer =>
        {
            if (config.IsClip) WriteClipConfig(writer, config);
            else WriteConfig(writer, config);
        });
    }

    private static void WriteClipConfig(Utf8JsonWriter writer, TextTransformerConfig config)
    {
        writer.WriteStartArray("architectures");
        writer.WriteStringValue(config.ProjectionWidth > 0 ? "CLIPTextModelWithProjection" : "CLIPTextModel");
        writer.WriteEndArray();
        writer.WriteNumber("attention_dropout", 0.0);
        writer.WriteString("dtype", "float32");
        writer.WriteNumber("eos_token_id", config.EndId ?? ClipTextSettings.LegacyEndId);
        writer.WriteString("hidden_act", ActivationNames.Of(config.Activation));
        writer.WriteNumber("hidden_size", config.Width);
        writer.WriteNumber("intermediate_size", config.MlpWidth);
        writer.WriteNumber("layer_norm_eps", config.NormEpsilon);
        writer.WriteNumber("max_position_embeddings", config.Positions);
        writer.WriteString("model_type", "clip_text_model");
        writer.WriteNumber("num_attention_heads", config.Heads);
        writer.WriteNumber("num_hidden_layers", config.Layers);
        if (config.ProjectionWidth > 0) writer.WriteNumber("projection_dim", config.ProjectionWidth);
        writer.WriteNumber("vocab_size", config.Vocabulary);
    }

    private static void WriteConfig(Utf8JsonWriter writer, TextTransformerConfig config)
    {
        bool roberta = config.Family == TextFamily.Roberta;
        writer.WriteStartArray("architectures");
        writer.WriteStringValue(roberta ? "RobertaModel" : "BertModel");
        writer.WriteEndArray();
        writer.WriteNumber("attention_probs_dropout_prob", 0.0);
        writer.WriteString("dtype", "float32");
        writer.WriteString("hidden_act", ActivationNames.Of(config.Activation));
        writer.WriteNumber("hidden_dropout_prob", 0.0);
        writer.WriteNumber("hidden_size", config.Width);
        writer.WriteNumber("intermediate_size", config.MlpWidth);
        writer.WriteNumber("layer_norm_eps", config.NormEpsilon);
        writer.WriteNumber("max_position_embeddings", config.Positions);
        writer.WriteString("model_type", roberta ? "roberta" : "bert");
        writer.WriteNumber("num_attention_heads", config.Heads);
        writer.WriteNumber("num_hidden_layers", config.Layers);
        if (config.PadId is { } pad) writer.WriteNumber("pad_token_id", pad);
        else writer.WriteNull("pad_token_id");
        writer.WriteNumber("type_vocab_size", config.TokenTypes);
        writer.WriteNumber("vocab_size", config.Vocabulary);
    }
}
