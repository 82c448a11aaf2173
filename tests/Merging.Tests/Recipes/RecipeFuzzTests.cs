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
            foreach (YamlException problem in RecipeText.ProblemsOf(file)) AssertSentence(problem, text);
            foreach (Recipe recipe in file.Recipes)
            {
                Assert.NotEmpty(recipe.Models);
                Assert.All(recipe.Notes, n => Assert.EndsWith(".", n.Text, StringComparison.Ordinal));
            }

            return true;
        }
        catch (YamlException error)
        {
            AssertSentence(error, text);
            return false;
        }
        catch (Exception error) when (error is not Xunit.Sdk.XunitException)
        {
            throw new InvalidOperationException($"{error.GetType().Name} for:\n{text}", error);
        }
    }

    private static void AssertSentence(YamlException error, string text)
    {
        bool clean = error.Message.StartsWith("r.yml:", StringComparison.Ordinal) && error.Message.EndsWith('.') && !error.Message.Any(char.IsControl) && error.Message.Length < 1200;
        Assert.True(clean, $"This is no sentence:\n{error.Message}\nfor:\n{text}");
    }

    [Theory]
    [InlineData("merge_method: linear\nmodels: ", "[", "nested more than 64 levels deep")]
    [InlineData("merge_method: ", "a", "there is no method")]
    [InlineData("", "a: 1\n", "occurs twice")]
    [InlineData("", "---\n", "the document is empty")]
    [InlineData("merge_method: linear\nbase_model: ", "+", "signs '@' and '+'")]
    [InlineData("merge_method: linear\nmodels:\n", "- {}\n", "'model' is missing")]
    [InlineData("merge_method: linear\nparameters: { weight: 1 }\nmodels:\n", "- model: a\n", "")]
    [InlineData("merge_method: linear\nmodels: [{ model: a, parameters: { weight: [", "1,", "this is not YAML")]
    public void A_large_file_of_one_thing_gets_a_short_sentence(string start, string repeated, string mention)
    {
        string text = start + string.Concat(Enumerable.Repeat(repeated, (YamlFile.MaxBytes - start.Length) / repeated.Length));
        if (repeated == "+") text = text[..2000];
        if (mention.Length == 0)
        {
            Assert.InRange(RecipeText.ReadSlice(text).Sources.Count, 90_000, 100_000);
            return;
        }

        string message = RecipeText.ErrorOf(text);
        Assert.Contains(mention, message, StringComparison.Ordinal);
        Assert.True(message.Length < 1200);
    }
}
