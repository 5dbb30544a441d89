"""Synthetic photographs: dead-leaves images with texture, shading and a depth of field.

The dead-leaves model drops opaque shapes with power-law sizes on a canvas until it is covered.
Its edges, occlusions and scale invariance are those of photographs (Lee, Mumford and Huang,
"Occlusion models for natural images", IJCV 2001), which is why a network trained on such images
alone can restore real ones (Achddou, Gousseau and Ladjal, "Synthetic images as a regularity prior
for image restoration neural networks", SSVM 2021).

Everything here is drawn from the `numpy.random.Generator` that the caller passes: same seed, same
images. Arrays are float32, H x W x 3, RGB in [0, 1].
"""

import numpy as np

kFieldSize = 512  # Side of the stored noise fields, in canvas pixels.


def blur(image, sigma):
    """Gaussian blur of an H x W x C image, separable, borders replicated."""
    if sigma < 0.2:
        return image
    radius = int(np.ceil(3 * sigma))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2).astype(np.float32)
    taps /= taps.sum()
    for axis in (0, 1):
        pad = [(0, 0)] * 3
        pad[axis] = (radius, radius)
        padded = np.pad(image, pad, mode="edge")
        size = image.shape[axis]
        image = sum(t * np.take(padded, range(i, i + size), axis) for i, t in enumerate(taps))
    return image


def noiseField(rng, exponent, stretch, angle):
    """Periodic Gaussian field of unit variance with amplitude spectrum |f|^-exponent.

    `stretch` > 1 elongates its grain along `angle`: fur, wood, brushed cloth."""
    fx = np.fft.rfftfreq(kFieldSize)[None, :]
    fy = np.fft.fftfreq(kFieldSize)[:, None]
    along = np.cos(angle) * fx + np.sin(angle) * fy
    across = -np.sin(angle) * fx + np.cos(angle) * fy
    frequency = np.sqrt((along * stretch) ** 2 + across ** 2)
    frequency[0, 0] = 1.0
    gain = frequency ** -exponent
    gain[0, 0] = 0.0
    spectrum = np.fft.rfft2(rng.standard_normal((kFieldSize, kFieldSize))) * gain
    field = np.fft.irfft2(spectrum, (kFieldSize, kFieldSize))
    return (field / field.std()).astype(np.float32)


