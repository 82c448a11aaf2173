using MergeEngine.Tensors.Cpu.Threads;

namespace MergeEngine.Tensors.Tests.Cpu;

public sealed class WorkerPoolTests
{
    private struct CountJob : IParallelJob
    {
        public int[] Hits;

        public readonly void Execute(int task) => Interlocked.Increment(ref Hits[task]);
    }

    private struct FailJob : IParallelJob
    {
        public int[] Hits;
        public int FailFrom;

        public readonly void Execute(int task)
        {
            Interlocked.Increment(ref Hits[task]);
            if (task >= FailFrom)
                throw new InvalidDataException($"task {task}");
        }
    }

    /// <summary>Task 0 ends after all others, those of its own thread's share too.</summary>
    private struct HeldUpJob : IParallelJob
    {
        public int[] Done;
        public int Others;
        public DateTime Limit;

        public readonly void Execute(int task)
        {
            while (task == 0 && Volatile.Read(ref Done[0]) < Others)
            {
                if (DateTime.UtcNow > Limit)
                    throw new TimeoutException("Nobody took over the tasks behind the one that waits.");
                Thread.Yield();
            }
            Interlocked.Increment(ref Done[0]);
        }
    }

    private struct NestedJob : IParallelJob
    {
        public WorkerPool Pool;
        public int[] Hits;

        public readonly void Execute(int task)
        {
            int me = Environment.CurrentManagedThreadId;
            var inner = new SameThreadJob { Thread = me, Hits = Hits };
            Pool.Run(ref inner, 8);
        }
    }

    private struct SameThreadJob : IParallelJob
    {
        public int Thread;
        public int[] Hits;

        public readonly void Execute(int task)
        {
            if (Environment.CurrentManagedThreadId == Thread)
                Interlocked.Increment(ref Hits[task]);
        }
    }

    private struct WorkerIndexJob : IParallelJob
    {
        public WorkerPool Pool;
        public int[] Busy;
        public int[] Clashes;

        public readonly void Execute(int task)
        {
            int worker = Pool.CurrentWorker;
            if (Interlocked.Exchange(ref Busy[worker], 1) != 0)
                Interlocked.Increment(ref Clashes[0]);
            Thread.SpinWait(20);
            Volatile.Write(ref Busy[worker], 0);
        }
    }

    private struct DisposeJob : IParallelJob
    {
        public WorkerPool Pool;

        public readonly void Execute(int task) => Pool.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(9)]
    public void Every_task_runs_exactly_once_in_a_hundred_thousand_tiny_runs(int threads)
    {
        using var pool = new WorkerPool(threads);
        int runs = threads == 9 ? 10_000 : 100_000;
        var job = new CountJob { Hits = new int[7] };
        int expected0 = 0, expected6 = 0;
        for (int run = 0; run < runs; run++)
        {
            int tasks = run % 8;
            pool.Run(ref job, tasks);
            if (tasks > 0)
                expected0++;
            if (tasks == 7)
                expected6++;
            if (job.Hits[0] != expected0 || job.Hits[6] != expected6)
                Assert.Fail($"run {run}: task 0 ran {job.Hits[0]} times (expected {expected0}), task 6 {job.Hits[6]} (expected {expected6})");
        }
    }

