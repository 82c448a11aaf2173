using System.Text;
using System.Text.Json;
using MergeEngine.Merging.Recipes;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Merging.Streaming.Files;

/// <summary>Chat templates: those that have names, each from the public format of the models that introduced it, and those of models.</summary>
internal static class ChatTemplates
{
    /// <summary>What a role's turn is in Jinja. Blocks take the line end behind them along, as programs set Jinja up for chats.</summary>
    private static readonly Dictionary<string, string> s_named = new(StringComparer.Ordinal)
    {
        // github.com/tatsu-lab/stanford_alpaca: headings, an empty line after each turn.
        ["alpaca"] = """
            {% for message in messages %}
            {% if message['role'] == 'system' %}{{ message['content'] + '\n\n' }}
            {% elif message['role'] == 'user' %}{{ '### Instruction:\n' + message['content'] + '\n\n' }}
            {% elif message['role'] == 'assistant' %}{{ '### Response:\n' + message['content'] + '\n\n' }}
            {% endif %}
            {% endfor %}
            {% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}

            """,
        // OpenAI's chat markup: any role between two marks.
        ["chatml"] = """
            {% for message in messages %}
            {{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}
            {% endfor %}
            {% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}

            """,
        // The model card of EXAONE-3.0: a system turn always stands first, and a user's turn ends with its line.
        ["exaone"] = """
            {% if not messages or messages[0]['role'] != 'system' %}{{ '[|system|][|endofturn|]\n' }}{% endif %}
            {% for message in messages %}
            {{ '[|' + message['role'] + '|]' + message['content'] }}
            {% if message['role'] == 'user' %}{{ '\n' }}{% else %}{{ '[|endofturn|]\n' }}{% endif %}
            {% endfor %}
            {% if add_generation_prompt %}{{ '[|assistant|]' }}{% endif %}

            """,
        // Meta's page on the prompt format of Llama 3.
        ["llama3"] = """
            {{ bos_token }}
            {% for message in messages %}
            {{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + (message['content'] | trim) + '<|eot_id|>' }}
            {% endfor %}
            {% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}

            """,
        // Mistral's page on instruction formats: no system role, so its text stands in front of the first instruction.
        ["mistral"] = """
            {{ bos_token }}
            {% set ns = namespace(system='') %}
            {% for message in messages %}
            {% if message['role'] == 'system' %}{% set ns.system = ns.system + message['content'] + '\n\n' %}
            {% elif message['role'] == 'user' %}{{ '[INST] ' + ns.system + message['content'] + ' [/INST]' }}{% set ns.system = '' %}
            {% elif message['role'] == 'assistant' %}{{ ' ' + (message['content'] | trim) + eos_token }}
            {% endif %}
            {% endfor %}

            """,
    };

    /// <summary>The template that a recipe asks for; null where it asks for that of the models and none has one.</summary>
    /// <param name="asked">What the recipe says.</param>
    /// <param name="ofModels">The template of each model, in the order of the recipe; null for those without.</param>
    public static string? Choose(ChatTemplate asked, IEnumerable<string?> ofModels) => asked.Kind switch
    {
        ChatTemplateKind.Named => Compact(s_named[asked.Text]),
        ChatTemplateKind.Text => asked.Text,
        // Of equally frequent ones that of the first model: the grouping keeps their order, and so does the sorting.
        _ => ofModels.OfType<string>().GroupBy(t => t, StringComparer.Ordinal).OrderByDescending(g => g.Count()).FirstOrDefault()?.Key,
    };

    /// <summary>A model's template, wherever its age has put it; null if it has none.</summary>
    /// <exception cref="SafetensorsException">A file of the model cannot be read.</exception>
    public static string? Of(ModelFolder folder)
    {
        if (folder.Read(CompanionNames.ChatTemplate) is { } text) return Encoding.UTF8.GetString(text);
        foreach (string name in (ReadOnlySpan<string>)[CompanionNames.TokenizerConfig, CompanionNames.ProcessorChatTemplate])
        {
            if (folder.Read(name) is not { } bytes) continue;
            JsonEdits document = JsonEdits.Read(Path.Combine(folder.Path, name), bytes, key => key == "chat_template");
            if (document.All("chat_template").LastOrDefault(s => s.Scope.Length == 0) is not { Length: > 0 } setting) continue;
            using JsonDocument value = document.Value(setting);
            if (TextOf(value.RootElement) is { } template) return template;
        }

        return null;
    }

    /// <summary>One text, or a list of named ones, of which <c>default</c> counts.</summary>
    private static string? TextOf(JsonElement value)
    {
        try
        {
            if (value.ValueKind == JsonValueKind.String) return value.GetString();
            if (value.ValueKind != JsonValueKind.Array) return null;
            foreach (JsonElement entry in value.EnumerateArray())
            {
                if (entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("name", out JsonElement name) && name.ValueKind == JsonValueKind.String && name.ValueEquals("default")
                    && entry.TryGetProperty("template", out JsonElement template) && template.ValueKind == JsonValueKind.String) return template.GetString();
            }
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair: no text.
        }

        return null;
    }

    /// <summary>Without the line ends that only make the source readable: of a template every character outside of the braces is output.</summary>
    private static string Compact(string template) => template.Replace("\n", "", StringComparison.Ordinal);
}
