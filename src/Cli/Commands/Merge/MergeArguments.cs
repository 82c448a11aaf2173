using System.CommandLine;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Terminal;
using MergeEngine.Merging.Streaming.Execution;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Runs;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Cuda;

namespace MergeEngine.Cli.Commands.Merge;

/// <summary>How <c>merge</c> works and where it writes: the engine's options, each with the name that mergekit has for it.</summary>
internal static class MergeArguments
{
    public static readonly Option<bool> DryRun = new("--dry-run") { Description = "Show the plan: every output tensor with sources, method and parameters, bytes, memory and time. Nothing is left behind: the disk is measured beside OUT with a file of at most 64 MiB that has no name." };

    public static readonly Option<string?> OutPath = new("--out-path") { Description = "OUT under mergekit-multi's name.", HelpName = "OUT" };

    public static readonly Option<bool> Quiet = MergekitOptions.Flag("quiet", "No progress.");

    private static readonly Option<string> DeviceName = CreateDevice();

    private static readonly Option<int> Threads = CreateThreads();

    private static readonly Option<long?> MemoryLimit = ByteCount.Memory("--memory-limit", "Resident memory of the process; 512M if left out.");

    private static readonly Option<long?> ShardSize = ByteCount.File("--shard-size", "The most bytes of tensors in one file; 5GB if left out.");

    private static readonly Option<long?> OutShardSize = ByteCount.Mergekit("--out-shard-size", "The same in mergekit's notation, such as 5B.");

    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on with what a stopped merge has left, after a check of its hashes." };

    private static readonly Option<bool> NoHash = new("--no-hash")
    {
        Description = "Make no hashes: the merge cannot be resumed, and 'verify' compares sizes and headers only.",
    };

    private static readonly Option<bool> Strict = new("--strict") { Description = "A NaN or an infinity is an error, in the weights of a model or made by the merge or its rounding; otherwise they are counted and reported." };

    private static readonly Option<bool> Profile = new("--profile") { Description = "Tell on stderr, and with --json, where the time went: reading, hashing, each method's arithmetic, writing, syncing, beside the rate of a plain copy." };

    private static readonly Option<ulong?> Seed = new("--seed", "--random-seed")
    {
        Description = "Seed of random masks, 0 if left out. Equal seeds give equal bits.",
        HelpName = "N",
        CustomParser = result => OptionValue.Parse<ulong>(result, $"a whole number from 0 to {ulong.MaxValue}"),
    };

    private static readonly Option<string?> Layers = new("--layers")
    {
        Description = "Regular expression with the layer's number as its first group, for names that are none of layers.N, blocks.N, resblocks.N, layer.N, h.N.",
        HelpName = "REGEX",
    };

    private static readonly Option<bool> Truncate = MergekitOptions.Flag("unsafe-truncate-embeddings", "Cut embeddings with different numbers of rows to the fewest, whatever their tokens are.");

    private static readonly Option<string?> IntermediateDirectory = new("--intermediate-dir", "-I")
    {
        Description = "Where results of documents with names go; OUT-intermediate if left out.",
        HelpName = "DIR",
    };

    private static readonly Option<bool> Lazy = MergekitOptions.Flag("lazy", "Take results of documents with names as they are if recipe, inputs and hashes fit (on).");

    private static readonly Option<bool> CopyTokenizer = MergekitOptions.Flag("copy-tokenizer", "Copy the tokenizer's files (on).");

    private static readonly Option<bool> ModelCard = MergekitOptions.Flag("write-model-card", "Write README.md and mergekit_config.yml (on).");

    private static readonly Option<bool> Cuda = MergekitOptions.Flag("cuda", "Short for --device cuda.");

    private static readonly Option<bool> GpuRich = MergekitOptions.Flag("gpu-rich");

