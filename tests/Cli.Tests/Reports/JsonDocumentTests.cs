using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using MergeEngine.Cli.Reports;
using MergeEngine.Merging.Experiments;
using MergeEngine.Models.Datasets;
using MergeEngine.Tensors.Safetensors;

namespace MergeEngine.Cli.Tests.Reports;

/// <summary>What all JSON documents of the program have in common, whichever serializer of whichever library writes them.</summary>
public sealed partial class JsonDocumentTests
{
    private static readonly Assembly[] s_assemblies = [typeof(CliJson).Assembly, typeof(ExperimentJson).Assembly, typeof(Dataset).Assembly, typeof(SafetensorsFile).Assembly];

    /// <summary>Every context with the types that it is declared for.</summary>
    public static TheoryData<string> Contexts => [.. s_assemblies.SelectMany(a => a.GetTypes()).Where(t => t.IsSubclassOf(typeof(JsonSerializerContext))).Select(t => t.FullName!)];

    [Fact]
    public void The_documents_of_commands_and_of_files_are_among_them()
    {
        string[] found = [.. Contexts.Select(row => row.Data.Split('.')[^1])];
        foreach (string name in (string[])["CliJson", "ExperimentJsonContext", "PlanJsonContext", "ManifestJson", "JournalJson"]) Assert.Contains(name, found);
    }

    [Theory]
    [MemberData(nameof(Contexts))]
    public void Names_are_words_in_lower_case_and_a_dtype_is_called_dtype(string context)
    {
        foreach (JsonPropertyInfo property in PropertiesOf(context))
        {
            Assert.Matches(Words(), property.Name);
            Assert.False(LoneLetter().IsMatch(property.Name) && !s_sizes.Contains(property.Name), $"{property.DeclaringType.Name}: {property.Name} has a letter alone, as \"d_type\" has");
        }
    }

    [Theory]
    [MemberData(nameof(Contexts))]
    public void Numbers_that_are_not_finite_can_be_written_wherever_there_are_floating_point_numbers(string context)
    {
        foreach (JsonPropertyInfo property in PropertiesOf(context).Where(p => IsFloatingPoint(p.PropertyType)))
        {
            JsonNumberHandling handling = property.NumberHandling ?? property.Options.GetTypeInfo(property.DeclaringType).NumberHandling ?? property.Options.NumberHandling;
            Assert.True(handling == JsonNumberHandling.AllowNamedFloatingPointLiterals, $"{property.DeclaringType.Name}: {property.Name} is written as {handling}");
        }
    }

    [Fact]
    public void Numbers_that_are_not_finite_are_texts()
    {
        double[] numbers = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0.5];
        var report = new AnalyzeReport("base", 1, ["a"], numbers, [numbers], [], double.NegativeInfinity);
        using JsonDocument document = JsonDocument.Parse(JsonSerializer.Serialize(report, CliJson.Default.AnalyzeReport));
        const string expected = """["NaN","Infinity","-Infinity",0.5]""";
        Assert.Equal(expected, Compact(document.RootElement.GetProperty("norm")));
        Assert.Equal($"[{expected}]", Compact(document.RootElement.GetProperty("cosine")));
        Assert.Equal("\"-Infinity\"", Compact(document.RootElement.GetProperty("overall_sign_agreement")));
    }

    // The sides of a product.
    private static readonly string[] s_sizes = ["m", "n", "k"];

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element);

    private static List<JsonPropertyInfo> PropertiesOf(string name)
    {
        Type type = s_assemblies.Select(a => a.GetType(name)).First(t => t is not null)!;
        var context = (JsonSerializerContext)type.GetProperty("Default", BindingFlags.Static | BindingFlags.Public)!.GetValue(null)!;
        var seen = new HashSet<Type>();
        var properties = new List<JsonPropertyInfo>();
        foreach (CustomAttributeData root in type.GetCustomAttributesData().Where(a => a.AttributeType == typeof(JsonSerializableAttribute)))
            Walk(context, (Type)root.ConstructorArguments[0].Value!, seen, properties);
        Assert.NotEmpty(seen);
        return properties;
    }

    private static void Walk(JsonSerializerContext context, Type type, HashSet<Type> seen, List<JsonPropertyInfo> properties)
    {
        if (!seen.Add(type)) return;
        JsonTypeInfo info = context.GetTypeInfo(type) ?? throw new InvalidOperationException($"{context.GetType().Name} has no {type}.");
        if (info.ElementType is { } element) Walk(context, element, seen, properties);
        foreach (JsonPropertyInfo property in info.Properties)
        {
            properties.Add(property);
            Walk(context, property.PropertyType, seen, properties);
        }
    }

    /// <summary>Numbers, and lists and tables of them.</summary>
    private static bool IsFloatingPoint(Type type) =>
        type == typeof(double) || type == typeof(float)
        || (type.IsArray ? IsFloatingPoint(type.GetElementType()!) : type.IsGenericType && type.GenericTypeArguments.Any(IsFloatingPoint));

    [GeneratedRegex("^[a-z0-9]+(_[a-z0-9]+)*$")]
    private static partial Regex Words();

    [GeneratedRegex("(^|_)[a-z](_|$)")]
    private static partial Regex LoneLetter();
}
