using BenchmarkDotNet.Running;
using MergeEngine.Benchmarks;

// Tables of our own measure a kernel in turn with the machine's ceiling: products [--save DIRECTORY] [--only TEXT].
// Everything else is BenchmarkDotNet's command line.
if (args is ["products", ..])
{
    ProductTable.Run(Option("--save"), Option("--only"));
    return;
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);

string? Option(string name)
{
    int at = Array.IndexOf(args, name);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}
