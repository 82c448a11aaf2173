using System.Runtime.InteropServices;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Operations;

namespace MergeEngine.Tensors.Cpu;

/// <summary>The processor: host memory, worker threads of its own and one vector width, chosen when the device is opened.</summary>
public sealed class CpuDevice : HostDevice
{
    private readonly CpuOperations _operations;

    /// <param name="threads">Threads, the caller included; 0 takes one for each core.</param>
    /// <param name="simd">Vector width; null takes the widest, or what MERGE_ENGINE_SIMD says.</param>
    /// <param name="precision"><see cref="Precision.BF16"/> stores packed weights in half the bytes; everything else is float32 all the same.</param>
    /// <exception cref="ArgumentException">A precision that processors do not have.</exception>
    /// <exception cref="NotSupportedException">The processor lacks the vector width.</exception>
    public CpuDevice(int threads = 0, SimdLevel? simd = null, Precision precision = Precision.Float32)
    {
        Require(precision);
        if (precision == Precision.TF32) throw new ArgumentException("The device 'cpu' has no TF32: it is the tensor cores' format.", nameof(precision));
        Precision = precision;
        Simd = simd is { } level ? SimdLevels.Require(level) : SimdLevels.FromEnvironment();
        Pool = new WorkerPool(threads == 0 ? Math.Min(Environment.ProcessorCount, 1024) : threads);
        _operations = new CpuOperations(this);
    }

    public override string Name => "cpu";

    public override string Description => $"{RuntimeInformation.ProcessArchitecture}, {Threads} {(Threads == 1 ? "thread" : "threads")}, {(int)Simd}-bit vectors";

    public int Threads => Pool.Threads;

    public SimdLevel Simd { get; }

    internal WorkerPool Pool { get; }

    protected override OperationSet OwnOperations => _operations;

    /// <summary>
    /// Until the scope ends, what the calling thread asks of this device is done by that thread alone, beside what others ask at the same time: for
    /// programs that divide work among threads of their own. Results have the same bits. The scope ends on the thread on which it began.
    /// </summary>
    public CallingThreadScope OnCallingThread() => new(Pool);

    /// <summary>Whether what the calling thread asks of this device is done by that thread alone: in a scope of <see cref="OnCallingThread"/>, and in an action of <see cref="RunSideBySide"/>.</summary>
    public bool IsOnCallingThread => Pool.IsEntered;

    /// <summary>
    /// Runs an action several times on the device's threads, each as in a scope of <see cref="OnCallingThread"/>: for work that is better divided than its operations are. Returns when all have
    /// ended; asked for by a thread that works alone they run one after the other.
    /// </summary>
    /// <param name="count">How often.</param>
    /// <param name="action">Gets 0 … <paramref name="count"/> − 1. When actions fail, the exception of the lowest of them is thrown.</param>
    public void RunSideBySide(int count, Action<int> action)
    {
        ArgumentNullException.ThrowIfNull(action);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var job = new ActionJob { Action = action, Pool = Pool };
        Pool.Run(ref job, count);
    }

    private struct ActionJob : IParallelJob
    {
        public Action<int> Action;
        public WorkerPool Pool;

        // The scope is for pools that run a task without entering it, as a single one, and gives every action the scratch memory of one worker.
        public readonly void Execute(int task)
        {
            using (new CallingThreadScope(Pool)) Action(task);
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // The threads first: they may still be at work on an operation's memory.
            Pool.Dispose();
            _operations.Dispose();
        }

        base.Dispose(disposing);
    }
}
