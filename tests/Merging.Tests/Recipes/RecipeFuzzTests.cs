using System.Text;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Recipes;

/// <summary>Damaged recipes: a recipe or one clean sentence, nothing else, and never for long.</summary>
public sealed class RecipeFuzzTests
{
    private const int Recipes = 100_000;
    private const int MostTold = 20;

    private static readonly string[] s_pieces =
    [
        "[", "]", "{", "}", ":", "- ", "\n", "---\n", "  ", "\t", "'", "\"", "\"\\n\\u0000\"", "&a ", "*a", "!!int ", "|", ">", "%", "@", "+", "#", "null", "~", "true", "1e308", "-1e309", "NaN", ".inf", "0x10", "-0",
        "99999999999999999999", "1.5", "[1, 3]", "[]", "{}", "{ filter: x, value: 1 }", "filter", "value", "weight", "density", "parameters: ", "models: ", "slices: ", "sources: ", "modules: ", "layer_range: [0, 2]",
        "base_model: models/a", "merge_method: ", "tokenizer: ", "tokens: ", "kind: zero", "name: x", "dialect: paper", "é🦊", "\u2028", "\ufeff", "?", "<<: ", "ties", "karcher", "tatr", "della", "models/a+models/b@c",
    ];

    private static string Mutate(string[] seeds, Random random)
    {
        var text = new StringBuilder(seeds[random.Next(seeds.Length)]);
        for (int edits = random.Next(1, 6); edits > 0; edits--)
        {
            int at = random.Next(text.Length + 1), length = Math.Min(random.Next(1, 30), text.Length - at);
            switch (random.Next(6))
            {
                case 0: text.Remove(at, length); break;
                case 1: text.Insert(at, s_pieces[random.Next(s_pieces.Length)]); break;
                case 2 when at < text.Length: text[at] = (char)random.Next(1, 300); break;
                case 3: text.Insert(at, text.ToString(at, length)); break;
                case 4:
                    string other = seeds[random.Next(seeds.Length)];
                    int from = random.Next(other.Length);
                    text.Insert(at, other[from..Math.Min(other.Length, from + random.Next(80))]);
                    break;
                default: ReplaceWord(text, random); break;
            }
        }

        return text.ToString();
    }

    /// <summary>A change of one value leaves the structure whole, so that the checks behind the parser are met.</summary>
    private static void ReplaceWord(StringBuilder text, Random random)
    {
        string[] words = text.ToString().Split(' ');
        words[random.Next(words.Length)] = s_pieces[random.Next(s_pieces.Length)];
        text.Clear().AppendJoin(' ', words);
    }

    [Fact]
    public void A_hundred_thousand_damaged_recipes_give_a_recipe_or_one_sentence()
    {
        string[] seeds = [.. Directory.GetFiles(FixtureFiles.PathOf("mergekit-recipes"), "*.yml").Order(StringComparer.Ordinal).Select(File.ReadAllText)];
        int[] read = new int[8];
        Parallel.For(0, read.Length, part =>
        {
            var random = new Random(1000 + part);
            for (int i = 0; i < Recipes / read.Length; i++) read[part] += IsRead(Mutate(seeds, random)) ? 1 : 0;
        });
        // Both ways are taken often, or the test would say nothing.
        Assert.InRange(read.Sum(), Recipes / 50, Recipes * 9 / 10);
    }

    private static bool IsRead(string text)
    {
        try
        {
            RecipeFile file = RecipeText.ReadFile(text);
            foreach (YamlException problem in RecipeText.ProblemsOf(file)) AssertSentences(problem, text);
            foreach (Recipe recipe in file.Recipes)
            {
                Assert.NotEmpty(recipe.Models);
                Assert.All(recipe.Notes, n => Assert.EndsWith(".", n.Text, StringComparison.Ordinal));
            }

            return true;
        }
        catch (YamlException error)
        {
            AssertSentences(error, text);
            return false;
        }
        catch (Exception error) when (error is not Xunit.Sdk.XunitException)
        {
            throw new InvalidOperationException($"{error.GetType().Name} for:\n{text}", error);
        }
    }

    /// <summary>Each problem is one clean sentence, none is told twice, and the message is those sentences: alone where there is one, else a line each.</summary>
    private static void AssertSentences(YamlException error, string text)
    {
        foreach (string problem in error.Problems)
        {
            bool clean = problem.StartsWith("r.yml:", StringComparison.Ordinal) && problem.EndsWith('.') && !problem.Any(char.IsControl) && problem.Length < 1200;
            Assert.True(clean, $"This is no sentence:\n{problem}\nfor:\n{text}");
        }

        Assert.True(error.Problems.Distinct().Count() == error.Problems.Count, $"Something is told twice:\n{error.Message}\nfor:\n{text}");
        Assert.InRange(error.Problems.Count, error.Untold > 0 ? MostTold : 1, MostTold);
        int count = error.Problems.Count + error.Untold;
        string[] lines = error.Untold > 0 ? [$"{count} problems:", .. error.Problems, $"and {error.Untold} more."] : [$"{count} problems:", .. error.Problems];
        Assert.Equal(count == 1 ? error.Problems[0] : string.Join($"{Environment.NewLine}  ", lines), error.Message);
    }

    [Theory]
    [InlineData("merge_method: linear\nmodels: ", "[", "nested more than 64 levels deep", 1)]
    [InlineData("merge_method: ", "a", "there is no method", 1)]
    [InlineData("", "a: 1\n", "occurs twice", 1)]
    [InlineData("", "---\n", "the document is empty", 262_144)]
    [InlineData("merge_method: linear\nmodels: [{ model: a }]\nbase_model: ", "+", "signs '@' and '+'", 1)]
    [InlineData("merge_method: linear\nmodels:\n", "- {}\n", "'model' is missing", 209_709)]
    [InlineData("merge_method: linear\nmodels:\n", "- {x: 1}\n", "has no option 'x'", 116_505)]
    [InlineData("merge_method: linear\nparameters: { weight: 1 }\nmodels:\n", "- model: a\n", "", 0)]
    [InlineData("merge_method: linear\nmodels: [{ model: a, parameters: { weight: [", "1,", "this is not YAML", 1)]
    public void A_large_file_of_one_thing_gets_short_sentences_and_few(string start, string repeated, string mention, int mistakes)
    {
        string text = start + string.Concat(Enumerable.Repeat(repeated, (YamlFile.MaxBytes - start.Length) / repeated.Length));
        if (repeated == "+") text = text[..2000];
        if (mention.Length == 0)
        {
            Assert.InRange(RecipeText.ReadSlice(text).Sources.Count, 90_000, 100_000);
            return;
        }

        var error = Assert.Throws<YamlException>(() => RecipeText.ReadFile(text));
        AssertSentences(error, text[..100]);
        Assert.All(error.Problems, p => Assert.Contains(mention, p, StringComparison.Ordinal));
        Assert.Equal(mistakes, error.Problems.Count + error.Untold);
    }
}
