using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using MergeEngine.Tensors.Cpu.Threads;
using MergeEngine.Tensors.Cpu.VectorMath;

namespace MergeEngine.Tensors.Cpu.Probes;

/// <summary>
/// What this machine can do at most, measured in some milliseconds: the ceilings that kernels are compared with. Machines are shared and change their
/// clock, so measure a ceiling in turn with the kernel and compare the best of several.
/// </summary>
public static unsafe class MachineProbe
{
    private const int MultiplyAddRounds = 20_000;

    /// <summary>float32 operations per second, in GFLOP/s, of multiply-adds that touch no memory (a multiply-add counts as two).</summary>
    /// <param name="pool">All its threads work.</param>
    /// <param name="level">Vector width.</param>
    /// <exception cref="NotSupportedException">The processor lacks the vector width.</exception>
    public static double MultiplyAddPeak(WorkerPool pool, SimdLevel level)
    {
        int lanes = (int)SimdLevels.Require(level) / 32;
        var job = new MultiplyAddJob { Level = level };
        int parts = pool.Threads * 8;
        long start = Stopwatch.GetTimestamp();
        pool.Run(ref job, parts);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return 2.0 * 12 * lanes * MultiplyAddRounds * parts / seconds / 1e9;
    }

    /// <summary>Bytes read plus bytes written per second, in GB/s, by a copy of <paramref name="bytes"/> bytes of memory.</summary>
    /// <param name="pool">All its threads work.</param>
    /// <param name="bytes">Size of the source; choose it well beyond the caches.</param>
    public static double CopyBandwidth(WorkerPool pool, nuint bytes = 256 << 20)
    {
        byte* source = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
        byte* target = (byte*)NativeMemory.AlignedAlloc(bytes, 64);
        try
        {
            NativeMemory.Fill(source, bytes, 1);
            NativeMemory.Fill(target, bytes, 2);
            double best = 0;
            for (int round = 0; round < 5; round++) best = Math.Max(best, 2.0 * bytes / CopySeconds(pool, source, target, bytes) / 1e9);
            return best;
        }
        finally
        {
            NativeMemory.AlignedFree(source);
            NativeMemory.AlignedFree(target);
        }
    }

    /// <summary>Seconds that all threads of the pool need to copy memory.</summary>
    internal static double CopySeconds(WorkerPool pool, byte* source, byte* target, nuint bytes)
    {
        var job = new CopyJob { Source = source, Target = target, Bytes = bytes, Parts = pool.Threads * 8 };
        long start = Stopwatch.GetTimestamp();
        pool.Run(ref job, job.Parts);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>Seconds that all threads of the pool need to read memory and no more: what weights cannot come faster than. A copy's rate is not that of reading alone.</summary>
    /// <param name="pool">All its threads read.</param>
    /// <param name="level">Vector width.</param>
    /// <param name="source">Positive numbers, aligned to 64 bytes.</param>
    /// <param name="bytes">A multiple of 64 KiB, well beyond the caches.</param>
    internal static double ReadSeconds(WorkerPool pool, SimdLevel level, byte* source, nuint bytes)
    {
        var job = new ReadJob { Level = level, Source = (float*)source };
        long start = Stopwatch.GetTimestamp();
        pool.Run(ref job, (int)(bytes / (ReadJob.Floats * sizeof(float))));
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private struct MultiplyAddJob : IParallelJob
    {
        public SimdLevel Level;

        public readonly void Execute(int task)
        {
            float sum = Level switch
            {
                SimdLevel.Vector512 => Chains<Simd512, Vector512<float>>(MultiplyAddRounds),
                SimdLevel.Vector256 => Chains<Simd256, Vector256<float>>(MultiplyAddRounds),
                _ => Chains<Simd128, Vector128<float>>(MultiplyAddRounds),
            };
            if (float.IsNaN(sum))
                throw new ArithmeticException("The probe's sums are not numbers.");
        }
    }

    private struct CopyJob : IParallelJob
    {
        public byte* Source;
        public byte* Target;
        public nuint Bytes;
        public int Parts;

        public readonly void Execute(int task)
        {
            nuint from = Bytes * (nuint)task / (nuint)Parts, to = Bytes * (nuint)(task + 1) / (nuint)Parts;
            NativeMemory.Copy(Source + from, Target + from, to - from);
        }
    }

    private struct ReadJob : IParallelJob
    {
        public const int Floats = 1 << 14;

        public SimdLevel Level;
        public float* Source;

        public readonly void Execute(int task)
        {
            float* part = Source + ((nint)task * Floats);
            float sum = Level switch
            {
                SimdLevel.Vector512 => Sum<Simd512, Vector512<float>>(part),
                SimdLevel.Vector256 => Sum<Simd256, Vector256<float>>(part),
                _ => Sum<Simd128, Vector128<float>>(part),
            };
            if (!(sum > 0))
                throw new ArithmeticException("The probe reads memory that nobody has written, which is one page of zeros in the cache.");
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static float Sum<S, V>(float* values)
            where S : struct, ISimd<V>
            where V : struct
        {
            V a = S.Zero, b = a, c = a, d = a;
            for (int i = 0; i < Floats; i += 4 * S.Count)
            {
                a = S.Add(a, S.Load(values + i));
                b = S.Add(b, S.Load(values + i + S.Count));
                c = S.Add(c, S.Load(values + i + (2 * S.Count)));
                d = S.Add(d, S.Load(values + i + (3 * S.Count)));
            }

            return S.Sum(S.Add(S.Add(a, b), S.Add(c, d)));
        }
    }

    /// <summary>Twelve independent chains: more than two multiply-adds a cycle with four cycles of latency need.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Chains<S, V>(int rounds)
        where S : struct, ISimd<V>
        where V : struct
    {
        V x = S.Create(0.999f), y = S.Create(0.001f);
        V a = S.Zero, b = a, c = a, d = a, e = a, f = a, g = a, h = a, i = a, j = a, k = a, l = a;
        for (int round = 0; round < rounds; round++)
        {
            a = S.MultiplyAdd(a, x, y);
            b = S.MultiplyAdd(b, x, y);
            c = S.MultiplyAdd(c, x, y);
            d = S.MultiplyAdd(d, x, y);
            e = S.MultiplyAdd(e, x, y);
            f = S.MultiplyAdd(f, x, y);
            g = S.MultiplyAdd(g, x, y);
            h = S.MultiplyAdd(h, x, y);
            i = S.MultiplyAdd(i, x, y);
            j = S.MultiplyAdd(j, x, y);
            k = S.MultiplyAdd(k, x, y);
            l = S.MultiplyAdd(l, x, y);
        }
        V sum = S.Add(S.Add(S.Add(a, b), S.Add(c, d)), S.Add(S.Add(e, f), S.Add(g, h)));
        return S.Sum(S.Add(sum, S.Add(S.Add(i, j), S.Add(k, l))));
    }
}
