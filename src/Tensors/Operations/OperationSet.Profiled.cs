using MergeEngine.Tensors.Operations.Profiling;

namespace MergeEngine.Tensors.Operations;

/// <content>The operations of a device with a clock around each.</content>
public abstract partial class OperationSet
{
    /// <summary>The operations with a clock around each; what is asked of this set alone is not timed.</summary>
    internal OperationSet In(OperationProfile profile) => new Profiled(this, profile);

    /// <summary>
    /// Passes every call on and tells the profile how long it took and how much work it was. A class inside of the set, so that it reaches what
    /// devices implement; its parts stand beside the operations that they count.
    /// </summary>
    private sealed partial class Profiled(OperationSet inner, OperationProfile profile) : OperationSet(inner.Device)
    {
        public override bool SearchesDifferences => inner.SearchesDifferences;

        private static long Size(Matrix matrix) => (long)matrix.Rows * matrix.Columns;

        /// <summary>Elements of float32 that are read or written once.</summary>
        private static OperationWork Pass(long elements) => Bytes(sizeof(float) * (double)elements);

        private static OperationWork Bytes(double bytes) => new(0, bytes);

        /// <summary>Vectors of one length that are read once.</summary>
        private static OperationWork Vectors(ReadOnlySpan<DeviceSpan<float>> vectors) => Pass(vectors.Length == 0 ? 0 : vectors.Length * vectors[0].Length);

        /// <summary>A mask of bytes made from a vector.</summary>
        private static OperationWork Mask(long length) => Bytes((sizeof(float) + 1.0) * length);

        /// <summary>A product of [rows, inputs] with a weight [outputs, inputs], and what else is read or written beside both and the result.</summary>
        private static OperationWork Product(double rows, int outputs, int inputs, long more = 0) => new(
            2 * rows * outputs * inputs, sizeof(float) * ((rows * inputs) + ((double)outputs * inputs) + (rows * outputs) + more), outputs, inputs);

        /// <summary>Products of [tokens, head size] with its like or with scores; of causal ones the half that is read.</summary>
        private static OperationWork Attention(AttentionShape shape, int products, int matrices)
        {
            double pairs = shape.Causal ? (shape.Tokens + 1) / 2.0 : shape.Tokens;
            return new(2.0 * products * shape.Rows * pairs * shape.Width, sizeof(float) * (double)matrices * shape.Rows * shape.Width, shape.Heads, shape.HeadSize);
        }

        private static OperationWork Stored(StoredVector output, StoredVector origin, ReadOnlySpan<StoredVector> inputs, DeviceSpan<byte> mask)
        {
            double bytes = output.ElementBytes + (origin.IsNone ? 0 : origin.ElementBytes);
            foreach (StoredVector input in inputs) bytes += input.ElementBytes;
            return Bytes((bytes * output.Length) + mask.Length);
        }

        private static OperationWork Differences(long length, ReadOnlySpan<DifferenceTerm> terms)
        {
            double bytes = sizeof(float) * (terms.Length + 2.0) * length;
            foreach (DifferenceTerm term in terms) bytes += term.Mask.Length;
            return Bytes(bytes);
        }
    }
}
