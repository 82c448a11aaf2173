using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>Writes a model that was made here, as a directory that transformers loads: ViTModel, or ViTForImageClassification with a head.</summary>
internal static class NewCheckpoint
{
    /// <param name="path">A directory.</param>
    /// <param name="config">A config of <see cref="VisionFamily.HuggingFaceVit"/>.</param>
    /// <param name="parameters">The weights.</param>
    /// <param name="head">Written as <c>classifier</c>; null for none.</param>
    /// <exception cref="ModelException">The config cannot be written in this layout.</exception>
    public static void Write(string path, VisionTransformerConfig config, ParameterVector parameters, ClassificationHead? head)
    {
        if (config.Family != VisionFamily.HuggingFaceVit) throw new ModelException($"{path}: a new {config.Family} model cannot be written, expected one in the layout of Hugging Face ViT.");
        if (head?.LogitScale is not null) throw new ModelException($"{path}: a head with a logit scale cannot be saved as a classifier, expected a linear one.");
        CreateDirectory(path);
        // A model with a classifier has its encoder's names behind a prefix.
        var tensors = Contents(parameters, head is not null && config.Prefix.Length == 0 ? "vit." : "").ToList();
        if (head is not null) tensors.Add(Content(head.Parameters, head.WeightParameter, "classifier.weight"));
        if (head?.BiasParameter is { } bias) tensors.Add(Content(head.Parameters, bias, "classifier.bias"));
        SafetensorsWriter.Write(Path.Combine(path, Checkpoint.SingleFileName), tensors, new Dictionary<string, string> { ["format"] = "pt" });
        WriteJson(Path.Combine(path, "config.json"), writer => WriteConfig(writer, config, head?.Classes ?? 0));
        WriteJson(Path.Combine(path, Preprocessing.FileName), writer => WritePreprocessor(writer, config));
    }

    public static void CreateDirectory(string path)
    {
        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be created as a directory ({e.Message.TrimEnd('.')}).", e);
        }
    }

    /// <summary>The parameters of a vector as tensors to write, read from the device when their turn comes.</summary>
    public static IEnumerable<TensorContent> Contents(ParameterVector vector, string prefix = "") => vector.Layout.Parameters.Select(parameter =>
        Content(vector, parameter, $"{prefix}{parameter.Name}"));

    private static TensorContent Content(ParameterVector vector, Parameter parameter, string name) =>
        new(name, DType.F32, parameter.Shape, stream => vector.Device.Download(vector[parameter], stream, static (piece, _, target) => target.Write(MemoryMarshal.AsBytes(piece))));

    private static void WriteConfig(Utf8JsonWriter writer, VisionTransformerConfig config, int classes)
    {
        writer.WriteStartArray("architectures");
        writer.WriteStringValue(classes > 0 ? "ViTForImageClassification" : "ViTModel");
        writer.WriteEndArray();
        writer.WriteNumber("attention_probs_dropout_prob", 0.0);
        writer.WriteString("dtype", "float32");
        writer.WriteString("hidden_act", ActivationNames.Of(config.Activation));
        writer.WriteNumber("hidden_dropout_prob", 0.0);
        writer.WriteNumber("hidden_size", config.Width);
        if (classes > 0)
        {
            writer.WriteStartObject("id2label");
            for (int i = 0; i < classes; i++) writer.WriteString($"{i}", $"LABEL_{i}");
            writer.WriteEndObject();
        }

        if (config.Image.Height == config.Image.Width)
        {
            writer.WriteNumber("image_size", config.Image.Height);
        }
        else
        {
            writer.WriteStartArray("image_size");
            writer.WriteNumberValue(config.Image.Height);
            writer.WriteNumberValue(config.Image.Width);
            writer.WriteEndArray();
        }

        writer.WriteNumber("intermediate_size", config.MlpWidth);
        writer.WriteNumber("layer_norm_eps", config.NormEpsilon);
        writer.WriteString("model_type", "vit");
        writer.WriteNumber("num_attention_heads", config.Heads);
        writer.WriteNumber("num_channels", config.Image.Channels);
        writer.WriteNumber("num_hidden_layers", config.Layers);
        writer.WriteNumber("patch_size", config.PatchSize);
        writer.WriteBoolean("qkv_bias", config.QkvBias);
    }

    private static void WritePreprocessor(Utf8JsonWriter writer, VisionTransformerConfig config)
    {
        writer.WriteBoolean("do_normalize", true);
        writer.WriteBoolean("do_rescale", true);
        writer.WriteBoolean("do_resize", true);
        WriteNumbers(writer, "image_mean", config.Normalization.Mean);
        writer.WriteString("image_processor_type", "ViTImageProcessor");
        WriteNumbers(writer, "image_std", config.Normalization.Std);
        writer.WriteNumber("resample", 2);
        writer.WriteNumber("rescale_factor", config.Normalization.Rescale);
        writer.WriteStartObject("size");
        writer.WriteNumber("height", config.Image.Height);
        writer.WriteNumber("width", config.Image.Width);
        writer.WriteEndObject();
    }

    private static void WriteNumbers(Utf8JsonWriter writer, string name, IReadOnlyList<double> values)
    {
        writer.WriteStartArray(name);
        foreach (double value in values) writer.WriteNumberValue(value);
        writer.WriteEndArray();
    }

    public static void WriteJson(string path, Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        try
        {
            File.WriteAllText(path, Encoding.UTF8.GetString(stream.ToArray()).ReplaceLineEndings("\n") + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path}: cannot be written ({e.Message.TrimEnd('.')}).", e);
        }
    }
}
