using System.Reflection;
using System.Runtime.InteropServices;
using MergeEngine.Tensors.Cuda;
using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Tests.Cuda;

/// <summary>The bindings against the library that is here, and what is said where one is not.</summary>
public sealed class InteropTests
{
    public static TheoryData<Type, string> Imports
    {
        get
        {
            var imports = new TheoryData<Type, string>();
            foreach (Type type in new[] { typeof(Driver), typeof(CuBlas), typeof(CuBlasLt) })
            {
                foreach (MethodInfo method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                {
                    if (method.Attributes.HasFlag(MethodAttributes.PinvokeImpl)) imports.Add(type, method.GetCustomAttribute<DllImportAttribute>()!.EntryPoint!);
                }
            }

            return imports;
        }
    }

    [Fact]
    public void The_imports_are_found()
    {
        Assert.InRange(Imports.Count, 60, 200);
        Assert.Contains(Imports, row => row.Data.Item2 == "cuMemAlloc_v2");
    }

    [Theory]
    [MemberData(nameof(Imports))]
    public void Every_declared_function_is_exported_by_the_library(Type group, string name)
    {
        CudaUnderTest.Require();
        string library = group == typeof(Driver) ? NativeLibraries.Driver : group == typeof(CuBlas) ? NativeLibraries.CuBlas : NativeLibraries.CuBlasLt;
        Assert.True(NativeLibrary.TryGetExport(NativeLibraries.Require(library), name, out _), $"{name} is not exported by {library}.");
    }

    [Fact]
    public void A_library_is_asked_for_every_function_that_is_declared()
    {
        static string[] Declared(params Type[] types) => [.. types
            .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Select(method => method.GetCustomAttribute<DllImportAttribute>()?.EntryPoint).OfType<string>().Order()];
        Assert.Equal(Declared(typeof(Driver)), Exports.Of(CudaPlatform.Nvidia, NativeLibraries.Driver).Order());
        Assert.Equal(Declared(typeof(CuBlas)), Exports.Of(CudaPlatform.Nvidia, NativeLibraries.CuBlas).Order());
        Assert.Equal(Declared(typeof(CuBlasLt)), Exports.Of(CudaPlatform.Nvidia, NativeLibraries.CuBlasLt).Order());
        Assert.Equal(Declared(typeof(Driver), typeof(CuBlas), typeof(CuBlasLt), typeof(Emulator)), Exports.Of(CudaPlatform.Emulated, NativeLibraries.CuBlas).Order());
    }

    [Fact]
    public void Another_library_in_the_place_of_one_is_refused_with_what_it_lacks()
    {
        string other = Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "libSystem.Native.so");
        Assert.SkipUnless(File.Exists(other), "The runtime has no library of its own here.");
        (CudaPlatform Platform, string Library, string What, string Function, string Variable)[] cases =
        [
            (CudaPlatform.Nvidia, NativeLibraries.Driver, "NVIDIA's driver library", "cuInit", "MERGE_ENGINE_CUDA_DRIVER"),
            (CudaPlatform.Nvidia, NativeLibraries.CuBlas, "NVIDIA's cuBLAS library", "cublasCreate_v2", "MERGE_ENGINE_CUBLAS"),
            (CudaPlatform.Nvidia, NativeLibraries.CuBlasLt, "NVIDIA's cuBLASLt library", "cublasLtCreate", "MERGE_ENGINE_CUBLASLT"),
            (CudaPlatform.Emulated, NativeLibraries.Driver, "the emulated device's library", "cuInit", "MERGE_ENGINE_EMULATOR"),
        ];
        foreach (var (platform, library, what, function, variable) in cases)
        {
            string message = Assert.Throws<CudaException>(() => NativeLibraries.Load(platform, library, name => name == variable ? other : null)).Message;
            Assert.Equal($"{other} is not {what}, or one of a version that is too old: it has no function {function}; {variable} names it.", message);
        }
    }

    [Fact]
    public void A_second_driver_in_one_process_is_refused()
    {
        CudaUnderTest.Open().Dispose();
        string other = CudaUnderTest.IsEmulated ? "cuda" : "emulated";
        string message = Assert.Throws<CudaException>(() => Device.Open(other)).Message;
        Assert.Equal($"The device '{other}' cannot be opened in a process that has opened '{(CudaUnderTest.IsEmulated ? "emulated" : "cuda")}': a process has one CUDA driver, start another process.", message);
    }

