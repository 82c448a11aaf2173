using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Tensors.Cpu;
using MergeEngine.Tensors.Numerics;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Adapters.Extraction;

/// <summary>
/// Makes a LoRA adapter of the difference between a model and what it was fine-tuned from: for each matrix the leading singular vectors, everything else whole or not at
/// all. The options are mergekit-extract-lora's. Memory is bounded by the largest matrix, whatever the model's size; the factors wait in a file.
/// </summary>
public static class LoraExtraction
{
    private const string Prefix = "base_model.model.";

    /// <summary>Says before anything is computed that the adapter would be laid among the weights of one of its models, whose files it would replace.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="output">Where the adapter shall stand at last.</param>
    /// <exception cref="SafetensorsException">The directory is that of a model, by whatever links it was given; or a model cannot be read.</exception>
    /// <returns>What is to be known of the place: that it lies within one of the models, or within another one; one line each.</returns>
    public static IReadOnlyList<string> RequireApart(LoraExtractionOptions options, string output)
    {
        ArgumentNullException.ThrowIfNull(options);
        using ComparedModel model = ComparedModel.Open(options.Model), origin = ComparedModel.Open(options.BaseModel);
        string[] files = [.. model.Files, .. origin.Files];
        OutputPath.RequireApart(output, files, "extraction");
        return [.. OutputPath.NotesOnPlace(output, files)];
    }

    /// <summary>Writes the files of an adapter.</summary>
    /// <param name="options">What to do.</param>
    /// <param name="directory">An existing directory that gets the files; where it is a temporary one that is renamed at the end, nothing half done is ever seen.</param>
    /// <param name="progress">Is told how many of how many bytes of the model are done.</param>
    /// <param name="cancellation">Stops between two modules, and within the decomposition of one.</param>
    /// <exception cref="AdapterException">The models do not fit, or the options leave nothing; everything that is wrong is listed.</exception>
    /// <exception cref="SafetensorsException">A file cannot be read or written.</exception>
    public static LoraExtractionResult Run(LoraExtractionOptions options, string directory, Action<long, long>? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxRank, 1);
        using ComparedModel model = ComparedModel.Open(options.Model), origin = ComparedModel.Open(options.BaseModel);
        ComparedModel.Resolve(model, origin);
        var plan = new ExtractionPlan(model, origin, options);
        var notes = new List<string>(plan.Notes);
        if (origin.HasAdapter) notes.Add($"The adapter is one for {origin.Title}: PEFT needs that as one model, which a passthrough merge of it makes.");
        using var tensors = new AdapterTensors(directory);
        List<ExtractedModule> modules = Decompose(plan, model, origin, options, tensors, progress, cancellation);
        if (!Differs(plan, modules, model, origin)) notes.Add($"{model.Title} is equal to {origin.Title} in all that an adapter holds: its factors are zeros.");
        foreach ((string name, TensorEntry entry) in plan.WholeTensors) tensors.AddWhole(Prefix + name, model, entry);
        bool hasBiases = false;
        foreach (ComparedTensor bias in plan.Biases.Where(b => Differs(b, model, origin)))
        {
            // PEFT wraps the module, and its own bias lies one level deeper.
            hasBiases = true;
            tensors.AddWhole($"{Prefix}{bias.Name[..^".bias".Length]}.base_layer.bias", model, bias.Model);
        }

