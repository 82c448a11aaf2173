using System.Text;
using MergeEngine.Merging.Recipes;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Streaming.Files;
using MergeEngine.Merging.Tests.Support;
using MergeEngine.Merging.Yaml;
using MergeEngine.Tensors.Safetensors;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Fuzz;

/// <summary>Something that reads a document of unknown origin, one for each thread.</summary>
internal abstract partial class FuzzTarget : IDisposable
{
    /// <summary>Whole documents, which mutations begin with.</summary>
    public abstract byte[][] Seeds { get; }

    /// <summary>What means something in them.</summary>
    public virtual string[] Pieces => [];

    /// <summary>Bytes of the managed heap that any document may cost, and that each of its bytes may; see <see cref="FuzzTests"/>.</summary>
    public abstract (long Document, long Byte) Allocation { get; }

    /// <summary>Reads a document, and checks what it accepts.</summary>
    public abstract void Read(byte[] document);

    public virtual void Dispose()
    {
    }

    public static FuzzTarget Create(string name) => name switch
    {
        "header" => new HeaderTarget(),
        "index" => new IndexTarget(),
        "recipe" => new RecipeTarget(),
        "config" => new ConfigTarget(),
        "adapter" => new AdapterTarget(),
        "tokenizer" => new TokenizerTarget(),
        "vocabulary" => new VocabularyTarget(),
        "manifest" => new ManifestTarget(),
        "model" => new ModelTarget(),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    };

    private static readonly byte[][] s_tokenizers =
    [
        Utf8("""{"added_tokens":[{"id":3,"content":"<s>","special":true,"lstrip":false,"rstrip":false,"normalized":false,"single_word":false}],"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"post_processor":null,"decoder":null,"model":{"type":"WordPiece","unk_token":"u","continuing_subword_prefix":"##","max_input_chars_per_word":100,"vocab":{"u":0,"a":1,"##b":2}}}"""),
        Utf8("""{"added_tokens":[],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true},"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}],"pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],"special_tokens":{}},"decoder":null,"model":{"type":"BPE","dropout":null,"unk_token":null,"merges":["a b"],"vocab":{"a":0,"b":1,"ab":2}}}"""),
    ];

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private sealed class HeaderTarget : FuzzTarget
    {
        public override byte[][] Seeds { get; } =
        [
            Utf8("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[8,12]}}"""),
            Utf8("""{"model.layers.0.w":{"dtype":"BF16","shape":[3,2],"data_offsets":[0,12]}}"""),
        ];

        public override string[] Pieces { get; } =
            ["\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"F4\"", "\"F6_E2M3\"", "\"f32\"", "[0,0]", "[0,12]", "[18446744073709551615,2]", "\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"];

        public override (long, long) Allocation => (32 << 10, 64);

        public override void Read(byte[] document)
        {
            SafetensorsHeader header = SafetensorsHeader.Parse(document, 8 + document.Length + 12, "file");
            // What is accepted covers the data exactly, so that no read can leave it.
            Assert.Equal(12, header.Tensors.Sum(t => t.ByteLength));
            foreach (TensorEntry entry in header.Tensors) Assert.True(entry.Begin >= 0 && entry.End <= 12 && entry.Begin <= entry.End);
        }
    }

    private sealed class IndexTarget : FuzzTarget
    {
        public override byte[][] Seeds { get; } = [Utf8("""{"metadata":{"total_size":20},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}""")];

        public override string[] Pieces { get; } = ["\"weight_map\"", "\"metadata\"", "\"total_size\"", "../x.safetensors", "\"..\\\\x.safetensors\"", "\"C:x.safetensors\"", "\"/x.safetensors\"", "\"x/y.safetensors\""];

        public override (long, long) Allocation => (32 << 10, 64);

        public override void Read(byte[] document)
        {
            ShardedIndex index = ShardedIndex.Parse(document, "file");
            foreach (string shard in index.Shards) Assert.True(ManifestFile.IsPlainName(shard), shard);
        }
    }

    private sealed class RecipeTarget : FuzzTarget
    {
        public override byte[][] Seeds { get; } = [.. Directory.GetFiles(FixtureFiles.PathOf("mergekit-recipes"), "*.yml").Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

        public override string[] Pieces { get; } =
        [
            "- ", "---\n", "  ", "\t", "'", "&a ", "*a", "!!int ", "|", ">", "%", "@", "+", "#", "~", ".inf", "0x10", "[1, 3]", "{ filter: x, value: 1 }", "filter", "value", "weight", "density", "parameters: ", "models: ",
            "slices: ", "sources: ", "modules: ", "layer_range: [0, 2]", "base_model: models/a", "merge_method: ", "tokenizer: ", "tokens: ", "name: x", "dialect: paper", "<<: ", "ties", "karcher", "models/a+models/b@c",
        ];

        public override (long, long) Allocation => (256 << 10, 500);

        public override void Read(byte[] document)
        {
            RecipeFile file = RecipeText.ReadFile(Encoding.UTF8.GetString(document));
            foreach (YamlException problem in RecipeText.ProblemsOf(file)) FuzzTests.RequireSentence(problem.Message);
        }
    }

    /// <summary>config.json and generation_config.json of a donor, where everything changes: layers, types, vocabulary, ids.</summary>
    private sealed class ConfigTarget : FuzzTarget
    {
        private const string Text = "merge_method: passthrough\nout_dtype: bfloat16\nslices:\n- sources:\n  - model: models/a\n    layer_range: [0, 3]\n- sources:\n  - model: models/a\n    layer_range: [1, 4]\n";

        private readonly ModelFiles _models = new();
        private readonly MergeJob _job;
        private readonly Recipe _recipe;

        public ConfigTarget()
        {
            _models.Add("a");
            _recipe = _models.Read(Text);
            _job = _models.Models.Plan(Text) with { Vocabulary = new OutputVocabulary(12, new Dictionary<string, ReadOnlyMemory<byte>>(), new Dictionary<int, int> { [1] = 5, [2] = 2 }) };
        }

        public override byte[][] Seeds { get; } =
        [
            Utf8("""{"num_hidden_layers": 4, "torch_dtype": "float32", "vocab_size": 10, "tie_word_embeddings": true, "layer_types": ["a", "b", "c", "d"], "eos_token_id": [1, 2], "bos_token_id": 1}"""),
            Utf8("{\n  \"text_config\": {\n    \"num_hidden_layers\": 4,\n    \"dtype\": \"float32\"\n  },\n  \"forced_decoder_ids\": [[1, 2]],\n  \"lang_to_id\": {\"de\": 1},\n  \"x\": NaN\n}\n"),
        ];

        public override string[] Pieces { get; } =
            ["\"text_config\":{", "\"num_layers\":4", "\"layer_types\":", "\"vocab_size\":10,", "\"dtype\":null,", "\"pad_token_id\":", "-Infinity", "\"forced_decoder_ids\":", "\"bad_words_ids\":[[1]],", "\"encoder\":{\"num_layers\":4},"];

        public override (long, long) Allocation => (96 << 10, 64);

        public override void Read(byte[] document)
        {
            var notes = new List<string>();
            JsonEdits config = JsonEdits.Read("file", document, ModelConfig.IsSought);
            byte[] built = ModelConfig.Build("file", document, _job, _recipe, new LayerFinder(null), _ => config, notes);
            // What was a document is one still.
            JsonEdits.Read("file", built, _ => false);
            foreach (string note in notes) FuzzTests.RequireSentence(note);
        }

        public override void Dispose()
        {
            _job.Dispose();
            _models.Dispose();
            base.Dispose();
        }
    }
}