    [Fact]
    public void What_is_tried_for_a_library_goes_from_the_newest_name_to_the_toolkit_folder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has other names.");
        Assert.Equal(["libcuda.so.1", "libcuda.so"], NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.Driver, _ => null));
        Assert.Equal(
            [
                "libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so.11", "libcublasLt.so", "/usr/local/cuda/lib64/libcublasLt.so.13",
                "/usr/local/cuda/lib64/libcublasLt.so.12", "/usr/local/cuda/lib64/libcublasLt.so.11", "/usr/local/cuda/lib64/libcublasLt.so",
            ],
            NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.CuBlasLt, _ => null));
        Assert.Equal(["/opt/x.so"], NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.CuBlas, name => name == "MERGE_ENGINE_CUBLAS" ? "/opt/x.so" : null));
        Assert.Equal(["/opt/d.so"], NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.Driver, name => name == "MERGE_ENGINE_CUDA_DRIVER" ? "/opt/d.so" : null));
        Assert.Equal(["/opt/e.so"], NativeLibraries.Candidates(CudaPlatform.Emulated, NativeLibraries.CuBlas, name => name == "MERGE_ENGINE_EMULATOR" ? "/opt/e.so" : null));
    }

    [Fact]
    public void Windows_has_names_of_its_own()
    {
        Assert.Equal(["nvcuda.dll"], NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.Driver, _ => null, windows: true));
        Assert.Equal(["cublas64_13.dll", "cublas64_12.dll", "cublas64_11.dll"], NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.CuBlas, _ => null, windows: true));
        Assert.Equal(
            ["cublasLt64_13.dll", "cublasLt64_12.dll", "cublasLt64_11.dll", @"C:\CUDA\bin\x64\cublasLt64_13.dll", @"C:\CUDA\bin\cublasLt64_12.dll", @"C:\CUDA\bin\cublasLt64_11.dll"],
            NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.CuBlasLt, name => name == "CUDA_PATH" ? @"C:\CUDA" : null, windows: true));
        Assert.Equal([@"D:\x.dll"], NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.CuBlas, name => name == "MERGE_ENGINE_CUBLAS" ? @"D:\x.dll" : null, windows: true));
    }

    [Fact]
    public void A_missing_library_is_reported_with_everything_that_was_tried()
    {
        string message = Assert.Throws<CudaException>(() => NativeLibraries.Load(CudaPlatform.Nvidia, NativeLibraries.Driver, name => "/nowhere/libcuda.so.1")).Message;
        Assert.Equal("NVIDIA's driver library could not be loaded; tried /nowhere/libcuda.so.1 (no such file); MERGE_ENGINE_CUDA_DRIVER names it.", message);

        message = Assert.Throws<CudaException>(() => NativeLibraries.Load(CudaPlatform.Emulated, NativeLibraries.Driver, name => AppContext.BaseDirectory)).Message;
        Assert.EndsWith($"tried {AppContext.BaseDirectory} (it is a directory); MERGE_ENGINE_EMULATOR names it.", message, StringComparison.Ordinal);

        string file = Path.GetTempFileName();
        message = Assert.Throws<CudaException>(() => NativeLibraries.Load(CudaPlatform.Emulated, NativeLibraries.Driver, name => file)).Message;
        File.Delete(file);
        Assert.StartsWith($"The emulated device's library could not be loaded; tried {file} (file too short)", message, StringComparison.Ordinal);

        Assert.SkipWhen(NativeLibrary.TryLoad("libcublas.so.12", out _) || NativeLibrary.TryLoad("libcublas.so.13", out _), "cuBLAS is here.");
        message = Assert.Throws<CudaException>(() => NativeLibraries.Load(CudaPlatform.Nvidia, NativeLibraries.CuBlas, _ => null)).Message;
        foreach (string tried in NativeLibraries.Candidates(CudaPlatform.Nvidia, NativeLibraries.CuBlas, _ => null)) Assert.Contains(tried, message, StringComparison.Ordinal);
        Assert.EndsWith("install the CUDA toolkit's libraries, or name the path in MERGE_ENGINE_CUBLAS.", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_without_a_name_is_refused() => Assert.Equal("name", Assert.Throws<ArgumentNullException>(() => Device.Open(null!)).ParamName);

    [Fact]
    public void A_device_whose_driver_the_process_cannot_load_is_neither_usable_nor_not()
    {
        string file = typeof(InteropTests).Assembly.Location;
        Assert.Equal(
            new DeviceStatus("emulated", null, $"Not tried, since this process uses NVIDIA's driver; its library is {file}.", null),
            DeviceCatalog.EmulatedElsewhere(["/nowhere/x.so", file]));
        Assert.False(DeviceCatalog.EmulatedElsewhere(["/nowhere/x.so"]).IsUsable);
    }

    /// <summary>The first bytes of PTX, of a cubin (ELF), of a fatbin (0xBA55ED50) and of the wrapper around one (0x466243B1), as cuobjdump knows them.</summary>
    [Fact]
    public void A_file_of_kernels_is_known_by_its_first_bytes()
    {
        string file = Path.GetTempFileName();
        try
        {
            foreach (byte[] image in new byte[][] { [.. "// made by hand\n.version 8.0\n"u8], [0x7F, .. "ELF\u0002"u8], [0x50, 0xED, 0x55, 0xBA, 1], [0xB1, 0x43, 0x62, 0x46, 1] })
            {
                File.WriteAllBytes(file, image);
                Assert.Equal([.. image, (byte)0], KernelImages.FromFile(file).All[0].Bytes);
            }

            foreach (byte[] garbage in new byte[][] { [], [.. "garbage"u8], [0x7F, .. "EL"u8] })
            {
                File.WriteAllBytes(file, garbage);
                Assert.Equal($"MERGE_ENGINE_KERNELS names {file}, which is no PTX, cubin or fatbin.", Assert.Throws<CudaException>(() => KernelImages.FromFile(file)).Message);
            }
        }
        finally
        {
            File.Delete(file);
        }

        Assert.Equal(
            $"MERGE_ENGINE_KERNELS names {AppContext.BaseDirectory}, which is a directory; it must be a file with PTX, a cubin or a fatbin.",
            Assert.Throws<CudaException>(() => KernelImages.FromFile(AppContext.BaseDirectory)).Message);
    }

    [Theory]
    [InlineData(0, "0 bytes")]
    [InlineData(1, "1 byte")]
    [InlineData(1048575, "1048575 bytes")]
    [InlineData(1572864, "1.5 MiB")]
    [InlineData(3L << 30, "3 GiB")]
    public void Amounts_of_memory_have_one_form(long bytes, string words) => Assert.Equal(words, Bytes.Describe(bytes));

    [Theory]
    [InlineData("cuda:")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    public void A_malformed_gpu_number_is_refused(string name) =>
        Assert.Contains("expected cuda, or cuda:n", Assert.Throws<ArgumentException>(() => Device.Open(name)).Message, StringComparison.Ordinal);

    [Fact]
    public void Host_devices_refuse_another_precision()
    {
        Assert.Contains("The device 'cpu' has no TF32: TF32 is for cuda and emulated", Assert.Throws<ArgumentException>(() => Device.Open("cpu", 1, Precision.TF32)).Message, StringComparison.Ordinal);
        Assert.Contains("The device 'reference' has no BF16", Assert.Throws<ArgumentException>(() => Device.Open("reference", 1, Precision.BF16)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(80, 12000)]
    [InlineData(78, 11080)]
    [InlineData(85, 12050)]
    [InlineData(86, 12070)]
    [InlineData(87, 12080)]
    [InlineData(88, 12090)]
    [InlineData(90, 13000)]
    public void The_driver_that_a_ptx_version_needs_is_that_of_the_release_table(int ptx, int cuda) => Assert.Equal(cuda, PtxVersion.Needs(ptx));

    [Fact]
    public void The_version_of_a_ptx_text_is_read()
    {
        Assert.Equal(80, PtxVersion.Of("//\n.version 8.0\n.target sm_80\0"u8));
        Assert.Equal(0, PtxVersion.Of("\0"u8));
        Assert.Equal("12.4", PtxVersion.Cuda(12040));
    }
}
