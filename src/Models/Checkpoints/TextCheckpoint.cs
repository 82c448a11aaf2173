using MergeEngine.Models.Encoders;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>A text checkpoint that is open: its tensors, its config and its layout, so that it can be written again as it came.</summary>
internal sealed class TextCheckpoint : IDisposable
{
    private readonly string _configPath;
    private readonly SentenceModules? _modules;

    private TextCheckpoint(Checkpoint tensors, string configPath, SentenceModules? modules, TextTransformerConfig config, TextNames names, IReadOnlyList<string>? classNames)
    {
        Tensors = tensors;
        _configPath = configPath;
        _modules = modules;
        Config = config;
        Names = names;
        ClassNames = classNames;
    }

    public Checkpoint Tensors { get; }

    public TextTransformerConfig Config { get; }

    public TextNames Names { get; }

    /// <summary>What the config calls the rows of the classifier; null where there is none or it says nothing.</summary>
    public IReadOnlyList<string>? ClassNames { get; }

    public static TextCheckpoint Open(string path, string? configPath, TextPooling? pooling)
    {
        Checkpoint tensors = Checkpoint.Open(path);
        try
        {
            TextLayout layout = TextLayout.Detect(tensors);
            string file = configPath ?? ConfigFile.FindBeside(path, layout.ConfigFileNames);
            ConfigFile config = ConfigFile.Open(file);
            // The modules of a sentence-transformers model over a CLIP say nothing that the CLIP's own config does not.
            SentenceModules? modules = layout is ClipTextLayout ? null : SentenceModules.Find(Path.GetDirectoryName(file) ?? "");
            TextTransformerConfig text = layout.ReadConfig(tensors, config, modules, pooling);
            TextNames names = layout.Names(text);
            layout.Check(tensors, names, text.Family);
            return new TextCheckpoint(tensors, file, modules, text, names, names.Classifier is { } classifier ? LabelMap.Read(config.Root, (int)classifier.Weight.Shape[0]) : null);
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    /// <summary>Reads another checkpoint of the same architecture, whatever prefix and LayerNorm names it has.</summary>
    public static ParameterVector ReadParameters(Device device, string path, TextTransformerConfig config, TextNames names, ParameterLayout layout)
    {
        using Checkpoint tensors = Checkpoint.Open(path);
        TextLayout other = TextLayout.Detect(tensors);
        if (!other.Serves(config.Family)) throw new ModelException($"{path}: the tensors are those of another family of text encoders, expected {config.Family}.");
        Dictionary<string, string> named = names.EncoderTensors().Zip(other.Names(other.Rename(config)).EncoderTensors()).ToDictionary(pair => pair.First.Name, pair => pair.Second.Name);
        return CheckpointWeights.Read(device, tensors, layout, [.. layout.Parameters.Select(parameter => named[parameter.Name])]);
    }

    /// <summary>s of a CLIP's logits exp(s)·cos(image, text); null where the file has none.</summary>
    /// <exception cref="ModelException">It is no single number.</exception>
    public float? ReadLogitScale()
    {
        if (!Config.IsClip) return null;
        foreach (string name in new[] { "logit_scale", "module.logit_scale" })
        {
            if (!Tensors.TryGet(name, out TensorEntry? entry)) continue;
            if (entry.ElementCount != 1) throw new ModelException($"{Tensors.Path}: tensor {Quoting.Quote(name)} is {entry.Shape}, expected a scalar.");
            return Tensors.ReadFloat32(name)[0];
        }

        return null;
    }

    /// <param name="path">A directory or a safetensors file.</param>
    /// <param name="parameters">The encoder's.</param>
    /// <param name="head">Takes the place of the checkpoint's classifier.</param>
    /// <exception cref="ModelException">The head is not of the classifier's shape.</exception>
    public void Save(string path, ParameterVector parameters, ClassificationHead? head)
    {
        if (head is not null && !Fits(head))
        {
            throw new ModelException(
                $"{path}: a head of {Counting.Of(head.Classes, "class", "classes")} cannot be saved in this checkpoint, which has {(Names.Classifier is { } has ? $"a classifier {has.Weight.Shape} with a bias" : "no classifier")}.");
        }

        CheckpointCopy.Write(Tensors, path, _configPath, name =>
        {
            if (parameters.Layout.TryGet(name, out Parameter? parameter)) return parameters[parameter];
            return head is null ? default : ValuesOf(head, name);
        }, _modules is null ? [] : [_modules.PoolingConfig]);
    }

    public void Dispose() => Tensors.Dispose();

    private bool Fits(ClassificationHead head) => Names.Classifier is { } own && head.LogitScale is null
        && head.WeightParameter.Shape == own.Weight.Shape && head.BiasParameter is not null
        && head.HiddenParameters.Count == LinearNames.Tensors(Names.ClassifierHidden).Count();

    private DeviceSpan<float> ValuesOf(ClassificationHead head, string name)
    {
        if (name == Names.Classifier!.Weight.Name) return head.Parameters[head.WeightParameter];
        if (name == Names.Classifier.Bias?.Name) return head.Parameters[head.BiasParameter!];
        int i = 0;
        foreach (NamedTensor tensor in LinearNames.Tensors(Names.ClassifierHidden))
        {
            if (tensor.Name == name) return head.Parameters[head.HiddenParameters[i]];
            i++;
        }

        return default;
    }
}
