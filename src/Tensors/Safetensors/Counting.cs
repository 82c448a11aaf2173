namespace MergeEngine.Tensors.Safetensors;

/// <summary>Numbers with what they count, inside messages.</summary>
public static class Counting
{
    /// <summary>Such as <c>1 tensor</c> or <c>3 tensors</c>, of a word that takes an s.</summary>
    public static string Of(long number, string what) => number == 1 ? $"1 {what}" : $"{number} {what}s";

    /// <summary>Such as <c>1 class has</c> or <c>3 classes have</c>.</summary>
    public static string Of(long number, string one, string many) => $"{number} {(number == 1 ? one : many)}";
}
