using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace MergeEngine.Tensors.Cpu.Threads;

/// <summary>
/// A fixed team of threads: the caller and <c>threads - 1</c> background threads. <see cref="Run{TJob}(ref TJob, int)"/> hands out the tasks of one
/// job and returns when all are done. Dispatch allocates nothing.
/// </summary>
/// <remarks>
/// Each thread has a share of consecutive tasks, the same share in every job with as many tasks, so that data stays in the cache of
/// its core from one job to the next. Tasks are claimed one by one from a 64-bit word per share (round, tasks left), and who has done his
/// share helps with the others: a thread that the operating system has put aside delays nobody, and the caller waits only for tasks that somebody
/// has begun. Idle threads spin for a tenth of a millisecond, then sleep.
/// </remarks>
public sealed unsafe class WorkerPool : IDisposable
{
    [ThreadStatic]
    private static WorkerPool? t_pool;

    [ThreadStatic]
    private static int t_worker;

    private readonly object _dispatch = new(); // Not a Lock, which allocates at its first contention.
    private readonly WorkerThread[] _workers;
    private readonly Parking _callerParking = new();

    private readonly PaddedLong[] _shares;  // high half: round; low half: tasks of this share not yet claimed
    private PaddedLong _completed;          // tasks of this round that are done
    private PaddedLong _round;
    private delegate*<void*, int, void> _execute;
    private void* _job;
    private int _taskCount;
    private int _failedTask;
    private Exception? _failure;
    private readonly Lock _failureLock = new();
    private volatile bool _disposed;

    /// <param name="threads">Threads in all, the caller included; at least 1.</param>
    public WorkerPool(int threads)
    {
        if (threads is < 1 or > 1024)
            throw new ArgumentOutOfRangeException(nameof(threads), threads, "The number of threads must be between 1 and 1024.");
        Threads = threads;
        _shares = new PaddedLong[threads];
        _workers = new WorkerThread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
            _workers[i] = new WorkerThread(this, i + 1);
    }

    /// <summary>Threads that may run tasks at one time, the caller of Run included.</summary>
    public int Threads { get; }

    /// <summary>
    /// Inside a task: which of the <see cref="Threads"/> threads runs it (0 is the caller of Run), so that scratch memory can be kept by
    /// thread. Outside of a task: 0.
    /// </summary>
    public int CurrentWorker => t_pool == this ? t_worker : 0;

    /// <summary>
    /// Executes tasks 0 … <paramref name="taskCount"/> - 1 of <paramref name="job"/> and returns when all are done. Called from inside a task of
    /// this pool it runs on the calling thread alone; calls from several threads wait for each other. When tasks fail, the exception of the
    /// lowest failed task is thrown; which of the later tasks have run is not defined.
    /// </summary>
    public void Run<TJob>(ref TJob job, int taskCount)
        where TJob : struct, IParallelJob
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (taskCount <= 0)
            return;
        if (taskCount == 1 || _workers.Length == 0 || t_pool == this)
        {
            for (int task = 0; task < taskCount; task++)
                job.Execute(task);
            return;
        }

