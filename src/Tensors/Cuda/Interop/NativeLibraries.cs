using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <summary>Which libraries stand behind the imports.</summary>
internal enum CudaPlatform
{
    None,

    /// <summary>NVIDIA's driver and cuBLAS.</summary>
    Nvidia,

    /// <summary>The engine's emulator: all three in one library.</summary>
    Emulated,
}

/// <summary>
/// Finds the driver and cuBLAS, or the emulator that takes the place of both. The runtime binds each import once, so a process has one
/// platform: the first that opens.
/// </summary>
internal static class NativeLibraries
{
    /// <summary>Logical names in the imports.</summary>
    public const string Driver = "cuda", CuBlas = "cublas", CuBlasLt = "cublasLt";

    /// <summary>Environment variables with a path that is tried first.</summary>
    public const string DriverVariable = "MERGE_ENGINE_CUDA_DRIVER", CuBlasVariable = "MERGE_ENGINE_CUBLAS", CuBlasLtVariable = "MERGE_ENGINE_CUBLASLT", EmulatorVariable = "MERGE_ENGINE_EMULATOR";

    public const string EmulatorFile = "libmerge-engine-emulator.so";

    private static readonly Lock s_lock = new();
    private static readonly Dictionary<string, nint> s_loaded = [];
    private static CudaPlatform s_platform;
    private static bool s_resolves;

    /// <summary>What the process has loaded so far.</summary>
    public static CudaPlatform Platform
    {
        get
        {
            lock (s_lock)
            {
                return s_platform;
            }
        }
    }

    /// <summary>Loads the platform's driver, unless the process has it already.</summary>
    /// <exception cref="CudaException">The library is missing (all that was tried is listed), or the other platform is in use.</exception>
    public static void Use(CudaPlatform platform)
    {
        lock (s_lock)
        {
            if (s_platform == platform) return;
            if (s_platform != CudaPlatform.None)
            {
                throw new CudaException(platform == CudaPlatform.Emulated
                    ? "The device 'emulated' cannot be opened in a process that has opened 'cuda': a process has one CUDA driver, start another process."
                    : "The device 'cuda' cannot be opened in a process that has opened 'emulated': a process has one CUDA driver, start another process.");
            }

            nint driver = Load(platform, Driver, Environment.GetEnvironmentVariable);
            if (!s_resolves) NativeLibrary.SetDllImportResolver(typeof(NativeLibraries).Assembly, Resolve);
            s_resolves = true;
            s_loaded[Driver] = driver;
            s_platform = platform;
        }
    }

    /// <summary>The handle of a library of the platform in use, loaded on first use.</summary>
    /// <exception cref="CudaException">The library is missing; all that was tried is listed.</exception>
    public static nint Require(string library)
    {
        lock (s_lock)
        {
            if (s_platform == CudaPlatform.None) throw new CudaException("No CUDA device has been opened in this process.");
            if (!s_loaded.TryGetValue(library, out nint handle)) s_loaded[library] = handle = Load(s_platform, library, Environment.GetEnvironmentVariable);
            return handle;
        }
    }

    /// <summary>Everything that is tried for a library, in order.</summary>
    public static IReadOnlyList<string> Candidates(CudaPlatform platform, string library) => Candidates(platform, library, Environment.GetEnvironmentVariable);

    /// <inheritdoc cref="Candidates(CudaPlatform, string)"/>
    /// <param name="platform">Whose library.</param>
    /// <param name="library">Logical name.</param>
    /// <param name="environment">Values of the environment's variables.</param>
    /// <param name="windows">Whose names; null for those of the system that this runs on.</param>
    public static IReadOnlyList<string> Candidates(CudaPlatform platform, string library, Func<string, string?> environment, bool? windows = null)
    {
        string variable = Variable(platform, library);
        if (environment(variable) is { Length: > 0 } given) return [given];
        if (platform == CudaPlatform.Emulated) return [Path.Combine(AppContext.BaseDirectory, EmulatorFile)];
        if (windows ?? OperatingSystem.IsWindows()) return WindowsCandidates(library, environment("CUDA_PATH"));
        if (library == Driver) return ["libcuda.so.1", "libcuda.so"];
        string[] names = [$"lib{library}.so.13", $"lib{library}.so.12", $"lib{library}.so.11", $"lib{library}.so"];
        return [.. names, .. names.Select(name => $"/usr/local/cuda/lib64/{name}")];
    }

