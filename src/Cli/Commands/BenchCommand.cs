using System.CommandLine;
using MergeEngine.Cli.CommandLine;

namespace MergeEngine.Cli.Commands;

/// <summary><c>bench SUITE</c>: figures of this machine beside its ceilings, in one frame for all suites.</summary>
internal static class BenchCommand
{
    /// <summary>What there is to measure, and the options of each beside those of all.</summary>
    private static readonly (string Name, string About, IReadOnlyList<Option> Options)[] s_suites =
    [
        ("gemm", "matrix products, squares and layers of ViT and BERT, beside the multiply-add peak", [BenchKernels.Shapes]),
        ("elementwise", "passes over vectors beside a plain copy", []),
        ("step", "a training step of an encoder", BenchEncoder.Options),
        ("latency", "one sample through an encoder, from the host and back", BenchEncoder.Options),
        ("merge", "models of files to a model of files, beside reading and writing the files alone", BenchMerge.Options),
    ];

    private static readonly Argument<string?> Suite = new("SUITE")
    {
        Description = "'gemm' (matrix products), 'elementwise' (passes over vectors), 'step' (a training step of an encoder), 'latency' (one sample from the host and back) or 'merge' (models of files to a model of files); tells what there is if left out.",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = result => OptionValue.Word(result, [.. s_suites.Select(suite => suite.Name)]),
    };

    private static readonly Option<int> Rounds = CommonOptions.Number(
        "--rounds", "How often each figure is measured; if left out, 20 steps, 200 forward passes, 5 merges, and kernels for some tenths of a second.", 1, 1_000_000, "N");

    public static Command Create()
    {
        var command = new ExampleCommand(
            "bench", "Measure this machine: its ceilings first (multiply-adds without memory, and a plain copy), then kernels, encoders or merges beside them.",
            "bench gemm", "bench gemm --shapes 1600x3072x768 --threads 1 --json", "bench elementwise --device cuda --json", "bench step --model vit-b-32 --batch 32 --profile",
            "bench latency --model minilm-32 --rounds 1000", "bench merge --models 8 --json")
        {
            Suite,
            Rounds,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            CommonOptions.Json,
        };
        foreach (Option option in s_suites.SelectMany(suite => suite.Options).Distinct()) command.Add(option);
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        if (context.Find(Suite) is not { } name)
        {
            List(context);
            return;
        }

        RefuseOptionsOfOthers(context, name);
        int rounds = context.Get(Rounds);
        switch (name)
        {
            case "gemm":
                BenchKernels.RunProducts(context, rounds);
                break;
            case "elementwise":
                BenchKernels.RunPasses(context, rounds);
                break;
            case "merge":
                BenchMerge.Run(context, rounds == 0 ? 5 : rounds);
                break;
            default:
                BenchEncoder.Run(context, name == "step", rounds);
                break;
        }
    }

    private static void RefuseOptionsOfOthers(CommandContext context, string name)
    {
        IReadOnlyList<Option> own = s_suites.First(suite => suite.Name == name).Options;
        foreach (Option option in s_suites.SelectMany(suite => suite.Options).Except(own))
        {
            if (!context.Has(option)) continue;
            string[] others = [.. s_suites.Where(suite => suite.Options.Contains(option)).Select(suite => $"'{suite.Name}'")];
            throw new UsageException($"{option.Name} was given, but 'bench {name}' does not use it: it is for {string.Join(" and ", others)}.");
        }
    }

    private static void List(CommandContext context)
    {
        if (context.Json) throw new UsageException($"--json was given without a suite, expected one of {string.Join(", ", s_suites.Select(suite => suite.Name))}.");
        Console.Out.WriteLine("There is to measure:");
        foreach ((string name, string about, IReadOnlyList<Option> options) in s_suites)
            Console.Out.WriteLine($"  {"bench " + name,-19}{about}");
        Console.Out.WriteLine("All take --threads N, --device and --json; merge-engine bench --help shows the rest.");
    }
}
