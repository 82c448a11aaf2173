#!/usr/bin/env python3
"""Writes tests/Fixtures/images anew: small images in every kind of file that the engine reads, and in expected.safetensors what Pillow makes of them.

  image-fixtures.py [DIRECTORY]

decoded.NAME holds Pillow's conversion to RGB [height, width, 3]; FILTER.HEIGHTxWIDTH the file photo.png resized; clip.NAME and openclip.NAME the bytes
[3, 24, 24] of CLIP's preprocessing at a size of 24, with the middle as transformers and as torchvision have it. Needs Pillow.
"""
import json
import math
import pathlib
import struct
import sys
import zlib

from PIL import Image, features

FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
SIZES = [(24, 24), (7, 31), (45, 20), (64, 90), (1, 1)]


def photo(width, height, phase):
    """Waves of several lengths under a fixed noise: edges, gradients and single pixels that stand out."""
    state, pixels = 12345 + phase, bytearray()
    for y in range(height):
        for x in range(width):
            for channel, (a, b) in enumerate(((1.0, 0.4), (0.3, 1.3), (2.1, 0.9))):
                state = (1103515245 * state + 12345) & 0x7FFFFFFF
                value = 128 + 90 * math.sin(a * x / 5 + b * y / 7 + channel + phase) + (state >> 16) % 41 - 20
                pixels.append(255 if (x + y) % 17 == 0 else max(0, min(255, int(value))))
    return Image.frombytes("RGB", (width, height), bytes(pixels))


def png(path, width, height, depth, color, samples, interlaced=False, chunks=()):
    """A PNG of kinds that Pillow does not write: samples[y][x] is the list of a pixel's samples."""

    def lines(rows):
        data = bytearray()
        for number, row in enumerate(rows):
            bits = "".join(format(sample, f"0{depth}b") for pixel in row for sample in pixel)
            line = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big") if bits else b""
            if line and number % 2:
                step = max(1, depth * len(row[0]) // 8)
                data += b"\1" + bytes((value - (line[i - step] if i >= step else 0)) & 255 for i, value in enumerate(line))
            elif line:
                data += b"\0" + line
        return bytes(data)

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)] if interlaced else [(0, 0, 1, 1)]
    raw = b"".join(lines([row[x::dx] for row in samples[y::dy]]) for x, y, dx, dy in passes)
    packed = zlib.compress(raw, 9)
    body = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlaced)), *chunks, (b"IDAT", packed[: len(packed) // 2]), (b"IDAT", packed[len(packed) // 2 :]), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in body))


def center(image, size, round_to_even):
    short = min(image.size)
    image = image.resize(tuple(size * side // short for side in image.size), Image.Resampling.BICUBIC)
    left, top = (round((side - size) / 2) if round_to_even else (side - size) // 2 for side in image.size)
    return image.crop((left, top, left + size, top + size))


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.iterdir():
        old.unlink()
    wide, tall = photo(61, 45, 0), photo(38, 67, 1)
    wide.save(directory / "photo.png")
    tall.save(directory / "tall.png")
    wide.convert("RGBA").save(directory / "alpha.png")
    wide.convert("L").save(directory / "grey.png")
    wide.convert("LA").save(directory / "grey-alpha.png")
    wide.quantize(11).save(directory / "palette.png")
    wide.convert("1").save(directory / "bits.png")
    wide.save(directory / "photo.ppm")
    wide.convert("L").save(directory / "photo.pgm")
    wide.save(directory / "444.jpg", quality=95, subsampling=0)
    wide.save(directory / "420.jpg", quality=85, subsampling=2)
    wide.save(directory / "422-progressive.jpg", quality=90, subsampling=1, progressive=True)
    wide.convert("L").save(directory / "grey.jpg", quality=90)
    wide.convert("CMYK").save(directory / "cmyk.jpg", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    wide.save(directory / "turned.jpg", quality=95, subsampling=0, exif=exif)
    rows = [[list(wide.getpixel((x, y))) for x in range(wide.width)] for y in range(wide.height)]
    png(directory / "interlaced.png", *wide.size, 8, 2, rows, interlaced=True)
    png(directory / "16-bit.png", *wide.size, 16, 2, [[[257 * v - v // 3 for v in pixel] for pixel in row] for row in rows])
    palette = b"".join(bytes((17 * i, 255 - 17 * i, 80 + i)) for i in range(16))
    png(directory / "palette-interlaced.png", *wide.size, 4, 3, [[[pixel[0] >> 4] for pixel in row] for row in rows], True, [(b"PLTE", palette), (b"tRNS", bytes(16))])

    tensors = {}
    for path in sorted(directory.iterdir()):
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        tensors[f"decoded.{path.name}"] = ([rgb.height, rgb.width, 3], rgb.tobytes())
    for name, number in FILTERS.items():
        for height, width in SIZES:
            tensors[f"{name}.{height}x{width}"] = ([height, width, 3], wide.resize((width, height), number).tobytes())
    for name, image in (("photo.png", wide), ("tall.png", tall), ("grey.png", wide.convert("L").convert("RGB"))):
        for kind, even in (("clip", False), ("openclip", True)):
            tensors[f"{kind}.{name}"] = ([3, 24, 24], b"".join(band.tobytes() for band in center(image, 24, even).split()))
    tensors["grey.photo.png"] = ([1, 45, 61], wide.convert("L").tobytes())
    header, offset = {"__metadata__": {"pillow": Image.__version__, "libjpeg": features.version("libjpeg_turbo") or features.version("jpg")}}, 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (directory / "expected.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values()))


main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / "tests" / "Fixtures" / "images")
