using System.Text.Json;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Operations;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>
/// BERT and RoBERTa of transformers: bare, behind <c>bert.</c> or <c>roberta.</c> in a model with heads, with LayerNorms that are called
/// <c>weight</c> and <c>bias</c> or, in old checkpoints, <c>gamma</c> and <c>beta</c>.
/// </summary>
internal sealed class BertLayout(string prefix, bool oldNormNames) : TextLayout
{
    private static readonly string[] Parts = ["query", "key", "value"];

    public override string Description => "a BERT or RoBERTa";

    public override bool Serves(TextFamily wanted) => wanted is TextFamily.Bert or TextFamily.Roberta;

    public override TextTransformerConfig ReadConfig(Checkpoint checkpoint, ConfigFile file, SentenceModules? modules, TextPooling? pooling)
    {
        ConfigSection root = file.Root;
        TextFamily family = FamilyOf(root);
        RequireSupported(root);
        var sizes = new TensorSizes(checkpoint);
        string words = $"{prefix}embeddings.word_embeddings.weight", positions = $"{prefix}embeddings.position_embeddings.weight";
        string types = $"{prefix}embeddings.token_type_embeddings.weight", expand = $"{prefix}encoder.layer.0.intermediate.dense.weight";
        string classifier = family == TextFamily.Roberta ? "classifier.out_proj.weight" : "classifier.weight";
        bool hasPooler = sizes.Has($"{prefix}pooler.dense.weight");
        var config = new TextTransformerConfig
        {
            Family = family,
            Prefix = prefix,
            OldNormNames = oldNormNames,
            Vocabulary = TensorSizes.Agree(root, "vocab_size", sizes.Dimension(words, 2, 0), words),
            Positions = TensorSizes.Agree(root, "max_position_embeddings", sizes.Dimension(positions, 2, 0), positions),
            TokenTypes = TensorSizes.Agree(root, "type_vocab_size", sizes.Dimension(types, 2, 0), types),
            PadId = root.Has("pad_token_id") || root.IsNull("pad_token_id") ? root.Integer("pad_token_id") : family == TextFamily.Roberta ? 1 : 0,
            Width = TensorSizes.Agree(root, "hidden_size", sizes.Dimension(words, 2, 1), words),
            Layers = sizes.AgreeBlocks(root, "num_hidden_layers", $"{prefix}encoder.layer."),
            MlpWidth = TensorSizes.Agree(root, "intermediate_size", sizes.Dimension(expand, 2, 0), expand),
            Heads = root.Size("num_attention_heads") ?? 12,
            Activation = ActivationNames.Parse(root, "hidden_act", Activation.GeluErf),
            NormEpsilon = root.Number("layer_norm_eps") ?? 1e-12,
            HasPooler = hasPooler,
            Pooling = pooling ?? modules?.Pooling ?? (hasPooler && family == TextFamily.Bert ? TextPooling.Pooler : TextPooling.ClassToken),
            IsSentenceEncoder = modules is not null,
            NormalizesEmbeddings = modules?.Normalizes ?? false,
            TruncatesTo = modules?.MaxTokens,
        };
        // A head reads what its family's models give it; features of another kind need a head of their own.
        bool isItsOwn = config.Pooling == (family == TextFamily.Roberta ? TextPooling.ClassToken : TextPooling.Pooler) && !LabelsTokens(root);
        if (isItsOwn && sizes.Has(classifier)) config = config with { Classes = sizes.Dimension(classifier, 2, 0) };
        return config.FindFault() is { } fault ? throw new ModelException($"{file.Path}: {fault}.") : config;
    }

    public override TextNames Names(TextTransformerConfig config)
    {
        long width = config.Width;
        string embeddings = $"{prefix}embeddings.";
        bool roberta = config.Family == TextFamily.Roberta;
        return new TextNames
        {
            Words = new NamedTensor($"{embeddings}word_embeddings.weight", [config.Vocabulary, width]),
            Positions = new NamedTensor($"{embeddings}position_embeddings.weight", [config.Positions, width]),
            Types = new NamedTensor($"{embeddings}token_type_embeddings.weight", [config.TokenTypes, width]),
            EmbeddingNorm = Norm($"{embeddings}LayerNorm", width),
            Blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block(config, $"{prefix}encoder.layer.{i}."))],
            Pooler = config.HasPooler ? LinearNames.Of($"{prefix}pooler.dense", width, width) : null,
            PoolerIsUsed = config.Pooling == TextPooling.Pooler,
            ClassifierHidden = config.Classes > 0 && roberta ? LinearNames.Of("classifier.dense", width, width) : null,
            Classifier = config.Classes > 0 ? LinearNames.Of(roberta ? "classifier.out_proj" : "classifier", width, config.Classes) : null,
        };
    }

    public override TextTransformerConfig Rename(TextTransformerConfig config) => config with { Prefix = prefix, OldNormNames = oldNormNames };

    /// <summary>Other heads, and the buffers that old versions stored.</summary>
    protected override bool LeavesAlone(string name) => name == $"{prefix}embeddings.position_ids" || name == $"{prefix}embeddings.token_type_ids"
        || name.StartsWith("cls.", StringComparison.Ordinal) || name.StartsWith("lm_head.", StringComparison.Ordinal) || name.StartsWith("classifier.", StringComparison.Ordinal)
        || (prefix.Length > 0 && !name.StartsWith(prefix, StringComparison.Ordinal));

    private NormNames Norm(string name, long width) => oldNormNames
        ? new NormNames(new NamedTensor($"{name}.gamma", [width]), new NamedTensor($"{name}.beta", [width]))
        : NormNames.Of(name, width);

    private BlockNames Block(TextTransformerConfig config, string block)
    {
        long width = config.Width, mlp = config.MlpWidth;
        return new BlockNames(
            Norm($"{block}attention.output.LayerNorm", width),
            [.. Parts.Select(part => LinearNames.Of($"{block}attention.self.{part}", width, width))],
            LinearNames.Of($"{block}attention.output.dense", width, width),
            Norm($"{block}output.LayerNorm", width),
            LinearNames.Of($"{block}intermediate.dense", width, mlp),
            LinearNames.Of($"{block}output.dense", mlp, width));
    }

    private TextFamily FamilyOf(ConfigSection root) => root.Text("model_type") switch
    {
        "bert" => TextFamily.Bert,
        "roberta" or "xlm-roberta" or "camembert" => TextFamily.Roberta,
        null => prefix == "roberta." ? TextFamily.Roberta : TextFamily.Bert,
        _ => throw new ModelException($"{root.Describe("model_type")}, expected bert, roberta, xlm-roberta or camembert for these tensors."),
    };

    private static void RequireSupported(ConfigSection root)
    {
        if (root.Text("position_embedding_type") is { } kind && kind != "absolute") throw new ModelException($"{root.Describe("position_embedding_type")}, expected absolute.");
        if (root.Flag("is_decoder") == true) throw new ModelException($"{root.Describe("is_decoder")}, expected false: a decoder's causal attention is not supported here.");
    }

    /// <summary>True if <c>classifier</c> is a head for every token or for choices, which is no head for a text.</summary>
    private static bool LabelsTokens(ConfigSection root) => root.IsList("architectures") && root.Element.GetProperty("architectures").EnumerateArray().Any(
        name => name.ValueKind == JsonValueKind.String && (name.ValueEquals("BertForTokenClassification") || name.ValueEquals("BertForMultipleChoice")));
}
