"""The encoders of `merge-engine bench step|latency`: names and sizes."""

# Side, patch, width, layers, heads.
VISION = {"vit-b-32": (224, 32, 768, 12, 12), "vit-b-16": (224, 16, 768, 12, 12), "vit-tiny": (32, 8, 64, 2, 2)}
# Width, layers, tokens; all have twelve heads.
TEXT = {"bert-base": (768, 12, 128), "minilm-8": (384, 6, 8), "minilm-32": (384, 6, 32), "minilm-64": (384, 6, 64), "minilm-128": (384, 6, 128)}
MODELS = [*VISION, *TEXT]
CLASSES, VOCABULARY, POSITIONS = 10, 30522, 512
