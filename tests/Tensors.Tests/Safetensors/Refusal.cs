using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Tensors.Tests.Safetensors;

/// <summary>Asserts the exact sentence that bad input gets.</summary>
internal static class Refusal
{
    public static void Of(Action action, string file, string sentence)
    {
        var refusal = Assert.Throws<SafetensorsException>(action);
        Assert.Equal($"{file}: {sentence}", refusal.Message);
    }

    public static void Of(Func<object> action, string file, string sentence) => Of(() => { _ = action(); }, file, sentence);
}
