using BenchmarkDotNet.Running;
using MergeEngine.Benchmarks;
using MergeEngine.Benchmarks.Vectors;

// Tables of our own measure a kernel in turn with what it is compared with. Without arguments all of them run, with --save DIRECTORY into
// files; everything else is BenchmarkDotNet's command line, such as --filter '*Encoder*'.
//   products [--only TEXT] [--save DIRECTORY]        matrix products as shares of the multiply-add peak
//   reductions [--save DIRECTORY]                    absolute per-sample gradients beside plain ones
//   steps [--only TEXT] [--threads N] [--save DIRECTORY]   passes of whole encoders and training steps
//   operations [--only TEXT]                         operations of networks as shares of copy bandwidth or of the multiply-add peak
//   vectors [--only TEXT] [--millions ELEMENTS]
//   merges [--only TEXT] [--threads N]               what the merging methods compute, in memory, beside a copy of their inputs
//   decompositions [--largest ROWS]                  singular value decompositions beside the rate of a float64 product
//   tokenizers [--model DIRECTORY] [--text FILE] [--save DIRECTORY]   text in a second on one core beside a pass over it
switch (args)
{
    case ["products", ..]:
        ProductTable.Run(Option("--save"), Option("--only"));
        break;
    case ["reductions", ..]:
        ReductionTable.Run(Option("--save"));
        break;
    case ["steps", ..]:
        StepTable.Run(Option("--save"), Option("--only"), Option("--threads") is { } threads ? int.Parse(threads) : null);
        break;
    case ["operations", ..]:
        OperationBenchmark.Run(Option("--only"));
        break;
    case ["vectors", ..]:
        VectorTable.Run(int.Parse(Option("--millions") ?? "48"), Option("--only"));
        break;
    case ["merges", ..]:
        MergeTable.Run(Option("--only"), int.Parse(Option("--threads") ?? "0"));
        break;
    case ["decompositions", ..]:
        DecompositionTable.Run(int.Parse(Option("--largest") ?? "4096"));
        break;
    case ["tokenizers", ..]:
        TokenizerTable.Run(Option("--save"), Option("--model"), Option("--text"));
        break;
    case [] or ["--save", ..]:
        ProductTable.Run(Option("--save"), null);
        ReductionTable.Run(Option("--save"));
        StepTable.Run(Option("--save"), null, null);
        OperationBenchmark.Run(null);
        VectorTable.Run(48, null);
        TokenizerTable.Run(Option("--save"), null, null);
        break;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        break;
}

string? Option(string name)
{
    int at = Array.IndexOf(args, name);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}
