using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>
/// The files that make a directory of weights a model: config, tokenizer, settings of generation and preprocessing, model card and recipe. All are settled, and every document read,
/// before a weight is: a config that cannot be read ends a merge at its start and not after its hours.
/// </summary>
public sealed class CompanionFiles
{
    private const string RecipeName = "mergekit_config.yml";

    private readonly SortedDictionary<string, (string? Path, ReadOnlyMemory<byte> Bytes)> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<JobModel, JsonEdits?> _configs = [];
    private readonly List<string> _notes = [];
    private readonly MergeJob _job;
    private readonly Recipe _recipe;
    private readonly string _recipeText;
    private readonly CompanionOptions _options;

    private CompanionFiles(MergeJob job, Recipe recipe, string recipeText, CompanionOptions options) => (_job, _recipe, _recipeText, _options) = (job, recipe, recipeText, options);

    /// <summary>What the reader of a plan should know: files that are not there or are left alone, settings that could not be found.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Names of the files that will be written, sorted.</summary>
    public IReadOnlyList<string> Names => [.. _files.Keys.Concat(_options.WriteCard ? [ModelCard.FileName] : []).Order(StringComparer.Ordinal)];

    /// <summary>Settles the files.</summary>
    /// <param name="job">The merge.</param>
    /// <param name="recipe">What it was planned from.</param>
    /// <param name="recipeText">The recipe's file, as it was read.</param>
    /// <param name="options">Which files are wanted.</param>
    /// <exception cref="SafetensorsException">A file of a model cannot be read, or is no JSON document.</exception>
    public static CompanionFiles Plan(MergeJob job, Recipe recipe, string recipeText, CompanionOptions options)
    {
        var files = new CompanionFiles(job, recipe, recipeText, options);
        files.Settle();
        return files;
    }

    /// <summary>Settles the files and writes them.</summary>
    /// <param name="output">The output, before it is complete.</param>
    /// <param name="job">As for <see cref="Plan"/>, like the others.</param>
    /// <param name="recipe">What it was planned from.</param>
    /// <param name="recipeText">The recipe's file, as it was read.</param>
    /// <param name="options">Which files are wanted.</param>
    /// <returns>What <see cref="Notes"/> says.</returns>
    /// <exception cref="SafetensorsException">A file cannot be read or written.</exception>
    public static IReadOnlyList<string> Add(OutputDirectory output, MergeJob job, Recipe recipe, string recipeText, CompanionOptions options)
    {
        CompanionFiles files = Plan(job, recipe, recipeText, options);
        files.Write(output);
        return files.Notes;
    }

    /// <summary>Writes the files beside the weights.</summary>
    /// <exception cref="SafetensorsException">The disk is full or failed, or a file that is copied cannot be read.</exception>
    public void Write(OutputDirectory output)
    {
        foreach ((string name, (string? path, ReadOnlyMemory<byte> bytes)) in _files)
        {
            if (path is null) output.AddFile(name, bytes.Span);
            else output.AddCopy(path, name);
        }

        if (_options.WriteCard) output.AddFile(ModelCard.FileName, ModelCard.Build(output.Name, _job, _recipe, _recipeText, _files.ContainsKey(CompanionNames.Modules) ? "sentence-transformers" : "transformers"));
    }

    /// <summary>What a file will hold; null if there is no such file. The model card is not among them: it has the output's name in it.</summary>
    internal byte[]? ContentOf(string name) => !_files.TryGetValue(name, out var file) ? null : file.Path is { } path ? File.ReadAllBytes(path) : file.Bytes.ToArray();

    private void Settle()
    {
        ModelFolder? donor = ModelFolder.Of(_job.Donor.Path, _notes);
        if (donor is null) _notes.Add($"{_job.Donor.Reference} is a file of weights alone, so the output gets no config.json, and no other file of a model.");
        else
        {
            AddConfig(donor);
            foreach (string name in CompanionNames.Settings) AddCopy(donor, name);
            AddGeneration(donor);
            AddModules(donor);
        }

        AddTokenizer(donor);
        AddChatTemplate();
        if (_options.WriteCard) _files[RecipeName] = (null, Encoding.UTF8.GetBytes(_recipeText));
    }

    private void AddConfig(ModelFolder donor)
    {
        string path = Path.Combine(donor.Path, ModelConfig.FileName);
        if (donor.Read(ModelConfig.FileName) is not { } bytes) _notes.Add($"{path} does not exist, so the output gets no {ModelConfig.FileName}.");
        else _files[ModelConfig.FileName] = (null, ModelConfig.Build(path, bytes, _job, _recipe, new LayerFinder(_options.LayersPattern), ConfigOf, _notes));
        // What a config calls its own code stays behind: an output holds nothing that a program would run.
        string[] code = [.. donor.Names().Where(n => n.EndsWith(".py", StringComparison.Ordinal))];
        if (code.Length > 0) _notes.Add($"{donor.Path}: {Quoting.QuoteSome(code)} is code and is not copied; a model that needs it needs it beside the output.");
        string[] terms = [.. donor.Names().Where(CompanionNames.IsTerms)];
        if (terms.Length > 0) _notes.Add($"{donor.Path}: {Quoting.QuoteSome(terms)} is not copied: what is made of several models is bound by the terms of all of them.");
    }

    private void AddCopy(ModelFolder folder, string name)
    {
        if (_files.ContainsKey(name) || folder.Find(name) is not { } path) return;
        // Names come from a directory; on some file systems two of them are one.
        if (!ManifestFile.IsOutputName(name) || _files.Keys.Contains(name, StringComparer.OrdinalIgnoreCase)) _notes.Add($"{folder.Path}: {Quoting.Quote(name)} is no usable name, or that of another file in other letters, and is not copied.");
        else _files.Add(name, (path, default));
    }

