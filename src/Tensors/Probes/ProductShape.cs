using System.Globalization;

namespace MergeEngine.Tensors.Probes;

/// <summary>C [M, N] ← A [M, K] · Bᵀ with B [N, K]: M rows of activations through a weight as checkpoints store it.</summary>
/// <param name="M">Rows: samples times tokens.</param>
/// <param name="N">Outputs of the layer.</param>
/// <param name="K">Inputs of the layer.</param>
public readonly record struct ProductShape(int M, int N, int K)
{
    /// <summary>Rows up to which the weights are more work for the memory than for the arithmetic.</summary>
    public const int SkinnyRows = 50;

    /// <summary>Largest M, N and K that is read from text.</summary>
    public const int Largest = 65_536;

    private static readonly (int N, int K)[] s_base = [(2304, 768), (768, 768), (3072, 768), (768, 3072)];

    private static readonly (int N, int K)[] s_layers =
    [
        (576, 192), (192, 192), (768, 192), (192, 768),
        (1152, 384), (384, 384), (1536, 384), (384, 1536),
        .. s_base,
        (3072, 1024), (1024, 1024), (1024, 3072),
    ];

    /// <summary>Squares from 512 to 3072.</summary>
    public static IReadOnlyList<ProductShape> Squares { get; } = [.. new[] { 512, 1024, 2048, 3072 }.Select(n => new ProductShape(n, n, n))];

    /// <summary>
    /// The layers of ViT-Ti, S, B and L and of BERT-base: 1, 8 and 32 images of 50 tokens, 16 texts of 128 tokens, and 1 to 32 rows, as a text of few tokens has them.
    /// </summary>
    public static IReadOnlyList<ProductShape> Models { get; } =
    [
        .. from images in new[] { 1, 8, 32 } from layer in s_layers select new ProductShape(50 * images, layer.N, layer.K),
        .. from layer in s_base select new ProductShape(16 * 128, layer.N, layer.K),
        .. from rows in new[] { 1, 2, 4, 8, 16, 32 } from layer in s_base select new ProductShape(rows, layer.N, layer.K),
    ];

    /// <summary>A multiplication and an addition each count as one.</summary>
    public double Operations => 2.0 * M * N * K;

    /// <summary>Bytes of the weight in float32.</summary>
    public double WeightBytes => 4.0 * N * K;

    /// <summary>Reads <c>MxNxK</c>, as in <c>400x3072x768</c>.</summary>
    /// <returns>False if it is no such text, or a number is not from 1 to <see cref="Largest"/>.</returns>
    public static bool TryParse(string text, out ProductShape shape)
    {
        string[] parts = text.Split('x');
        int[] sizes = [.. parts.Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int size) ? size : 0)];
        bool isShape = sizes.Length == 3 && sizes.All(size => size is >= 1 and <= Largest);
        shape = isShape ? new ProductShape(sizes[0], sizes[1], sizes[2]) : default;
        return isShape;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{M}x{N}x{K}");
}
