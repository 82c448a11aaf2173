using System.Text;
using MergeEngine.Merging.Adapters;
using MergeEngine.Merging.Streaming.Files;
using MergeEngine.Merging.Streaming.Output;
using MergeEngine.Merging.Streaming.Planning;
using MergeEngine.Merging.Tests.Streaming.Files;
using MergeEngine.Models.Tokenizers;
using MergeEngine.Tests.Support;

namespace MergeEngine.Merging.Tests.Streaming.Fuzz;

/// <content>Targets that read files: adapters, tokenizers, manifests, whole models.</content>
internal abstract partial class FuzzTarget
{
    /// <summary>Documents that are read from a file, which lies in memory.</summary>
    private abstract class FileTarget : FuzzTarget
    {
        protected TemporaryDirectory Directory { get; } = new(inMemory: true);

        public override void Dispose()
        {
            Directory.Dispose();
            base.Dispose();
        }

        protected string Put(string name, byte[] bytes)
        {
            File.WriteAllBytes(Directory.File(name), bytes);
            return Directory.File(name);
        }
    }

    private sealed class AdapterTarget : FileTarget
    {
        public override byte[][] Seeds { get; } =
            [Utf8("""{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": false, "fan_in_fan_out": false, "rank_pattern": {"q_proj": 2, "^model\\.layers\\.[0-3].*": 8}, "alpha_pattern": {}, "modules_to_save": ["lm_head"], "target_modules": ["q_proj"], "init_lora_weights": true, "use_dora": false}""")];

        public override string[] Pieces { get; } = ["\"rank_pattern\":{\"(a+)+$\":1},", "\"(a*)*b\":2,", "\"use_dora\":true,", "\"r\":", "(((((", "\"DORA\"", "\"pissa\"", "\"modules_to_save\":null,"];

        // A regular expression without backtracking takes up to half a megabyte, whatever its length; there are 64 of them at most.
        public override (long, long) Allocation => (32 << 20, 200);

        public override void Read(byte[] document)
        {
            LoraConfig config = LoraConfig.Read(Put("adapter_config.json", document));
            Assert.False(double.IsNaN(config.RankOf("model.layers.1.self_attn.q_proj")));
            config.ScaleOf("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 4);
        }
    }

    private sealed class TokenizerTarget : FileTarget
    {
        public override byte[][] Seeds => s_tokenizers;

        public override string[] Pieces { get; } = ["\"type\":\"Sequence\"", "\"ByteLevel\"", "\"vocab\":{", "\"merges\":[[\"a\",\"b\"]]", "\"id\":", "\"content\":", "\"Regex\":\"(a+)+\"", "\"special\":true", "2147483647", "\"model\":"];

        // A vocabulary of bytes has a table of all 256, and each splitter its own tables.
        public override (long, long) Allocation => (1 << 20, 200);

        public override void Read(byte[] document)
        {
            ITokenizer tokenizer = Tokenizer.Load(Put("tokenizer.json", document));
            Assert.True(tokenizer.VocabularySize >= 0);
        }
    }

    /// <summary>A tokenizer whose tokens are united with those of another, so that rows of the embeddings follow them.</summary>
    private sealed class VocabularyTarget : FuzzTarget
    {
        private static readonly string[] s_settings = ["tokenizer_source: union\n", "tokenizer_source: base\n", "tokenizer: {source: union, pad_to_multiple_of: 8, tokens: {a: {source: models/b}, z: {source: {kind: zero}}}}\n", "tokenizer_source: models/a\n"];

        private readonly ModelFiles _models = new(inMemory: true);
        private int _next;

        public VocabularyTarget() =>
            _models.Add("a", """{"vocab_size": 10, "bos_token_id": 3}""").Add("b", "{}").Put("models/b/tokenizer.json", Encoding.UTF8.GetString(s_tokenizers[0])).Put("models/b/tokenizer_config.json", """{"bos_token": "<s>"}""");

        public override byte[][] Seeds => s_tokenizers;

        public override string[] Pieces { get; } = ["\"vocab\":{", "\"c\":3,", "\"merges\":[\"a b\"]", "\"id\":", "\"content\":", "\"special\":true", "2147483647", "\"Unigram\"", "\"added_tokens\":[],", "9,"];

        public override (long, long) Allocation => (1 << 20, 400);

        public override void Read(byte[] document)
        {
            File.WriteAllBytes(_models.PathOf("models/a/tokenizer.json"), document);
            string recipe = ModelFiles.Linear + s_settings[_next++ % s_settings.Length];
            using MergeJob job = _models.Models.Plan(recipe);
            CompanionFiles files = CompanionFiles.Plan(job, _models.Read(recipe), recipe, new CompanionOptions());
            // What is written is a document, whatever was read.
            System.Text.Json.JsonDocument.Parse(files.ContentOf("tokenizer.json")!).Dispose();
            foreach (string note in job.Notes.Concat(files.Notes)) FuzzTests.RequireSentence(note);
        }

