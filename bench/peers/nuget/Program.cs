using MergeEngine.Peers.Onnx;
using MergeEngine.Peers.Torch;

namespace MergeEngine.Peers;

/// <summary>
/// PyTorch (through TorchSharp) and ONNX Runtime as NuGet has them: the suites of the Python scripts beside this folder, without Python. Prints the JSON of
/// <c>merge-engine bench</c>; <c>compare.py --nuget</c> runs it.
/// </summary>
internal static class Program
{
    /// <summary>As the Python scripts end where a library is not installed.</summary>
    private const int Missing = 3;

    private const string Usage = """
        usage: merge-engine-peers gemm    --threads N --shapes MxNxK,... [--rounds N]
               merge-engine-peers step    --threads N --model NAME [--batch N] [--rounds N]
               merge-engine-peers latency --threads N --model NAME [--batch N] [--rounds N] [--runtime torch|onnxruntime] [--graph fused|plain]
               merge-engine-peers check   --threads N --model NAME [--batch N]
        """;

    private static int Main(string[] arguments)
    {
        try
        {
            var options = new Options(arguments);
            switch (options.Suite)
            {
                case "gemm": Report.Write("gemm", TorchProducts.Program, options.Threads, TorchProducts.Measure(options)); break;
                case "step": Report.Write("step", TorchProducts.Program, options.Threads, [TorchStep.Measure(options)]); break;
                case "latency" when options.Runtime == "torch": Report.Write("latency", TorchProducts.Program, options.Threads, [TorchLatency.Measure(options)]); break;
                case "latency": Report.Write("latency", OnnxLatency.Program, options.Threads, [OnnxLatency.Measure(options)]); break;
                case "check": Agreement.Print(options); break;
                default: throw new ArgumentException($"the suite is '{options.Suite}', expected gemm, step, latency or check");
            }

            return 0;
        }
        catch (ArgumentException error)
        {
            Console.Error.WriteLine(Usage);
            // Last, as Python's scripts end with their reason.
            Console.Error.WriteLine($"merge-engine-peers: {error.Message}");
            return 2;
        }
        catch (Exception error) when (error is TypeInitializationException or DllNotFoundException or NotSupportedException)
        {
            // Their own texts blame the packages.
            Console.Error.WriteLine("merge-engine-peers: a native library of the packages does not load here; on Linux TorchSharp's needs the C++ runtime of GCC 13");
            return Missing;
        }
    }
}
