using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// The names and shapes that one family of text checkpoints has, both ways: from a file to a config, and from a config to the tensors it
/// needs. Where the encoder lies in a file is seen from its names.
/// </summary>
internal abstract class TextLayout
{
    /// <summary>Whether a checkpoint is one of a text encoder.</summary>
    /// <exception cref="SafetensorsException">It cannot be read.</exception>
    public static bool Matches(string path)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        return Recognize(checkpoint) is not null;
    }

    /// <summary>Finds the layout of a checkpoint.</summary>
    /// <exception cref="ModelException">None of the known ones.</exception>
    public static TextLayout Detect(Checkpoint checkpoint)
    {
        const string known = "a BERT, a RoBERTa, a sentence-transformers model made from one or a CLIP's text tower";
        if (Recognize(checkpoint) is { } layout) return layout;
        if (VisionLayout.Recognize(checkpoint) is { } vision)
            throw new ModelException($"{checkpoint.Path}: the tensors are those of a vision transformer ({vision.Family}), expected those of {known}.");
        throw new ModelException(
            $"{checkpoint.Path}: the tensors are not those of {known}; there is {(checkpoint.Names.Count == 0 ? "none" : Quoting.QuoteSome(checkpoint.Names.ToArray(), 4))}.");
    }

    /// <summary>The layout of a config.</summary>
    public static TextLayout Of(TextTransformerConfig config) => config.Family switch
    {
        TextFamily.Clip => new HuggingFaceClipTextLayout(config.Prefix),
        TextFamily.OpenClip => new OpenClipTextLayout(config.Prefix),
        _ => new BertLayout(config.Prefix, config.OldNormNames),
    };

    /// <summary>What a checkpoint of this layout is, as part of a sentence.</summary>
    public abstract string Description { get; }

    /// <summary>Names that a config file has beside the weights, the likeliest first.</summary>
    public virtual IReadOnlyList<string> ConfigFileNames => ["config.json"];

    /// <summary>True if encoders of a family have these names and shapes, but for prefixes.</summary>
    public abstract bool Serves(TextFamily wanted);

    /// <summary>Puts config and tensor shapes together; sizes that the config lacks come from the shapes.</summary>
    /// <param name="checkpoint">The tensors.</param>
    /// <param name="file">The config.</param>
    /// <param name="modules">What a sentence-transformers model says about its embeddings; null for another model.</param>
    /// <param name="pooling">What the features are; null as the files say.</param>
    /// <exception cref="ModelException">They contradict each other, or ask for something that is not supported.</exception>
    public abstract TextTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, SentenceModules? modules, TextPooling? pooling);

    /// <summary>The tensors of a config.</summary>
    public abstract TextNames Names(TextTransformerConfig config);

    /// <summary>This layout's names for what another one calls something else.</summary>
    public abstract TextTransformerConfig Rename(TextTransformerConfig config);

    /// <summary>True for a tensor that is neither the encoder's nor the classifier's and changes no feature.</summary>
    protected abstract bool LeavesAlone(string name);

    /// <summary>Every tensor is there with its shape, and nothing is there that the encoder would have to run but cannot.</summary>
    /// <exception cref="ModelException">Lists what is wrong.</exception>
    public void Check(Checkpoint checkpoint, TextNames names, TextFamily family) =>
        LayoutCheck.Require(checkpoint, names.EncoderTensors().Concat(names.OtherTensors()), LeavesAlone, $"{family}");

    /// <summary>The layout that a checkpoint's names are of; null for none.</summary>
    public static TextLayout? Recognize(Checkpoint checkpoint)
    {
        foreach (string prefix in new[] { "bert.", "roberta.", "" })
        {
            if (!checkpoint.Contains($"{prefix}embeddings.word_embeddings.weight")) continue;
            return new BertLayout(prefix, checkpoint.Contains($"{prefix}embeddings.LayerNorm.gamma"));
        }

        return ClipTextLayout.Find(checkpoint);
    }
}