        public override void Dispose()
        {
            _models.Dispose();
            base.Dispose();
        }
    }

    private sealed class ManifestTarget : FileTarget
    {
        public override byte[][] Seeds { get; } =
        [
            ManifestFile.Build(new MergeManifest(
                MergeManifest.CurrentFormat, "1.0.0", "r: 1\n", "mergekit", 3, [], ManifestHash.Current, [new ManifestInput("a", 3, new string('0', 64))],
                [new ManifestOutput("config.json", 2, new string('1', 64)), new ManifestOutput("1_Pooling/config.json", 2, new string('2', 64))], DateTime.UnixEpoch, DateTime.UnixEpoch, "")),
        ];

        public override (long, long) Allocation => (64 << 10, 64);

        public override void Read(byte[] document)
        {
            foreach (ManifestOutput output in ManifestFile.Read(Put("merge-manifest.json", document)).Outputs) Assert.DoesNotContain("..", output.Name.Split('/'));
        }
    }

    /// <summary>A whole directory of a model, planned with another that is whole; the mutation is in one of its files, or in the length in front of the header.</summary>
    private sealed class ModelTarget : FileTarget
    {
        private static readonly string[] s_files = ["config.json", "tokenizer_config.json", "generation_config.json", "modules.json", "model.safetensors.index.json"];

        private readonly ModelFiles _models = new(inMemory: true);
        private readonly byte[] _whole;
        private int _next;

        public ModelTarget()
        {
            _models.Add("a").Add("b", """{"num_hidden_layers": 4}""").Put("models/b/tokenizer.json", "{}");
            _whole = File.ReadAllBytes(_models.PathOf("models/a/model.safetensors"));
            int header = BitConverter.ToInt32(_whole);
            Seeds =
            [
                _whole[..(8 + header)], _whole[..(8 + header)], Utf8("""{"dtype": "float32", "num_hidden_layers": 4, "vocab_size": 10}"""), Utf8("""{"chat_template": "{{ x }}", "bos_token": "<s>"}"""),
                Utf8("""[{"idx": 0, "name": "0", "path": "", "type": "x"}, {"path": "1_Pooling"}]"""), Utf8("""{"metadata": {}, "weight_map": {"model.norm.weight": "model.safetensors"}}"""),
            ];
        }

        public override byte[][] Seeds { get; }

        public override string[] Pieces { get; } = ["model.layers.0.", "model.layers.99999999999.", "model.layers.99998.", "lm_head.weight", "\"1_Pooling\"", "\"../b\"", "LayerNorm.gamma", "\"chat_template\":[{\"name\":\"default\",\"template\":\"x\"}],"];

        public override (long, long) Allocation => (512 << 10, 200);

        public override void Read(byte[] document)
        {
            string target = document.Length > 8 && document[8] == '{' && document[0] != '{' && document[0] != '[' ? "model.safetensors" : s_files[_next++ % s_files.Length];
            byte[] bytes = target == "model.safetensors" ? WithLength(document) : document;
            File.WriteAllBytes(_models.PathOf($"models/a/{target}"), bytes);
            bool indexed = target == "model.safetensors.index.json";
            if (indexed) File.Move(_models.PathOf("models/a/model.safetensors"), _models.PathOf("models/a/other.safetensors"));
            try
            {
                string recipe = ModelFiles.Linear + "chat_template: auto\n";
                using MergeJob job = _models.Models.Plan(recipe);
                foreach (string note in job.Notes.Concat(CompanionFiles.Plan(job, _models.Read(recipe), recipe, new CompanionOptions()).Notes)) FuzzTests.RequireSentence(note);
            }
            finally
            {
                File.Delete(_models.PathOf($"models/a/{target}"));
                if (indexed) File.Move(_models.PathOf("models/a/other.safetensors"), _models.PathOf("models/a/model.safetensors"));
                else if (target == "model.safetensors") File.WriteAllBytes(_models.PathOf("models/a/model.safetensors"), _whole);
            }
        }

        public override void Dispose()
        {
            _models.Dispose();
            base.Dispose();
        }

        /// <summary>Mostly the length that the header has, so that what it says is read.</summary>
        private byte[] WithLength(byte[] header)
        {
            byte[] file = [.. header, .. _whole[(8 + BitConverter.ToInt32(_whole))..]];
            if (_next++ % 8 != 0) BitConverter.TryWriteBytes(file, (long)header.Length - 8);
            return file;
        }
    }
}