        foreach (ComparedTensor other in plan.Others.Where(o => Differs(o, model, origin)))
            notes.Add($"{Quoting.Quote(other.Name)} differs, but is no weight or bias of a module, so no adapter can hold it.");
        cancellation.ThrowIfCancellationRequested();
        long parameters = tensors.Write(Path.Combine(directory, LoraAdapter.WeightsName));
        int rank = modules.Max(m => m.Rank);
        var config = new ExtractedConfig(options.BaseModel, origin.Checkpoint.Path, modules, [.. plan.Whole], hasBiases, plan.Decomposed.Exists(d => d.IsTransposed));
        config.Write(Path.Combine(directory, AdapterConfigFile.Name));
        if (options.WriteModelCard) File.WriteAllText(Path.Combine(directory, "README.md"), ExtractionCard.Text(options, rank, modules.Count, plan.Whole.Count));
        return new LoraExtractionResult(rank, modules, [.. plan.Whole], parameters, notes);
    }

    private static List<ExtractedModule> Decompose(
        ExtractionPlan plan, ComparedModel model, ComparedModel origin, LoraExtractionOptions options, AdapterTensors tensors, Action<long, long>? progress, CancellationToken cancellation)
    {
        var modules = new List<ExtractedModule>();
        CpuDevice? own = options.Device is CpuDevice ? null : new CpuDevice(options.Threads);
        try
        {
            using var factors = new DifferenceFactors(options.Device, own ?? (CpuDevice)options.Device, cancellation);
            long done = 0, total = plan.Decomposed.Sum(d => d.Model.ByteLength);
            foreach (DecomposedWeight weight in plan.Decomposed)
            {
                cancellation.ThrowIfCancellationRequested();
                DifferenceFactors.Result found = factors.Find(model, origin, weight, options);
                DType type = weight.Model.DType == weight.Base.DType && weight.Model.DType != DType.F64 ? weight.Model.DType : DType.F32;
                (string a, string b) = weight.IsEmbedding ? ("lora_embedding_A", "lora_embedding_B") : ("lora_A.weight", "lora_B.weight");
                tensors.Add($"{Prefix}{weight.Module}.{a}", new Shape(found.Rank, found.A.Length / found.Rank), type, found.A);
                tensors.Add($"{Prefix}{weight.Module}.{b}", new Shape(found.B.Length / found.Rank, found.Rank), type, found.B);
                modules.Add(new ExtractedModule(weight.Module, found.Rank, found.Kept) { Differs = found.Differs });
                progress?.Invoke(done += weight.Model.ByteLength, total);
            }
        }
        finally
        {
            own?.Dispose();
        }

        return modules;
    }

    /// <summary>Whether the adapter changes anything: one that does not is mostly made by mistake, of the same model given twice.</summary>
    private static bool Differs(ExtractionPlan plan, List<ExtractedModule> modules, ComparedModel model, ComparedModel origin)
    {
        if (modules.Exists(m => m.Differs) || plan.Biases.Exists(b => Differs(b, model, origin))) return true;
        foreach ((string name, TensorEntry entry) in plan.WholeTensors)
        {
            if (!origin.TryGet(name, out TensorEntry? before) || before.Shape != entry.Shape || Differs(new ComparedTensor(name, entry, before), model, origin)) return true;
        }

        return false;
    }

    private static bool Differs(ComparedTensor tensor, ComparedModel model, ComparedModel origin)
    {
        const int Block = 1 << 16;
        if (tensor.Model.DType == tensor.Base.DType && model.IsStored(tensor.Model) && origin.IsStored(tensor.Base))
        {
            SafetensorsFile tuned = model.FileOf(tensor.Model), before = origin.FileOf(tensor.Base);
            byte[] x = new byte[Block], y = new byte[Block];
            for (long at = 0; at < tensor.Model.ByteLength; at += Block)
            {
                int count = (int)Math.Min(Block, tensor.Model.ByteLength - at);
                tuned.ReadBytes(tensor.Model, at, x.AsSpan(0, count));
                before.ReadBytes(tensor.Base, at, y.AsSpan(0, count));
                if (!x.AsSpan(0, count).SequenceEqual(y.AsSpan(0, count))) return true;
            }

            return false;
        }

        float[] values = new float[Block], others = new float[Block];
        for (long at = 0; at < tensor.Model.ElementCount; at += Block)
        {
            int count = (int)Math.Min(Block, tensor.Model.ElementCount - at);
            model.ReadFloat32(tensor.Model, at, values.AsSpan(0, count));
            origin.ReadFloat32(tensor.Base, at, others.AsSpan(0, count));
            if (!values.AsSpan(0, count).SequenceEqual(others.AsSpan(0, count))) return true;
        }

        return false;
    }
}
