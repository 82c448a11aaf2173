using MergeEngine.Models.Inference;
using MergeEngine.Tests.Support;

namespace MergeEngine.Models.Tests.Inference;

/// <summary>Lists of classes and templates, and what is refused with one sentence.</summary>
public sealed class PromptListTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("cat, polar bear ,dog")]
    [InlineData("[\"cat\", \" polar bear\", \"dog\"]")]
    public void Words_and_json_on_the_command_line_are_lists(string value) =>
        Assert.Equal(["cat", "polar bear", "dog"], PromptList.Read(value, "--classes", "class").Items);

    [Theory]
    [InlineData("cat\npolar bear\ndog")]
    [InlineData("cat\r\npolar bear\r\ndog\r\n")]
    [InlineData("  [\"cat\",\n \"polar bear\",\n \"dog\"]\n")]
    public void Files_have_lines_or_a_json_list(string content)
    {
        string path = Write(content);
        PromptList list = PromptList.Read(path, "--classes", "class");
        Assert.Equal(["cat", "polar bear", "dog"], list.Items);
        Assert.StartsWith($"{path}: ", list.PlaceOf(1), StringComparison.Ordinal);
        Assert.EndsWith(" 2", list.PlaceOf(1), StringComparison.Ordinal);
    }

    [Fact]
    public void Templates_with_commas_stand_in_a_file_or_in_json()
    {
        string[] wanted = ["a photo of a {}, a type of pet.", "{}"];
        Assert.Equal(wanted, PromptList.ReadTemplates(Write(string.Join('\n', wanted)), "--templates").Items);
        Assert.Equal(wanted, PromptList.ReadTemplates("[\"a photo of a {}, a type of pet.\", \"{}\"]", "--templates").Items);
        Assert.Equal(
            "--templates: item 2 is \"a type of pet.\", expected a template with {} where the class's name goes; a template with a comma belongs into a file or a JSON list.",
            Assert.Throws<ModelException>(() => PromptList.ReadTemplates(wanted[0], "--templates")).Message);
    }

    [Theory]
    [InlineData("cat,,dog", "--classes: item 2 is empty, expected a class.")]
    [InlineData("", "--classes: item 1 is empty, expected a class.")]
    [InlineData("[]", "--classes: the list is empty, expected a class at least.")]
    [InlineData("[\"cat\", 3]", "--classes: item 2 is a JSON number, expected a class as a text.")]
    [InlineData("[\"cat\"", "--classes: begins with [ but is no JSON list of texts.")]
    [InlineData("classes.txt", "classes.txt: there is no such file, expected one with a class on each line.")]
    [InlineData("data/classes", "data/classes: there is no such file, expected one with a class on each line.")]
    [InlineData("/", "/: is a directory, expected a file with a class on each line.")]
    public void Lists_that_make_no_sense_get_one_sentence(string value, string sentence) =>
        Assert.Equal(sentence, Assert.Throws<ModelException>(() => PromptList.Read(value, "--classes", "class")).Message);

    [Fact]
    public void Files_that_make_no_sense_get_one_sentence()
    {
        string Refusal(string path) => Assert.Throws<ModelException>(() => PromptList.ReadTemplates(path, "--templates")).Message;
        string path = Write("a {}\n\nthe {}\n");
        Assert.Equal($"{path}: line 2 is empty, expected a template.", Refusal(path));
        path = Write("a {}\nthe\n");
        Assert.Equal($"{path}: line 2 is \"the\", expected a template with {{}} where the class's name goes.", Refusal(path));
        path = Write("");
        Assert.Equal($"{path}: line 1 is empty, expected a template.", Refusal(path));
        File.WriteAllBytes(path, [0x61, 0xFF, 0x62]);
        Assert.Equal($"{path}: is not UTF-8, expected a file with a template on each line.", Refusal(path));
    }

    private string Write(string content)
    {
        string path = _directory.File("list");
        File.WriteAllText(path, content);
        return path;
    }
}
