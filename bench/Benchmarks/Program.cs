using BenchmarkDotNet.Running;
using MergeEngine.Benchmarks;
using MergeEngine.Benchmarks.Vectors;

// Tables of our own measure a kernel in turn with the machine's ceiling; everything else is BenchmarkDotNet's command line.
//   products [--save DIRECTORY] [--only TEXT]
//   vectors [--only TEXT] [--millions ELEMENTS]
switch (args)
{
    case ["products", ..]:
        ProductTable.Run(Option("--save"), Option("--only"));
        break;
    case ["vectors", ..]:
        VectorTable.Run(int.Parse(Option("--millions") ?? "48"), Option("--only"));
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
