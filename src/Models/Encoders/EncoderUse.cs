namespace MergeEngine.Models.Encoders;

/// <summary>One thread's use of an encoder, from <see cref="Encoder.Use"/> to its disposal on the same thread.</summary>
internal readonly ref struct EncoderUse(Encoder encoder)
{
    public void Dispose() => encoder.EndUse();
}