        // The job may live in an object: hold it in place while other threads use its address.
        fixed (byte* address = &Unsafe.As<TJob, byte>(ref job))
            Dispatch(&Invoke<TJob>, address, taskCount);
    }

    /// <summary>For scratch memory of a job that is given now: every <see cref="CurrentWorker"/> of its tasks is smaller.</summary>
    internal int Workers => t_pool == this ? t_worker + 1 : Threads;

    /// <summary>Whether the calling thread does alone what it gives to this pool: inside of a task, and between <see cref="Enter"/> and <see cref="Leave"/>.</summary>
    internal bool IsEntered => t_pool == this;

    /// <summary>Whether tasks of what the calling thread gives to this pool run one after the other.</summary>
    internal bool IsAlone => IsEntered || Threads == 1;

    /// <summary>Until <see cref="Leave"/> the calling thread does what it gives to this pool by itself, as a task would.</summary>
    /// <returns>For <see cref="Leave"/>.</returns>
    internal (WorkerPool? Pool, int Worker) Enter()
    {
        (WorkerPool?, int) outer = (t_pool, t_worker);
        (t_pool, t_worker) = (this, 0);
        return outer;
    }

    internal static void Leave((WorkerPool? Pool, int Worker) outer) => (t_pool, t_worker) = outer;

    private static void Invoke<TJob>(void* job, int task)
        where TJob : struct, IParallelJob => Unsafe.AsRef<TJob>(job).Execute(task);

    private void Dispatch(delegate*<void*, int, void> execute, void* job, int taskCount)
    {
        Exception? failure;
        lock (_dispatch)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _execute = execute;
            _job = job;
            _taskCount = taskCount;
            Volatile.Write(ref _completed.Value, 0);
            long round = _round.Value + 1;
            for (int share = 0; share < _shares.Length; share++)
                Volatile.Write(ref _shares[share].Value, (round << 32) | (uint)(FirstTask(share + 1, taskCount) - FirstTask(share, taskCount)));
            Interlocked.Exchange(ref _round.Value, round);
            int helpers = Math.Min(_workers.Length, taskCount - 1);
            for (int i = 0; i < helpers; i++)
                _workers[i].Parking.Wake();

            WorkerPool? outerPool = t_pool;
            int outerWorker = t_worker;
            t_pool = this;
            t_worker = 0;
            ClaimTasks(0);
            t_pool = outerPool;
            t_worker = outerWorker;

            AwaitCompletion(taskCount);
            failure = _failure;
            _failure = null;
            _job = null;
        }
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>The first task of a share; shares are as equal as can be.</summary>
    private int FirstTask(int share, int taskCount) => (int)((long)taskCount * share / _shares.Length);

    /// <summary>Claims and runs tasks of the current round until none is left: those of the own share first, then those of the others.</summary>
    private void ClaimTasks(int worker)
    {
        int done = 0;
        for (int i = 0; i < _shares.Length; i++)
        {
            int share = worker + i < _shares.Length ? worker + i : worker + i - _shares.Length;
            done += ClaimShare(share);
        }
        if (done > 0 && Interlocked.Add(ref _completed.Value, done) == _taskCount)
            _callerParking.Wake();
    }

    private int ClaimShare(int share)
    {
        int done = 0;
        while (true)
        {
            long state = Volatile.Read(ref _shares[share].Value);
            uint left = (uint)state;
            if (left == 0)
                return done;
            delegate*<void*, int, void> execute = _execute;
            void* job = _job;
            int end = FirstTask(share + 1, _taskCount);
            // Success proves that the fields above belong to this round: they are rewritten only after every task has been
            // claimed and counted as done, and then the word has another round in it.
            if (Interlocked.CompareExchange(ref _shares[share].Value, state - 1, state) != state)
                continue;
            int task = end - (int)left;
            try
            {
                execute(job, task);
            }
            catch (Exception exception)
            {
                // Thrown again by Run, on the caller's thread.
                KeepFirst(exception, task);
            }
            done++;
        }
    }

    private void KeepFirst(Exception exception, int task)
    {
        lock (_failureLock)
        {
            if (_failure is null || task < _failedTask)
            {
                _failure = exception;
                _failedTask = task;
            }
        }
    }

    private void AwaitCompletion(int taskCount)
    {
        var spin = new BoundedSpin();
        while (Volatile.Read(ref _completed.Value) != taskCount)
        {
            if (spin.Next())
                continue;
            _callerParking.Prepare();
            if (Volatile.Read(ref _completed.Value) != taskCount)
                _callerParking.Park();
            else
                _callerParking.Cancel();
        }
    }

    private void WorkerLoop(int worker, Parking parking)
    {
        t_pool = this;
        t_worker = worker;
        while (!_disposed)
        {
            long seen = Volatile.Read(ref _round.Value);
            ClaimTasks(worker);
            var spin = new BoundedSpin();
            while (Volatile.Read(ref _round.Value) == seen && !_disposed)
            {
                if (spin.Next())
                    continue;
                parking.Prepare();
                if (Volatile.Read(ref _round.Value) == seen && !_disposed)
                    parking.Park();
                else
                    parking.Cancel();
                break;
            }
        }
    }

    /// <summary>Ends the threads; waits for a Run in progress. A pool cannot be disposed from inside one of its own tasks.</summary>
    public void Dispose()
    {
        if (t_pool == this)
            throw new InvalidOperationException("A worker pool cannot be disposed from inside one of its own tasks.");
        lock (_dispatch)
        {
            if (_disposed)
                return;
            _disposed = true;
            // A worker announces that it sleeps and then looks at the flag; here the flag must be out before the announcement is read.
            Interlocked.MemoryBarrier();
            foreach (WorkerThread worker in _workers)
                worker.Parking.Wake();
        }
        foreach (WorkerThread worker in _workers)
            worker.Thread.Join();
    }

    private sealed class WorkerThread
    {
        public readonly Parking Parking = new();
        public readonly Thread Thread;

        public WorkerThread(WorkerPool pool, int index)
        {
            Thread = new Thread(() => pool.WorkerLoop(index, Parking)) { IsBackground = true, Name = $"MergeEngine worker {index}" };
            Thread.Start();
        }
    }
}
