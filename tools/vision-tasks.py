#!/usr/bin/env python3
"""Brings image folders, and CLIP's fine-tuned vision towers, into the files that the experiments read. Needs Pillow; run it where that is installed.

  vision-tasks.py images FOLDER OUT.safetensors [--size 224] [--limit N]
      FOLDER holds train/CLASS/*.{png,jpg,jpeg} and test/CLASS/…, perhaps validation/CLASS/…. Images are made as CLIP's preprocessing makes
      them (the short side resized by bicubic interpolation, the middle cut out, RGB) and kept as bytes; the engine normalises them.
      Classes are numbered in the order of their names. --limit takes N images a split, spread evenly over it.
  vision-tasks.py projection BASE.safetensors TUNED.safetensors OUT.safetensors
      TUNED with visual_projection.weight of BASE added: fine-tuned towers are often published without it.
"""
import argparse
import json
import pathlib
import struct
import sys


def header_of(file):
    (length,) = struct.unpack("<Q", file.read(8))
    return json.loads(file.read(length)), 8 + length


def write_header(file, entries, metadata):
    """entries: name -> (dtype, shape, bytes); tensors follow in this order."""
    header, offset = {"__metadata__": metadata}, 0
    for name, (dtype, shape, size) in entries.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)


def pixels(path, size):
    from PIL import Image

    with Image.open(path) as image:
        image = image.convert("RGB")
        short = min(image.size)
        # As torchvision's Resize: the long side is cut down to a whole number of pixels.
        image = image.resize(tuple(size * side // short for side in image.size), Image.Resampling.BICUBIC)
        left, top = (round((side - size) / 2) for side in image.size)
        image = image.crop((left, top, left + size, top + size))
        return b"".join(band.tobytes() for band in image.split())


def images(arguments):
    folder = pathlib.Path(arguments.folder)
    splits = [split for split in ("train", "validation", "test") if (folder / split).is_dir()]
    if not splits:
        sys.exit(f"{folder}: there is no train, validation or test in it, expected a folder of classes in each.")
    classes = sorted({path.name for split in splits for path in (folder / split).iterdir() if path.is_dir()})
    samples, entries = {}, {}
    for split in splits:
        files = sorted(p for p in (folder / split).glob("*/*") if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
        if not files:
            sys.exit(f"{folder / split}: there is no PNG or JPEG image in its folders.")
        if arguments.limit and len(files) > arguments.limit:
            files = [files[i * len(files) // arguments.limit] for i in range(arguments.limit)]
        samples[split] = files
        entries[f"{split}.images"] = ("U8", [len(files), 3, arguments.size, arguments.size], len(files) * 3 * arguments.size**2)
        entries[f"{split}.labels"] = ("I32", [len(files)], 4 * len(files))
    with open(arguments.out, "wb") as out:
        write_header(out, entries, {"task": pathlib.Path(arguments.out).stem, "classes": json.dumps(classes)})
        for split in splits:
            for i, path in enumerate(samples[split]):
                out.write(pixels(path, arguments.size))
                if i % 1000 == 999:
                    print(f"{split}: {i + 1} of {len(samples[split])}", file=sys.stderr)
            out.write(struct.pack(f"<{len(samples[split])}i", *(classes.index(p.parent.name) for p in samples[split])))


def projection(arguments):
    name = "visual_projection.weight"
    with open(arguments.base, "rb") as base, open(arguments.tuned, "rb") as tuned:
        base_header, base_start = header_of(base)
        header, start = header_of(tuned)
        metadata = header.pop("__metadata__", {})
        if name in header or name not in base_header:
            sys.exit(f"{arguments.tuned if name in header else arguments.base}: {name} is {'there already' if name in header else 'missing'}.")
        parts = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
        parts = [(key, entry, tuned, start) for key, entry in parts] + [(name, base_header[name], base, base_start)]
        size = lambda entry: entry["data_offsets"][1] - entry["data_offsets"][0]
        with open(arguments.out, "wb") as out:
            write_header(out, {key: (entry["dtype"], entry["shape"], size(entry)) for key, entry, _, _ in parts}, metadata)
            for _, entry, file, first in parts:
                file.seek(first + entry["data_offsets"][0])
                out.write(file.read(size(entry)))


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
commands = parser.add_subparsers(required=True)
command = commands.add_parser("images")
command.add_argument("folder")
command.add_argument("out")
command.add_argument("--size", type=int, default=224)
command.add_argument("--limit", type=int, default=0)
command.set_defaults(run=images)
command = commands.add_parser("projection")
for argument in ("base", "tuned", "out"):
    command.add_argument(argument)
command.set_defaults(run=projection)
arguments = parser.parse_args()
arguments.run(arguments)
