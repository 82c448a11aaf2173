"""The encoders of `merge-engine bench step|latency` with random weights, as transformers builds them, and their inputs."""

VISION = {"vit-b-32": (224, 32, 768, 12, 12), "vit-b-16": (224, 16, 768, 12, 12), "vit-tiny": (32, 8, 64, 2, 2)}
TEXT = {"bert-base": (768, 12, 128), "minilm-8": (384, 6, 8), "minilm-32": (384, 6, 32), "minilm-64": (384, 6, 64), "minilm-128": (384, 6, 128)}
MODELS = [*VISION, *TEXT]
CLASSES = 10


def build(torch, transformers, name, batch):
    """A classifier that takes one tensor, and that tensor: pixels, or token ids without padding."""
    torch.manual_seed(1)
    if name in VISION:
        side, patch, width, layers, heads = VISION[name]
        config = transformers.ViTConfig(
            image_size=side, patch_size=patch, hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="sdpa")
        body, inputs = transformers.ViTModel(config, add_pooling_layer=False), torch.rand(batch, 3, side, side)
    else:
        width, layers, tokens = TEXT[name]
        config = transformers.BertConfig(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=12, intermediate_size=4 * width,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="sdpa")
        body, inputs = transformers.BertModel(config, add_pooling_layer=name == "bert-base"), torch.randint(1, config.vocab_size, (batch, tokens))

    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = body
            self.head = torch.nn.Linear(width, CLASSES)

        def forward(self, values):
            output = self.body(values)
            if name in VISION:
                features = output.last_hidden_state[:, 0]
            elif name == "bert-base":
                features = output.pooler_output
            else:
                features = output.last_hidden_state.mean(dim=1)
            return self.head(features)

    return Classifier(), inputs
