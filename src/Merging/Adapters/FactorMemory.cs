using System.Runtime.InteropServices;

namespace MergeEngine.Merging.Adapters;

/// <summary>
/// A factor in memory of its own while a tensor is read: loaded with the first piece and given back with the last, so that a merge holds those of a few tensors at a time. A
/// later pass loads it again.
/// </summary>
/// <param name="length">Elements of the factor.</param>
/// <param name="total">Elements of the tensor, after which nobody asks again.</param>
internal sealed unsafe class FactorMemory(long length, long total)
{
    private readonly Lock _lock = new();
    private float* _data;
    private int _users;
    private long _delivered;

    public delegate void Loader(Span<float> destination);

    ~FactorMemory() => NativeMemory.AlignedFree(_data);

    public long ByteLength => length * sizeof(float);

    /// <summary>The factor, valid until <see cref="Release"/>.</summary>
    public float* Acquire(Loader load)
    {
        lock (_lock)
        {
            if (_data is null)
            {
                float* data = (float*)NativeMemory.AlignedAlloc((nuint)ByteLength, 64);
                try
                {
                    load(new Span<float>(data, checked((int)length)));
                }
                catch
                {
                    NativeMemory.AlignedFree(data);
                    throw;
                }

                _data = data;
                _delivered = 0;
            }

            _users++;
            return _data;
        }
    }

    /// <summary>Ends a use that made so many elements of the tensor.</summary>
    public void Release(long elements)
    {
        lock (_lock)
        {
            _users--;
            _delivered += elements;
            if (_users > 0 || _delivered < total) return;
            NativeMemory.AlignedFree(_data);
            _data = null;
        }
    }
}