    [Fact]
    public void Workers_that_sleep_wake_up_again()
    {
        using var pool = new WorkerPool(3);
        var job = new CountJob { Hits = new int[64] };
        for (int run = 1; run <= 40; run++)
        {
            Thread.Sleep(2);
            pool.Run(ref job, 64);
            Assert.All(job.Hits, hits => Assert.Equal(run, hits));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void The_exception_of_the_lowest_failed_task_reaches_the_caller_and_the_pool_goes_on(int threads)
    {
        using var pool = new WorkerPool(threads);
        for (int run = 0; run < 200; run++)
        {
            var job = new FailJob { Hits = new int[20], FailFrom = 5 };
            var exception = Assert.Throws<InvalidDataException>(() => pool.Run(ref job, 20));
            Assert.Equal("task 5", exception.Message);
            var good = new CountJob { Hits = new int[20] };
            pool.Run(ref good, 20);
            Assert.All(good.Hits, hits => Assert.Equal(1, hits));
        }
    }

    [Fact]
    public void A_thread_that_is_held_up_leaves_its_share_to_the_others()
    {
        using var pool = new WorkerPool(3);
        for (int run = 0; run < 50; run++)
        {
            var job = new HeldUpJob { Done = new int[1], Others = 29, Limit = DateTime.UtcNow.AddSeconds(20) };
            pool.Run(ref job, 30);
            Assert.Equal(30, job.Done[0]);
        }
    }

    [Fact]
    public void A_run_inside_a_task_stays_on_its_thread()
    {
        using var pool = new WorkerPool(4);
        var job = new NestedJob { Pool = pool, Hits = new int[8] };
        for (int run = 1; run <= 500; run++)
            pool.Run(ref job, 16);
        Assert.All(job.Hits, hits => Assert.Equal(16 * 500, hits));
    }

    [Fact]
    public void Runs_from_several_threads_wait_for_each_other()
    {
        using var pool = new WorkerPool(3);
        var threads = new Thread[4];
        var jobs = new CountJob[4];
        for (int i = 0; i < threads.Length; i++)
        {
            int mine = i;
            jobs[mine] = new CountJob { Hits = new int[10] };
            threads[i] = new Thread(() =>
            {
                for (int run = 0; run < 3000; run++)
                    pool.Run(ref jobs[mine], 10);
            });
            threads[i].Start();
        }
        foreach (Thread thread in threads)
            thread.Join();
        foreach (CountJob job in jobs)
            Assert.All(job.Hits, hits => Assert.Equal(3000, hits));
    }

    [Fact]
    public void No_two_tasks_share_a_worker_number_at_one_time()
    {
        using var pool = new WorkerPool(4);
        var job = new WorkerIndexJob { Pool = pool, Busy = new int[4], Clashes = new int[1] };
        for (int run = 0; run < 500; run++)
            pool.Run(ref job, 40);
        Assert.Equal(0, job.Clashes[0]);
        Assert.Equal(0, pool.CurrentWorker);
    }

    /// <summary>Two tasks that run at one time: the one on a worker's thread lasts until it is let go.</summary>
    private struct LastingJob : IParallelJob
    {
        public WorkerPool Pool;
        public int[] Begun;
        public int[] LetGo;
        public int[] Done;

        public readonly void Execute(int task)
        {
            Interlocked.Increment(ref Begun[0]);
            while (Volatile.Read(ref Begun[0]) < 2 || (Pool.CurrentWorker != 0 && Volatile.Read(ref LetGo[0]) == 0))
                Thread.Yield();
            Interlocked.Increment(ref Done[0]);
        }
    }

    [Fact]
    public void A_caller_that_is_interrupted_still_waits_for_every_task()
    {
        using var pool = new WorkerPool(2);
        var job = new LastingJob { Pool = pool, Begun = new int[1], LetGo = new int[1], Done = new int[1] };
        int done = 0;
        bool kept = false;
        var caller = new Thread(() =>
        {
            pool.Run(ref job, 2);
            done = Volatile.Read(ref job.Done[0]);
            try
            {
                Thread.Sleep(Timeout.Infinite);
            }
            catch (ThreadInterruptedException)
            {
                kept = true;
            }
        });
        caller.Start();
        while (Volatile.Read(ref job.Done[0]) == 0)
            Thread.Yield();
        caller.Interrupt();
        Assert.False(caller.Join(50));
        Volatile.Write(ref job.LetGo[0], 1);
        caller.Join();
        Assert.Equal(2, done);
        Assert.True(kept, "The interruption was lost.");
    }

    [Fact]
    public void A_run_allocates_nothing()
    {
        using var pool = new WorkerPool(3);
        var job = new CountJob { Hits = new int[9] };
        for (int run = 0; run < 2000; run++)
            pool.Run(ref job, 9);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int run = 0; run < 2000; run++)
            pool.Run(ref job, 9);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_disposed_pool_refuses_work_and_disposes_twice()
    {
        for (int i = 0; i < 50; i++)
        {
            var pool = new WorkerPool(1 + i % 5);
            var job = new CountJob { Hits = new int[4] };
            if (i % 2 == 0)
                pool.Run(ref job, 4);
            pool.Dispose();
            pool.Dispose();
            Assert.Throws<ObjectDisposedException>(() => pool.Run(ref job, 4));
        }
    }

    [Fact]
    public void A_pool_is_not_disposed_from_inside_a_task()
    {
        using var pool = new WorkerPool(2);
        var job = new DisposeJob { Pool = pool };
        Assert.Throws<InvalidOperationException>(() => pool.Run(ref job, 4));
    }

    [Fact]
    public void A_pool_has_at_least_one_thread() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerPool(0));
}
