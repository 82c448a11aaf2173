"""The encoders of encoders.py in PyTorch alone, layer by layer as transformers has them, with random weights. Imports torch: report.require it first."""

import math

import torch
from torch import nn
from torch.nn import functional

import encoders


def attend(query, key, value):
    """PyTorch's fused attention; it came with 2.0, before that the three steps that models used to write."""
    if hasattr(functional, "scaled_dot_product_attention"):
        return functional.scaled_dot_product_attention(query, key, value)
    scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
    return functional.softmax(scores, dim=-1) @ value


class Block(nn.Module):
    """Attention and two layers with GELU; vision models normalise before each, text models after each residual."""

    def __init__(self, width, heads, norm_first):
        super().__init__()
        self.heads, self.norm_first = heads, norm_first
        self.query, self.key, self.value, self.output = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)

    def attention(self, hidden):
        batch, tokens, width = hidden.shape
        query, key, value = (layer(hidden).view(batch, tokens, self.heads, -1).transpose(1, 2) for layer in (self.query, self.key, self.value))
        return self.output(attend(query, key, value).transpose(1, 2).reshape(batch, tokens, width))

    def inner(self, hidden):
        return self.down(functional.gelu(self.up(hidden)))

    def forward(self, hidden):
        if self.norm_first:
            hidden = hidden + self.attention(self.norm1(hidden))
            return hidden + self.inner(self.norm2(hidden))
        hidden = self.norm1(hidden + self.attention(hidden))
        return self.norm2(hidden + self.inner(hidden))


class VisionClassifier(nn.Module):
    """Pixels to logits by the class token."""

    def __init__(self, side, patch, width, layers, heads):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, stride=patch)
        self.first = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, (side // patch) ** 2 + 1, width))
        self.blocks = nn.Sequential(*(Block(width, heads, norm_first=True) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width, eps=1e-12), nn.Linear(width, encoders.CLASSES)

    def forward(self, pixels):
        patches = self.patches(pixels).flatten(2).transpose(1, 2)
        hidden = torch.cat([self.first.expand(pixels.shape[0], -1, -1), patches], dim=1) + self.position
        return self.head(self.norm(self.blocks(hidden))[:, 0])


class TextClassifier(nn.Module):
    """Token ids without padding to logits, by BERT's pooler or by the mean over tokens."""

    def __init__(self, width, layers, pooler):
        super().__init__()
        self.words, self.positions, self.types = nn.Embedding(encoders.VOCABULARY, width), nn.Embedding(encoders.POSITIONS, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.blocks = nn.Sequential(*(Block(width, 12, norm_first=False) for _ in range(layers)))
        self.pooler = nn.Linear(width, width) if pooler else None
        self.head = nn.Linear(width, encoders.CLASSES)

    def forward(self, ids):
        hidden = self.blocks(self.norm(self.words(ids) + self.types.weight[0] + self.positions.weight[:ids.shape[1]]))
        return self.head(torch.tanh(self.pooler(hidden[:, 0])) if self.pooler else hidden.mean(dim=1))


def build(name, batch):
    """A classifier that takes one tensor, and that tensor: pixels, or token ids."""
    torch.manual_seed(1)
    if name in encoders.VISION:
        side, patch, width, layers, heads = encoders.VISION[name]
        return VisionClassifier(side, patch, width, layers, heads), torch.rand(batch, 3, side, side)
    width, layers, tokens = encoders.TEXT[name]
    return TextClassifier(width, layers, pooler=name == "bert-base"), torch.randint(1, encoders.VOCABULARY, (batch, tokens))


def adamw(parameters):
    """One pass over the weights where PyTorch has it for the CPU (2.4 and newer), else one call for each operation."""
    options = {"lr": 1e-6, "weight_decay": 0.01}
    try:
        return torch.optim.AdamW(parameters, fused=True, **options)
    except (TypeError, RuntimeError):
        return torch.optim.AdamW(parameters, foreach=True, **options)