    private void AddGeneration(ModelFolder donor)
    {
        if (_job.Vocabulary is not { } vocabulary || donor.Read(CompanionNames.GenerationConfig) is not { } bytes) return;
        JsonEdits settings = JsonEdits.Read(Path.Combine(donor.Path, CompanionNames.GenerationConfig), bytes, TokenIds.IsSought);
        TokenIds.Apply(settings, vocabulary, ModelConfig.OwnIds(_recipe, _job, ConfigOf), _notes);
        _files[CompanionNames.GenerationConfig] = (null, settings.ToBytes());
    }

    /// <summary>The folders that <c>modules.json</c> of sentence-transformers lists: pooling, and dense layers, which are the donor's as they are.</summary>
    private void AddModules(ModelFolder donor)
    {
        if (!_files.ContainsKey(CompanionNames.Modules) || donor.Read(CompanionNames.Modules) is not { } bytes) return;
        foreach (string folder in ModuleFolders(Path.Combine(donor.Path, CompanionNames.Modules), bytes))
        {
            if (!CompanionNames.IsModuleFolder(folder) || !donor.HasFolder(folder))
            {
                _notes.Add($"{donor.Path}: {CompanionNames.Modules} lists {Quoting.Quote(folder)}, which is no folder of the model such as \"1_Pooling\", and is not copied.");
                continue;
            }

            foreach (string name in donor.Names(folder))
            {
                if (CompanionNames.IsOfModule(name)) AddCopy(donor, $"{folder}/{name}");
                else _notes.Add($"{donor.Path}: {Quoting.Quote($"{folder}/{name}")} is neither settings nor safetensors and is not copied.");
                if (name.EndsWith(".safetensors", StringComparison.Ordinal)) _notes.Add($"{donor.Path}: {Quoting.Quote($"{folder}/{name}")} is copied from the donor, not merged.");
            }
        }
    }

    private static List<string> ModuleFolders(string path, byte[] bytes)
    {
        var folders = new List<string>();
        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes);
            foreach (JsonElement module in document.RootElement.EnumerateArray().Take(100))
            {
                if (module.TryGetProperty("path", out JsonElement value) && value.GetString() is { Length: > 0 } folder && !folders.Contains(folder)) folders.Add(folder);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new SafetensorsException($"{path}: is no list of modules, expected a JSON array of objects with a path.", e);
        }

        return folders;
    }

    private void AddTokenizer(ModelFolder? donor)
    {
        if (_job.Vocabulary is { } vocabulary)
        {
            foreach (var (name, bytes) in vocabulary.Files) _files[name] = (null, bytes);
            // Names of special tokens and the like are those of the model whose vocabulary it is.
            JobModel? named = _recipe.Tokenizer?.Model is { } reference ? _job.Models.FirstOrDefault(m => m.Reference == reference) : null;
            if ((named is null ? donor : ModelFolder.Of(named.Path, _notes)) is not { } folder) return;
            foreach (string name in CompanionNames.TokenizerSettings) AddCopy(folder, name);
        }
        else if (_options.CopyTokenizer && donor is not null)
        {
            string[] vocabularies = [.. donor.Names().Where(CompanionNames.IsVocabulary)];
            if (vocabularies.Length == 0) _notes.Add($"{donor.Path} has no tokenizer to copy.");
            foreach (string name in vocabularies.Concat(CompanionNames.TokenizerSettings)) AddCopy(donor, name);
        }
    }

    private void AddChatTemplate()
    {
        if (_recipe.ChatTemplate is not { } asked) return;
        if (!_files.Keys.Any(CompanionNames.IsVocabulary))
        {
            _notes.Add($"{asked.Place}: the output has no tokenizer, so its chat template is not written.");
            return;
        }

        if (ChatTemplates.Choose(asked, _job.Models.Select(m => ModelFolder.Of(m.Path, _notes) is { } folder ? ChatTemplates.Of(folder) : null)) is not { } template)
        {
            _notes.Add($"{asked.Place}: no model has a chat template, so none is written.");
            return;
        }

        _files[CompanionNames.ChatTemplate] = (null, Encoding.UTF8.GetBytes(template));
        _files.Remove(CompanionNames.ProcessorChatTemplate);
        if (!_files.TryGetValue(CompanionNames.TokenizerConfig, out var config)) return;
        // Older programs look for the template there alone.
        string shown = config.Path ?? CompanionNames.TokenizerConfig;
        JsonEdits settings = JsonEdits.Read(shown, config.Path is { } path ? ModelFolder.Of(Path.GetDirectoryName(path)!, [])!.Read(CompanionNames.TokenizerConfig) ?? [] : config.Bytes.ToArray(), key => key == "chat_template");
        foreach (JsonSetting setting in settings.All("chat_template").Where(s => s.Scope.Length == 0)) settings.SetText(setting, template);
        if (settings.IsChanged) _files[CompanionNames.TokenizerConfig] = (null, settings.ToBytes());
    }

    private JsonEdits? ConfigOf(JobModel model)
    {
        if (_configs.TryGetValue(model, out JsonEdits? known)) return known;
        JsonEdits? config = ModelFolder.Of(model.Path, _notes) is { } folder && folder.Read(ModelConfig.FileName) is { } bytes
            ? JsonEdits.Read(Path.Combine(folder.Path, ModelConfig.FileName), bytes, ModelConfig.IsSought)
            : null;
        _configs.Add(model, config);
        return config;
    }
}
