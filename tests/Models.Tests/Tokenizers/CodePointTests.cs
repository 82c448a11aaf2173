using System.Globalization;
using MergeEngine.Models.Tokenizers.Normalization;
using MergeEngine.Models.Tokenizers.Unicode;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Tokenizers;

/// <summary>The generated tables say of every code point what the reference said when it was asked.</summary>
public sealed class CodePointTests
{
    public static TheoryData<string, int> Lists => new()
    {
        { "bert-clean-removed", (int)CodePointTraits.CleanRemoved },
        { "bert-clean-space", (int)CodePointTraits.CleanSpace },
        { "bert-chinese", (int)CodePointTraits.Chinese },
        { "bert-accents-removed", (int)CodePointTraits.Accent },
        { "bert-punctuation", (int)CodePointTraits.Punctuation },
        { "bert-whitespace", (int)CodePointTraits.Whitespace },
        { "regex-letter", (int)CodePointTraits.Letter },
        { "regex-number", (int)CodePointTraits.Number },
        { "regex-space", (int)CodePointTraits.Space },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public void A_list_is_the_references(string name, int trait)
    {
        var expected = new bool[0x110000];
        foreach (string line in Lines(name))
        {
            int[] ends = [.. line.Split("..").Select(Hex)];
            expected.AsSpan(ends[0]..(ends[^1] + 1)).Fill(true);
        }

        Assert.All(AllPoints(), point => Assert.True(CodePoints.Is(point, (CodePointTraits)trait) == expected[point], $"U+{point:X4}"));
    }

    [Fact]
    public void Lower_case_is_the_references()
    {
        Dictionary<int, int[]> map = Map("lowercase");
        Check(new LowerCaseNormalizer(), point => map.GetValueOrDefault(point));
    }

    [Fact]
    public void Decompositions_are_the_references()
    {
        Dictionary<int, int[]> map = Map("nfd");
        Check(new CanonicalNormalizer(compose: false), point => map.GetValueOrDefault(point) ?? (Hangul.IsSyllable(point) ? Jamo(point) : null));
    }

    [Fact]
    public void Every_hangul_syllable_composes_again()
    {
        foreach (int point in Enumerable.Range(Hangul.FirstSyllable, Hangul.SyllableCount)) Assert.Equal([point], Apply(new CanonicalNormalizer(compose: true), Jamo(point)));
    }

    [Fact]
    public void Compositions_are_the_references()
    {
        Dictionary<int, int[]> map = Map("nfc");
        Check(new CanonicalNormalizer(compose: true), point => map.GetValueOrDefault(point));
    }

    [Fact]
    public void What_was_decomposed_composes_to_the_references_form_again()
    {
        Dictionary<int, int[]> map = Map("nfc");
        foreach ((int point, int[] parts) in Map("nfd")) Assert.Equal(map.GetValueOrDefault(point) ?? [point], Apply(new CanonicalNormalizer(compose: true), parts));
    }

    [Fact]
    public void Combining_classes_are_the_references()
    {
        var expected = new int[0x110000];
        foreach (string[] pair in Lines("combining-class").Select(line => line.Split(';'))) expected[Hex(pair[0])] = int.Parse(pair[1], CultureInfo.InvariantCulture);
        Assert.All(AllPoints(), point => Assert.True(CombiningClasses.Of(point) == expected[point], $"U+{point:X4}"));
    }

    private static IEnumerable<int> AllPoints() => Enumerable.Range(0, 0x110000).Where(point => point is < 0xD800 or > 0xDFFF);

    /// <summary>The step on each code point alone; null expects it unchanged.</summary>
    private static void Check(Normalizer step, Func<int, int[]?> expected)
    {
        foreach (int point in AllPoints())
        {
            int[] result = Apply(step, [point]);
            if (!result.AsSpan().SequenceEqual(expected(point) ?? [point])) Assert.Fail($"U+{point:X4} became {string.Join(' ', result.Select(r => $"U+{r:X4}"))}");
        }
    }

    private static readonly TextBuffers s_text = new();
    private static readonly DecompositionBuffer s_marks = new();

    private static int[] Apply(Normalizer step, int[] points)
    {
        s_text.Load(points, 0, points.Length);
        step.Apply(s_text, s_marks);
        return s_text.Points[TextBuffers.Start..s_text.End];
    }

    /// <summary>Syllables stand in the order of 19 leading consonants, 21 vowels, and none or one of 27 trailing consonants.</summary>
    private static int[] Jamo(int syllable)
    {
        int index = syllable - 0xAC00;
        int[] parts = [0x1100 + (index / 588), 0x1161 + (index % 588 / 28), 0x11A7 + (index % 28)];
        return parts[2] == 0x11A7 ? parts[..2] : parts;
    }

    private static Dictionary<int, int[]> Map(string name) =>
        Lines(name).Select(line => line.Split(';')).ToDictionary(pair => Hex(pair[0]), pair => pair[1].Split(' ').Select(Hex).ToArray());

    private static int Hex(string digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static string[] Lines(string name)
    {
        string path = Path.Combine(FixtureFiles.PathOf(".."), "..", "..", "shared", "fixtures", "tokenizers", "codepoints", $"{name}.txt");
        Assert.SkipUnless(File.Exists(path), $"{name}.txt is not at hand: the tables are compared where ../shared/fixtures lies beside the repository.");
        return [.. File.ReadAllLines(path).Where(line => line.Length > 0 && line[0] != '#')];
    }
}
