using MergeEngine.Tensors;

namespace MergeEngine.Tests.Support;

/// <summary>Results on the host, from any device.</summary>
internal static class DeviceReading
{
    public static T[] ToHost<T>(this DeviceSpan<T> span)
        where T : unmanaged
    {
        var values = new T[span.Length];
        if (values.Length > 0) span.Buffer.Device.Download(span, values);
        return values;
    }
}
