using MergeEngine.Tensors.Cuda.Interop;
using MergeEngine.Tensors.Cuda.Kernels;

namespace MergeEngine.Tensors.Cuda;

/// <content>Launches.</content>
public sealed unsafe partial class CudaDevice
{
    /// <summary>
    /// Puts a kernel on the stream, or writes it down, or both where it is captured. The caller holds the gate. The arguments are copied by the driver before this returns; nothing is
    /// allocated. A grid without blocks launches nothing.
    /// </summary>
    internal void Launch<TArguments>(Kernel<TArguments> kernel, Grid grid, in TArguments arguments, int sharedBytes = 0)
        where TArguments : unmanaged
    {
        Enter();
        if (grid.X == 0 || grid.Y == 0 || grid.Z == 0) return;
        // Also for a dry run: what comes to be captured is ready then, whatever became of the run before.
        FunctionHandle function = _context.Kernels.Function(kernel, sharedBytes);
        if (_log is { } log)
        {
            log.Add((kernel.Index, grid, sharedBytes));
            log.Add(arguments);
            if (!_capturing) return;
        }

        CudaStatus status;
        fixed (TArguments* first = &arguments)
        {
            // A kernel has one parameter: the list of pointers to parameters is one pointer long.
            void* parameter = first;
            status = Driver.cuLaunchKernel(
                function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)kernel.Threads, 1, 1, (uint)sharedBytes, _stream, &parameter, null);
        }

        if (status != CudaStatus.Success) ThrowLaunch(status, kernel, grid, sharedBytes);
    }

    private void ThrowLaunch(CudaStatus status, Kernel kernel, Grid grid, int sharedBytes) =>
        CudaErrors.Throw(status, $"Launching kernel {kernel.Name} on '{Name}' with {grid.X} x {grid.Y} x {grid.Z} blocks of {kernel.Threads} threads and {sharedBytes} bytes of shared memory");
}
