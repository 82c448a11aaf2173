using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Embeddings.Tests.Support;

/// <summary>
/// A sentence-transformers directory of a few thousand random parameters with a tokenizer of some words, two models "tuned" from it, and a head of three
/// classes: what a service needs, in a directory that is gone with it.
/// </summary>
internal sealed class TinyTextModel : IDisposable
{
    private static readonly string[] s_words =
    [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "the", "good", "bad", "text", "another", "film", "was", "is", "very", "not", "and", "it", "i", "you",
        "saw", "##s", "##ed", "long", "short", "happy", "sad", "rain", "sun", ".", ",", "!",
    ];

    private readonly TemporaryDirectory _directory = new();

    public TinyTextModel(bool normalizes = true)
    {
        Base = WriteModel("base", 1, normalizes);
        Directory.CreateDirectory(_directory.File("tuned"));
        using Device device = Device.Open("cpu", threads: 1);
        using TextTransformer encoder = TextTransformer.Load(device, Base);
        Tuned = [WriteTuned(encoder, "first", 2), WriteTuned(encoder, "second", 3)];
        Head = _directory.File("head.safetensors");
        using ClassificationHead head = ClassificationHead.Random(device, 3, encoder.FeatureWidth, 4);
        SafetensorsWriter.Write(Head, head.ToTensors());
    }

    public static TextTransformerConfig Config => new()
    {
        Vocabulary = s_words.Length,
        Positions = 16,
        Width = 24,
        Layers = 2,
        Heads = 2,
        MlpWidth = 32,
        Pooling = TextPooling.Mean,
    };

    public string Root => _directory.Path;

    /// <summary>Directory of the base.</summary>
    public string Base { get; }

    /// <summary>Directories of the two tuned models.</summary>
    public string[] Tuned { get; }

    /// <summary>A head of three classes.</summary>
    public string Head { get; }

    /// <summary>Texts of all lengths, some with words that the tokenizer does not know, some cut off.</summary>
    public static string[] Texts(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(i => string.Join(' ', Enumerable.Range(0, i % 20).Select(_ => s_words[4 + random.Next(s_words.Length - 4)])))];
    }

    public void Dispose() => _directory.Dispose();

    private string WriteModel(string name, ulong seed, bool normalizes)
    {
        string path = _directory.File(name);
        using Device device = Device.Open("cpu", threads: 1);
        using (TextTransformer encoder = TextTransformer.CreateRandom(device, Config, seed)) encoder.Save(path, encoder.Parameters);
        File.WriteAllLines(Path.Combine(path, "vocab.txt"), s_words);
        string normalize = normalizes ? """, {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}""" : "";
        File.WriteAllText(
            Path.Combine(path, "modules.json"),
            $$"""[{"path": "", "type": "sentence_transformers.models.Transformer"}, {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}{{normalize}}]""");
        Directory.CreateDirectory(Path.Combine(path, "1_Pooling"));
        File.WriteAllText(Path.Combine(path, "1_Pooling", "config.json"), """{"pooling_mode_mean_tokens": true}""");
        return path;
    }

    private string WriteTuned(TextTransformer encoder, string name, ulong seed)
    {
        string path = Path.Combine(_directory.Path, "tuned", name);
        using ParameterVector tuned = encoder.Parameters.Clone();
        foreach (Parameter parameter in tuned.Layout.Parameters)
        {
            var random = new PhiloxStream(seed, parameter.Name);
            float[] values = tuned.Download(parameter.Name);
            for (int i = 0; i < values.Length; i++) values[i] += 0.1f * random.NextGaussian();
            tuned.Upload(parameter.Name, values);
        }

        encoder.Save(path, tuned);
        return path;
    }
}