    public static IEnumerable<Option> All =>
    [
        DeviceName, Cuda, GpuRich, Threads, MemoryLimit, ShardSize, OutShardSize, DryRun, Resume, CommonOptions.Overwrite, NoHash, Strict, Profile, Seed, Layers, Truncate,
        OutPath, IntermediateDirectory, Lazy, CopyTokenizer, ModelCard, Quiet,
    ];

    /// <summary>Where to compute and with how many threads, for other commands that mergekit has too.</summary>
    public static IEnumerable<Option> DeviceOptions => [DeviceName, Cuda, GpuRich, Threads];

    /// <summary>Opens the device that was asked for.</summary>
    public static Device OpenDevice(CommandContext context)
    {
        string? flag = context.Has(DeviceName) ? null : MergekitOptions.IsOn(context, Cuda) == true ? Cuda.Name : MergekitOptions.IsOn(context, GpuRich) == true ? GpuRich.Name : null;
        string name = context.Has(DeviceName) ? context.Get(DeviceName)! : flag is null ? "cpu" : "cuda";
        if (name != "auto") return CommandContext.Opening(flag ?? $"{DeviceName.Name} {name}", () => Device.Open(name, context.Get(Threads)));
        try
        {
            return Device.Open("cuda", context.Get(Threads));
        }
        catch (CudaException)
        {
            return Device.Open("cpu", context.Get(Threads));
        }
    }

    /// <summary>0 for one thread for each core.</summary>
    public static int ThreadsOf(CommandContext context) => context.Get(Threads);

    /// <exception cref="UsageException">Options contradict each other, or a path to write is not UTF-8.</exception>
    public static MergeOptions Read(CommandContext context, string? output, Device device)
    {
        if (context.Has(ShardSize) && context.Has(OutShardSize)) throw new UsageException("--shard-size and --out-shard-size are the same, expected one of them.");
        OutputName.RequireKnown(output);
        OutputName.RequireKnown(context.Get(IntermediateDirectory));
        bool hash = !context.Get(NoHash);
        if (!hash && context.Get(Resume)) throw new UsageException("--resume needs the hashes that --no-hash leaves out.");
        return new MergeOptions
        {
            Device = device,
            Output = output,
            IntermediateDirectory = context.Get(IntermediateDirectory),
            ReuseIntermediates = MergekitOptions.IsOn(context, Lazy) ?? true,
            Threads = context.Get(Threads),
            MemoryLimit = context.Get(MemoryLimit) ?? ExecutionOptions.DefaultMemoryLimit,
            ShardSize = context.Get(ShardSize) ?? context.Get(OutShardSize) ?? OutputPlan.DefaultShardSize,
            Seed = context.Get(Seed) ?? 0,
            LayersPattern = context.Get(Layers),
            UnsafeTruncateEmbeddings = MergekitOptions.IsOn(context, Truncate) ?? false,
            Overwrite = context.Get(CommonOptions.Overwrite),
            Resume = context.Get(Resume),
            Hash = hash,
            Strict = context.Get(Strict),
            Profile = context.Get(Profile),
            Companions = new CompanionOptions
            {
                CopyTokenizer = MergekitOptions.IsOn(context, CopyTokenizer) ?? true,
                WriteCard = MergekitOptions.IsOn(context, ModelCard) ?? true,
            },
        };
    }

    private static Option<int> CreateThreads()
    {
        Option<int> threads = CommonOptions.Number("--threads", "Threads that read, merge, hash and write; one for each core if left out.", 1, 1024, "N");
        threads.Aliases.Add("--num-threads");
        threads.Aliases.Add("-j");
        return threads;
    }

    private static Option<string> CreateDevice() => new("--device")
    {
        Description = "Where to merge; 'auto' takes a GPU if there is one. 'merge-engine devices' tells what is here.",
        HelpName = "cpu|cuda[:N]|auto|emulated|reference",
        CustomParser = result => OptionValue.Text(result, "cpu", "cpu, cuda, cuda:N, auto, emulated or reference", name => name == "auto" || CommonOptions.IsDevice(name)),
    };
}
