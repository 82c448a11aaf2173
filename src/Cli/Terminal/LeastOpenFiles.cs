using System.Runtime.InteropServices;
using System.Text;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Terminal;

/// <summary>
/// The limit on open files (<c>ulimit -n</c>) as the program itself needs it: its parts and the runtime's are files that stay open. With less than that it would fail
/// wherever the first part cannot be loaded, and often without the parts that could say so.
/// </summary>
internal static partial class LeastOpenFiles
{
    /// <summary>A merge of two small models has 92 files open at most; an experiment with a report has some more parts.</summary>
    private const int Least = 160;

    /// <summary>Says on stderr that there are too few, with nothing that would have to be loaded for it.</summary>
    /// <returns>False if there are too few.</returns>
    public static bool AreAllowed()
    {
        if (OpenFileLimit.Files is not (< Least and var most)) return true;
        byte[] sentence = Encoding.UTF8.GetBytes($"merge-engine: the limit on open files (ulimit -n) is {most}, expected at least {Least}: the program's own parts are about 100 files.\n");
        _ = Write(InheritedStream.Error, sentence, (nuint)sentence.Length);
        return false;
    }

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int descriptor, byte[] bytes, nuint count);
}
