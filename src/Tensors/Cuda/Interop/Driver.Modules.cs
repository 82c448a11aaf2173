using System.Runtime.InteropServices;

namespace MergeEngine.Tensors.Cuda.Interop;

/// <content>Modules, their functions, and launches.</content>
internal static unsafe partial class Driver
{
    [LibraryImport(Library)]
    public static partial CudaStatus cuModuleLoadDataEx(CudaModuleHandle* module, void* image, uint optionCount, JitOption* options, void** optionValues);

    [LibraryImport(Library)]
    public static partial CudaStatus cuModuleUnload(CudaModuleHandle module);

    [LibraryImport(Library)]
    public static partial CudaStatus cuModuleGetFunction(FunctionHandle* function, CudaModuleHandle module, byte* name);

    [LibraryImport(Library)]
    public static partial CudaStatus cuFuncSetAttribute(FunctionHandle function, FunctionAttribute attribute, int value);

    [LibraryImport(Library)]
    public static partial CudaStatus cuFuncGetAttribute(int* value, FunctionAttribute attribute, FunctionHandle function);

    [LibraryImport(Library)]
    public static partial CudaStatus cuLaunchKernel(
        FunctionHandle function,
        uint gridX,
        uint gridY,
        uint gridZ,
        uint blockX,
        uint blockY,
        uint blockZ,
        uint sharedBytes,
        StreamHandle stream,
        void** parameters,
        void** extra);

    [LibraryImport(Library)]
    public static partial CudaStatus cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, FunctionHandle function, int blockSize, nuint dynamicSharedBytes);
}

/// <summary>CUjit_option.</summary>
internal enum JitOption
{
    ErrorLogBuffer = 5,
    ErrorLogBufferBytes = 6,
}

/// <summary>CUfunction_attribute.</summary>
internal enum FunctionAttribute
{
    MaxThreadsPerBlock = 0,
    SharedBytes = 1,
    LocalBytes = 3,
    Registers = 4,
    MaxDynamicSharedBytes = 8,
}
