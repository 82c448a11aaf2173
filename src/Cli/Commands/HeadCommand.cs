using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using MergeEngine.Cli.CommandLine;
using MergeEngine.Cli.Reports;
using MergeEngine.Cli.Terminal;
using MergeEngine.Models.Encoders;
using MergeEngine.Models.Inference;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tensors;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Commands;

/// <summary><c>head --clip MODEL --classes … OUT</c>: a zero-shot head from the names of classes.</summary>
internal static class HeadCommand
{
    private const int DefaultBatchSize = 64;

    private static readonly Argument<string> Output = new("OUT.safetensors") { Description = "Gets 'weight' [classes, projection] and 'logit_scale', as --head of other commands takes them." };

    private static readonly Option<string> Clip = new("--clip")
    {
        Description = "A CLIP with a text tower, of Hugging Face or open_clip: a directory, or a .safetensors file with its config beside it.",
        HelpName = "MODEL",
        Required = true,
    };

    private static readonly Option<string> Classes = new("--classes")
    {
        Description = "Names of the classes in the order of the labels: a file with one on each line or a JSON list, or names with commas between them.",
        HelpName = "FILE|LIST",
        Required = true,
    };

    private static readonly Option<string> Templates = new("--templates")
    {
        Description = "Prompts with {} where a class's name goes, given as --classes is; an embedding is the mean over them.",
        HelpName = "FILE|LIST",
        DefaultValueFactory = _ => "a photo of a {}.",
    };

    private static readonly Option<string?> TokenizerPath = new("--tokenizer")
    {
        Description = "A tokenizer.json or a directory with CLIP's tokenizer, where it does not lie beside the weights.",
        HelpName = "PATH",
    };

    public static Command Create()
    {
        var command = new ExampleCommand(
            "head", "Make a zero-shot classification head from the names of classes with a CLIP's text tower.",
            "head --clip clip-vit-base-patch32/ --classes classes.txt --templates templates.txt zero-shot.safetensors",
            "head --clip clip-vit-base-patch32/ --classes cat,dog,\"polar bear\" --templates \"a photo of a {}.,a drawing of a {}.\" zero-shot.safetensors",
            "head --clip ViT-B-32/open_clip_model.safetensors --tokenizer clip-vit-base-patch32/ --classes classes.json zero-shot.safetensors")
        {
            Output,
            Clip,
            Classes,
            Templates,
            TokenizerPath,
            CommonOptions.Config,
            ModelArguments.BatchSize,
            CommonOptions.Device,
            CommonOptions.Precision,
            CommonOptions.Threads,
            CommonOptions.Json,
        };
        command.Runs(Run);
        return command;
    }

    private static void Run(CommandContext context)
    {
        string output = context.Get(Output), model = context.Get(Clip)!;
        OutputFile.RequirePossible(output, model, context.Get(Classes), context.Get(Templates), context.Get(TokenizerPath), context.Get(CommonOptions.Config));
        PromptList classes = context.Reading(() => Read(context.Get(Classes)!, value => PromptList.Read(value, Classes.Name, "class")));
        PromptList templates = context.Reading(() => Read(context.Get(Templates)!, value => PromptList.ReadTemplates(value, Templates.Name)));
        using Device device = context.OpenDevice();
        using Encoder encoder = Encoder.Open(device, model, context.Get(CommonOptions.Config), preferTexts: true);
        if (ZeroShotHead.Refuses(encoder) is { } fault) throw new InvalidDataException($"{model}: {fault}.");
        var tower = (TextTransformer)encoder;
        ZeroShotPrompts prompts = Tokenize(context, tower, classes, templates);
        Note(prompts, classes, tower);
        using ClassificationHead head = CommandContext.WithProgress("prompts", sink => ZeroShotHead.Build(
            tower, prompts, ModelArguments.BatchSizeOf(context, DefaultBatchSize), new Samples(sink, "encoding", prompts.Tokens.Count), context.Stop));
        TensorContent[] tensors = [.. head.ToTensors()];
        SafetensorsWriter.Write(output, tensors, Describe(classes, templates));
        var report = new WrittenReport(output, prompts.Tokens.Count, [.. tensors.Select(t => new WrittenTensor(t.Name, [.. t.Shape.Dimensions]))], device.Name, CommonOptions.NameOf(device.Precision));
        context.Write(report, CliJson.Default.WrittenReport, (r, text) => r.Print(text));
    }

    /// <exception cref="UsageException">The command line itself holds the list, and it is none.</exception>
    private static PromptList Read(string value, Func<string, PromptList> read)
    {
        try
        {
            return read(value);
        }
        catch (Models.ModelException exception) when (!PromptList.NamesFile(value))
        {
            throw new UsageException(exception.Message);
        }
    }

    private static ZeroShotPrompts Tokenize(CommandContext context, TextTransformer tower, PromptList classes, PromptList templates)
    {
        string path = context.Get(TokenizerPath) ?? TextArguments.TokenizerOf(context.Get(Clip)!);
        ITokenizer tokenizer = context.Reading(() => Tokenizer.Load(path));
        try
        {
            return ZeroShotPrompts.Tokenize(tower.Config, tokenizer, classes.Items, templates.Items);
        }
        catch (Models.ModelException exception)
        {
            throw new InvalidDataException($"{path}: {char.ToLowerInvariant(exception.Message[0])}{exception.Message[1..]}", exception);
        }
    }

    private static void Note(ZeroShotPrompts prompts, PromptList classes, TextTransformer tower)
    {
        foreach ((int first, int second) in prompts.Alike)
            CommandContext.Note($"{Printable.Of(classes.PlaceOf(second))} has the tokens of {Quoting.Quote(classes.Items[first])} before it, so no image tells the two apart.");
        if (prompts.Cut > 0) CommandContext.Note($"{prompts.Cut} of {Counting.Of(prompts.Tokens.Count, "prompt")} {(prompts.Cut == 1 ? "was" : "were")} cut to the {tower.Config.MaxTokens} tokens that the model takes.");
        if (tower.LogitScale is null) CommandContext.Note($"The checkpoint has no logit_scale; {ZeroShotHead.UsualLogitScale.ToString("0.0000", CultureInfo.InvariantCulture)} (ln 100) is taken, as in OpenAI's models.");
    }

    /// <summary>The file's metadata: which class a row is, and what was said of it.</summary>
    private static Dictionary<string, string> Describe(PromptList classes, PromptList templates) => new()
    {
        ["classes"] = JsonSerializer.Serialize([.. classes.Items], MetadataJson.Default.StringArray),
        ["templates"] = JsonSerializer.Serialize([.. templates.Items], MetadataJson.Default.StringArray),
    };
}
