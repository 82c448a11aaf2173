using MergeEngine.Models.Datasets;
using MergeEngine.Models.Encoders;
using MergeEngine.Tensors.Parameters;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Models.Checkpoints;

/// <summary>A vision checkpoint that is open: its tensors, its config and its layout, so that it can be written again as it came.</summary>
internal sealed class VisionCheckpoint : IDisposable
{
    private readonly string _configPath;

    private VisionCheckpoint(Checkpoint tensors, string configPath, VisionTransformerConfig config, VisionNames names, IReadOnlyList<string>? classNames)
    {
        Tensors = tensors;
        _configPath = configPath;
        Config = config;
        Names = names;
        ClassNames = classNames;
    }

    public Checkpoint Tensors { get; }

    public VisionTransformerConfig Config { get; }

    public VisionNames Names { get; }

    /// <summary>What the config calls the rows of the classifier; null where there is none or it says nothing.</summary>
    public IReadOnlyList<string>? ClassNames { get; }

    public static VisionCheckpoint Open(string path, string? configPath)
    {
        Checkpoint tensors = Checkpoint.Open(path);
        try
        {
            VisionLayout layout = VisionLayout.Detect(tensors);
            string file = configPath ?? ConfigFile.FindBeside(path, layout.ConfigFileNames);
            ConfigFile config = ConfigFile.Open(file);
            string preprocessor = Path.Combine(Path.GetDirectoryName(file) ?? "", Preprocessing.FileName);
            int channels = (int)Math.Clamp(ChannelsOf(tensors), 1, VisionTransformerConfig.MaxChannels);
            ConfigSection? processor = File.Exists(preprocessor) ? ConfigFile.Open(preprocessor).Root : null;
            PixelNormalization? normalization = processor is { } own ? Preprocessing.FromHuggingFace(own, channels) : null;
            VisionTransformerConfig vision = layout.ReadConfig(tensors, config, normalization);
            vision = vision with { Preparation = ImagePreparations.Read(vision, config.Root, processor) };
            VisionNames names = layout.Names(vision);
            layout.Check(tensors, names);
            return new VisionCheckpoint(tensors, file, vision, names, names.Classifier is { } classifier ? LabelMap.Read(config.Root, (int)classifier.Weight.Shape[0]) : null);
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Reads another checkpoint of the family, whatever it has before its names: a tower alone, or one in a whole CLIP. A tower that was tuned is often published without the
    /// projection, which tuning leaves alone; then it is the base's.
    /// </summary>
    /// <exception cref="ModelException">A parameter is missing or has another shape; the message lists them.</exception>
    public static ParameterVector ReadParameters(string path, VisionTransformerConfig config, VisionNames names, ParameterVector own)
    {
        using Checkpoint tensors = Checkpoint.Open(path);
        VisionLayout other = VisionLayout.Detect(tensors);
        if (other.Family != config.Family) throw new ModelException($"{path}: the tensors are those of a {other.Family} model, expected {config.Family}.");
        Dictionary<string, string> named = names.EncoderTensors().Zip(other.Names(config with { Prefix = other.Prefix }).EncoderTensors()).ToDictionary(pair => pair.First.Name, pair => pair.Second.Name);
        return CheckpointWeights.Read(
            own.Device, tensors, own.Layout, [.. own.Layout.Parameters.Select(parameter => parameter.Name == names.Projection?.Name && !tensors.Contains(named[parameter.Name]) ? null : named[parameter.Name])], own);
    }

    /// <param name="path">A directory or a safetensors file.</param>
    /// <param name="parameters">The encoder's.</param>
    /// <param name="head">Takes the place of the checkpoint's classifier.</param>
    /// <exception cref="ModelException">The head is not of the classifier's shape.</exception>
    public void Save(string path, ParameterVector parameters, ClassificationHead? head)
    {
        if (head is not null && (Names.Classifier is not { } own || head.WeightParameter.Shape != own.Weight.Shape || head.BiasParameter is null != own.Bias is null || head.LogitScale is not null))
        {
            throw new ModelException(
                $"{path}: a head of {Counting.Of(head.Classes, "class", "classes")} cannot be saved in this checkpoint, which has {(Names.Classifier is { } has ? $"a classifier {has.Weight.Shape} with a bias" : "no classifier")}.");
        }

        CheckpointCopy.Write(Tensors, path, _configPath, name =>
        {
            if (parameters.Layout.TryGet(name, out Parameter? parameter)) return parameters[parameter];
            if (head is null) return default;
            return name == Names.Classifier!.Weight.Name ? head.Parameters[head.WeightParameter]
                : name == Names.Classifier.Bias?.Name ? head.Parameters[head.BiasParameter!]
                : default;
        });
    }

    public void Dispose() => Tensors.Dispose();

    /// <summary>Channels of the patch projection, for the normalisation; its rank is checked with the layout.</summary>
    private static long ChannelsOf(Checkpoint tensors)
    {
        foreach (string name in tensors.Names)
        {
            if (tensors[name].Shape is { Rank: 4 } shape) return shape[1];
        }

        return 1;
    }
}