class DeadLeaves:
    """Draws images; owns a bank of noise fields shared by all of them."""

    def __init__(self, rng, fields=48):
        self.rng = rng
        self.fields = [
            noiseField(rng, rng.uniform(0.5, 1.6), rng.choice([1.0, 1.0, 3.0, 8.0]),
                       rng.uniform(0, np.pi))
            for _ in range(fields)
        ]

    def image(self, size):
        """One size x size image, painted at twice the size so that its edges are antialiased."""
        rng = self.rng
        canvasSize = 2 * size
        palette = self._palette()
        canvas = np.empty((canvasSize, canvasSize, 3), np.float32)
        self._paint(canvas, palette, np.ones((canvasSize, canvasSize), bool), 0, 0)

        # Two layers of leaves; the far one may be out of focus. Radii follow the density
        # r^-(power + 1), by inversion of its cumulative distribution; power 2 is the
        # scale-invariant model.
        smallest, largest = np.exp(rng.uniform(np.log(2.0), np.log(40.0))), canvasSize / 2.0
        power = rng.uniform(1.0, 2.0)
        for layer in range(2):
            cover = np.exp(rng.uniform(np.log(0.1), np.log(1.0)))
            count = int(cover * min(2500, canvasSize ** 2 / (3.0 * smallest ** 2)))
            u = rng.random(count)
            tail = smallest ** -power + u * (largest ** -power - smallest ** -power)
            radii = tail ** (-1 / power)
            for radius in radii:
                self._leaf(canvas, palette, radius)
            if layer == 0 and rng.random() < 0.5:
                canvas = blur(canvas, rng.uniform(1.0, 5.0))

        if rng.random() < 0.7:  # Uneven light over the whole scene.
            light = self._crop(noiseField(rng, 2.0, 1.0, 0.0), *canvas.shape[:2])
            canvas *= np.exp(rng.uniform(0.0, 0.4) * light)[..., None]
        canvas = blur(canvas, rng.uniform(0.0, 1.8))  # The lens.
        image = canvas.reshape(size, 2, size, 2, 3).mean((1, 3))
        return np.clip(image, 0.0, 1.0) ** np.float32(rng.uniform(0.7, 1.4))

    def _palette(self):
        """A few colours for one scene: any brightness, mostly muted, related hues."""
        rng = self.rng
        count = rng.integers(3, 12)
        brightness = rng.beta(0.9, 0.9 * rng.uniform(0.8, 1.8), (count, 1))
        tint = rng.normal(0.0, 0.06, (1, 3))
        tint = tint + rng.normal(0.0, rng.choice([0.02, 0.08, 0.3]), (count, 3))
        return np.clip(brightness * np.exp(1.5 * tint) + 0.2 * tint, 0.0, 1.0).astype(np.float32)

    def _crop(self, field, height, width):
        """A height x width window of a periodic field, at a random place."""
        y, x = self.rng.integers(0, kFieldSize, 2)
        rows = (np.arange(height) + y) % kFieldSize
        columns = (np.arange(width) + x) % kFieldSize
        return field[rows[:, None], columns[None, :]]

    def _leaf(self, canvas, palette, radius):
        """Drops one opaque ellipse or convex polygon of about `radius` canvas pixels."""
        rng = self.rng
        size = canvas.shape[0]
        cx, cy = rng.uniform(-0.5 * radius, size + 0.5 * radius, 2)
        angle, aspect = rng.uniform(0, np.pi), rng.choice([1.0, rng.uniform(0.15, 1.0)])
        x0, x1 = max(0, int(cx - radius)), min(size, int(cx + radius) + 1)
        y0, y1 = max(0, int(cy - radius)), min(size, int(cy + radius) + 1)
        if x0 >= x1 or y0 >= y1:
            return
        dx = (np.arange(x0, x1, dtype=np.float32) - np.float32(cx))[None, :]
        dy = (np.arange(y0, y1, dtype=np.float32) - np.float32(cy))[:, None]
        c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
        u, v = c * dx + s * dy, (c * dy - s * dx) / np.float32(aspect)
        mask = u * u + v * v <= radius * radius
        if rng.random() < 0.5:  # A polygon: the ellipse cut by half planes.
            sides = rng.integers(3, 7)
            turn = rng.uniform(0, 2 * np.pi)
            for side in range(sides):
                a = turn + (side + rng.uniform(-0.3, 0.3)) * 2 * np.pi / sides
                distance = np.float32(np.cos(a)) * u + np.float32(np.sin(a)) * v
                mask &= distance <= np.float32(0.6 * radius)
        self._paint(canvas[y0:y1, x0:x1], palette, mask, dx, dy)

    def _paint(self, target, palette, mask, dx, dy):
        """Fills `mask` of `target` with a palette colour under shading and texture.

        `dx`, `dy` are coordinates relative to the leaf's centre, broadcastable to the mask."""
        rng = self.rng
        height, width = mask.shape
        base = palette[rng.integers(len(palette))] + rng.normal(0, 0.03, 3).astype(np.float32)
        relief = np.zeros((height, width), np.float32)
        kind = rng.random()
        if kind < 0.65:
            field = self.fields[rng.integers(len(self.fields))]
            relief += np.float32(rng.exponential(0.15)) * self._crop(field, height, width)
        elif kind < 0.73:  # Stripes.
            angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(5), np.log(60)))
            x = np.arange(width, dtype=np.float32)[None, :]
            y = np.arange(height, dtype=np.float32)[:, None]
            wave = np.sin((np.cos(angle) * x + np.sin(angle) * y) * (2 * np.pi / period))
            relief += np.float32(rng.uniform(0.05, 0.4)) * np.clip(wave * rng.uniform(1, 4), -1, 1)
        if rng.random() < 0.6:  # Shading: brightness falls off linearly across the leaf.
            gx, gy = rng.normal(0, 0.25, 2) / max(height, width)
            relief += np.float32(gx) * dx + np.float32(gy) * dy
        # Relief acts mostly on brightness, a little on hue.
        weight = (1.0 + rng.normal(0, 0.15, 3)).astype(np.float32)
        weight = weight * (0.4 * base + 0.6 * base.mean() + 0.1)
        colour = base + relief[..., None] * weight
        np.copyto(target, colour, where=mask[..., None])


def imagePool(seed, count, size):
    """`count` images as one uint8 array, count x size x size x 3."""
    source = DeadLeaves(np.random.default_rng(seed))
    pool = np.empty((count, size, size, 3), np.uint8)
    for i in range(count):
        pool[i] = np.rint(source.image(size) * 255.0)
    return pool