    /// <summary>CUDA 13 keeps the toolkit's libraries in <c>bin\x64</c>, older ones in <c>bin</c>.</summary>
    private static string[] WindowsCandidates(string library, string? toolkit)
    {
        if (library == Driver) return ["nvcuda.dll"];
        string[] names = [$"{library}64_13.dll", $"{library}64_12.dll", $"{library}64_11.dll"];
        return string.IsNullOrEmpty(toolkit) ? names : [.. names, .. names.Select((name, i) => $@"{toolkit}\bin\{(i == 0 ? @"x64\" : "")}{name}")];
    }

    private static string Variable(CudaPlatform platform, string library) => platform == CudaPlatform.Emulated ? EmulatorVariable : library switch
    {
        Driver => DriverVariable,
        CuBlas => CuBlasVariable,
        _ => CuBlasLtVariable,
    };

    private static nint Resolve(string library, Assembly assembly, DllImportSearchPath? path) =>
        library is Driver or CuBlas or CuBlasLt ? Require(library) : 0;

    /// <summary>Loads the first library of the candidates that can be.</summary>
    /// <exception cref="CudaException">None can be, or none is what it should be; lists them all, with the reasons.</exception>
    public static nint Load(CudaPlatform platform, string library, Func<string, string?> environment)
    {
        string variable = Variable(platform, library);
        bool named = environment(variable) is { Length: > 0 };
        string what = platform == CudaPlatform.Emulated ? "the emulated device's library" : library switch
        {
            Driver => "NVIDIA's driver library",
            CuBlas => "NVIDIA's cuBLAS library",
            _ => "NVIDIA's cuBLASLt library",
        };
        var reasons = new List<string>();
        foreach (string candidate in Candidates(platform, library, environment))
        {
            if (!TryLoad(candidate, out nint handle, out string? reason))
            {
                reasons.Add($"{candidate} ({reason})");
                continue;
            }

            if (Exports.Missing(handle, platform, library) is not { } missing) return handle;
            NativeLibrary.Free(handle);
            if (named) throw new CudaException($"{candidate} is not {what}, or one of a version that is too old: it has no function {missing}; {variable} names it.");
            reasons.Add($"{candidate} (it has no function {missing})");
        }

        string help = named ? $"{variable} names it"
            : platform == CudaPlatform.Emulated ? $"./build.sh in the engine's sources makes it, or name its path in {variable}"
            : library == Driver ? $"install NVIDIA's driver, or name the library's path in {variable}"
            : $"install the CUDA toolkit's libraries, or name the path in {variable}";
        throw new CudaException($"{char.ToUpperInvariant(what[0])}{what.AsSpan(1)} could not be loaded; tried {string.Join(", ", reasons)}; {help}.");
    }

    private static bool TryLoad(string path, out nint handle, [NotNullWhen(false)] out string? reason)
    {
        handle = 0;
        reason = null;
        if (path.AsSpan().ContainsAny('/', Path.DirectorySeparatorChar) && !File.Exists(path))
        {
            reason = Directory.Exists(path) ? "it is a directory" : "no such file";
            return false;
        }

        try
        {
            handle = NativeLibrary.Load(path);
            return true;
        }
        catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
        {
            reason = Reason(exception.Message);
            return false;
        }
    }

    /// <summary>The dynamic linker's own words out of a message of several lines.</summary>
    private static string Reason(string message)
    {
        foreach (string line in message.Split('\n'))
        {
            int colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (colon > 0 && line.StartsWith('/') | line.StartsWith("lib", StringComparison.Ordinal)) return line[(colon + 2)..].TrimEnd('.', '\r', ' ');
        }

        return "it could not be loaded";
    }
}
