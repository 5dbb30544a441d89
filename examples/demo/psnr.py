#!/usr/bin/env python3
"""Prints the peak signal-to-noise ratio of pictures against a reference.

    python3 examples/demo/psnr.py [--min DB] REFERENCE.png PICTURE.png...

Reads 8-bit RGB or RGBA PNG without interlacing; needs numpy alone. With --min it exits 1 when a
picture is below that many decibels.
"""

import argparse
import struct
import sys
import zlib

import numpy as np


def readPng(path):
    """H x W x 3 uint8. Follows the PNG specification, third edition, sections 5, 9 and 11."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit(f"{path}: not a PNG file")
    position, packed = 8, b""
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        body = data[position + 8:position + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", body)
            if depth != 8 or colour not in (2, 6) or interlace:
                sys.exit(f"{path}: only 8-bit RGB or RGBA without interlacing is read")
            channels = 3 if colour == 2 else 4
        elif kind == b"IDAT":
            packed += body
        position += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + width * channels)
    image = np.zeros((height, width, channels), np.uint8)
    above = np.zeros((width, channels), np.uint8)
    for y in range(height):
        above = image[y] = unfilter(rows[y, 0], rows[y, 1:].reshape(width, channels), above)
    return image[..., :3]


def unfilter(kind, row, above):
    """Undoes one row's prediction; all sums are modulo 256."""
    if kind == 0:
        return row
    if kind == 1:  # From the left.
        return np.cumsum(row, axis=0, dtype=np.uint8)
    if kind == 2:  # From above.
        return row + above
    channels = row.shape[1]
    out, upper = [0] * row.size, above.reshape(-1).tolist()
    for i, value in enumerate(row.reshape(-1).tolist()):
        left = out[i - channels] if i >= channels else 0
        if kind == 3:  # The mean of left and above.
            guess = (left + upper[i]) // 2
        else:  # Paeth: whichever of left, above and corner is nearest to left + above - corner.
            corner = upper[i - channels] if i >= channels else 0
            byLeft, byAbove = abs(upper[i] - corner), abs(left - corner)
            byCorner = abs(left + upper[i] - 2 * corner)
            if byLeft <= byAbove and byLeft <= byCorner:
                guess = left
            else:
                guess = upper[i] if byAbove <= byCorner else corner
        out[i] = (value + guess) & 255
    return np.array(out, np.uint8).reshape(row.shape)


def psnr(a, b):
    """Decibels, for uint8 images of one shape."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2)
    return float("inf") if error == 0 else 10 * np.log10(255.0 ** 2 / error)


def main():
    parser = argparse.ArgumentParser(description="Peak signal-to-noise ratio of PNG pictures.")
    parser.add_argument("reference")
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--min", type=float, help="exit 1 when a picture is below this many dB")
    arguments = parser.parse_args()
    reference = readPng(arguments.reference)
    enough = True
    for path in arguments.pictures:
        picture = readPng(path)
        if picture.shape != reference.shape:
            sys.exit(f"{path}: {picture.shape} differs from the reference's {reference.shape}")
        value = psnr(reference, picture)
        enough = enough and (arguments.min is None or value >= arguments.min)
        print(f"{value:6.2f} dB  {path}")
    sys.exit(0 if enough else 1)


if __name__ == "__main__":
    main()
