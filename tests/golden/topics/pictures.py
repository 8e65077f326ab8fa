"""PNG and JPEG files of every kind, small, with the numbers that libpng (Pillow, netpbm) and libjpeg (djpeg) read from them.

The PNG files are written here, since no program writes all combinations. Needs python3-pil, netpbm, libjpeg-turbo-progs.
"""
import base64
import io
import random
import struct
import subprocess
import zlib

from PIL import Image, ImageOps

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def packed(line, depth):
    if depth == 16:
        return b"".join(struct.pack(">H", v) for v in line)
    if depth == 8:
        return bytes(line)
    bits = "".join(format(v, "0%db" % depth) for v in line)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def filtered(kind, row, above, step):
    out = bytearray()
    for i, v in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        c = above[i - step] if i >= step else 0
        p = a + b - c
        near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        out.append((v - [0, a, b, (a + b) // 2, near][kind]) & 255)
    return bytes([kind]) + bytes(out)


def png(width, height, type, depth, pixels, interlaced=False, extra=(), split=1):
    """pixels[y][x] is a list of samples. The filters take turns."""
    step = max(1, SAMPLES[type] * depth // 8)
    raw = b""
    turn = 0
    for x0, y0, dx, dy in PASSES if interlaced else [(0, 0, 1, 1)]:
        above = None
        for y in range(y0, height, dy):
            row = packed([s for x in range(x0, width, dx) for s in pixels[y][x]], depth)
            if not row:
                continue
            raw += filtered(turn % 5, row, above or bytes(len(row)), step)
            above = row
            turn += 1
    data = zlib.compress(raw, 9)
    size = -(-len(data) // split)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, type, 0, 0, int(interlaced)))
        + b"".join(chunk(k, b) for k, b in extra)
        + b"".join(chunk(b"IDAT", data[i * size : (i + 1) * size]) for i in range(split))
        + chunk(b"IEND", b"")
    )


def run(command, data):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def pnm(data):
    """Width, height, channels, largest value and samples of a PNM file; black is 1 in a bitmap."""
    if data[:2] == b"P4":
        width, height = Image.open(io.BytesIO(data)).size
        values = [v // 255 for v in Image.open(io.BytesIO(data)).convert("L").tobytes()]
        return width, height, 1, 1, values
    kind, width, height, top, body = data.split(None, 4)[:4] + [None]
    head = data.index(top, data.index(height, data.index(width, 2) + len(width)) + len(height)) + len(top) + 1
    body = data[head:]
    width, height, top = int(width), int(height), int(top)
    values = list(body) if top < 256 else list(struct.unpack(">%dH" % (len(body) // 2), body))
    return width, height, 3 if kind == b"P6" else 1, top, values


def case(name, file, width, height, channels, top, values, tolerance=0.0):
    data = struct.pack(">%dH" % len(values), *values)
    return {
        "name": name,
        "file": base64.b64encode(file).decode(),
        "shape": [height, width, channels],
        "top": top,
        "values": base64.b64encode(data).decode(),
        "tolerance": tolerance,
    }


def by_pillow(name, file, mode):
    image = Image.open(io.BytesIO(file)).convert(mode)
    return case(name, file, *image.size, len(mode), 255, list(image.tobytes()))


def by_netpbm(name, file, alpha):
    """Samples of 16 bits, which Pillow cuts to 8; the alpha channel comes by itself."""
    width, height, channels, top, values = pnm(run(["pngtopnm"], file))
    if not alpha:
        return case(name, file, width, height, channels, top, values)
    _, _, _, top2, mask = pnm(run(["pngtopnm", "-alpha"], file))
    mask = [v * top // top2 for v in mask]
    assert 0 in mask or width * height == 1 or b"tRNS" not in file
    joined = []
    for i in range(width * height):
        joined += values[i * channels : (i + 1) * channels] + [mask[i]]
    return case(name, file, width, height, channels + 1, top, joined)


def png_cases():
    draw = random.Random(7)

    def picture(width, height, type, depth, top=None):
        most = (2**depth if top is None else top) - 1
        return [[[draw.randint(0, most) for _ in range(SAMPLES[type])] for _ in range(width)] for _ in range(height)]

    for type, depths in [(0, [1, 2, 4, 8, 16]), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16])]:
        for depth in depths:
            for interlaced in [False, True]:
                for width, height in [(13, 9), (1, 1), (2, 3)] if interlaced else [(13, 9)]:
                    extra = []
                    colors = min(2**depth, 200)
                    if type == 3:
                        extra.append((b"PLTE", bytes(draw.randint(0, 255) for _ in range(3 * colors))))
                    pixels = picture(width, height, type, depth, colors if type == 3 else None)
                    file = png(width, height, type, depth, pixels, interlaced, extra)
                    name = "PNG type %d, %d bits, %dx%d%s" % (type, depth, width, height, ", interlaced" * interlaced)
                    if depth == 16:
                        yield by_netpbm(name, file, type in (4, 6))
                    else:
                        # Pillow has no gray with alpha but LA.
                        yield by_pillow(name, file, {0: "L", 2: "RGB", 3: "RGB", 4: "LA", 6: "RGBA"}[type])
    # Transparent entries and colors.
    palette = (b"PLTE", bytes(range(12)))
    yield by_pillow(
        "PNG palette with transparent entries",
        png(5, 4, 3, 2, picture(5, 4, 3, 2), False, [palette, (b"tRNS", bytes([0, 100]))]),
        "RGBA",
    )
    for width, height in [(1, 1), (2, 1), (4, 3)]:
        pixels = picture(width, height, 2, 8)
        clear = (b"tRNS", struct.pack(">3H", *pixels[0][0]))
        yield by_pillow("PNG RGB with a transparent color, %dx%d" % (width, height), png(width, height, 2, 8, pixels, False, [clear]), "RGBA")
    for depth in [1, 2, 4, 8]:
        pixels = picture(6, 5, 0, depth)
        clear = (b"tRNS", struct.pack(">H", pixels[0][0][0]))
        # Pillow 9.4 compares the color with samples that it has stretched to 8 bits, and finds it nowhere.
        yield by_netpbm("PNG gray of %d bits with a transparent color" % depth, png(6, 5, 0, depth, pixels, depth == 4, [clear]), True)
    for type, width in [(0, 3), (2, 1)]:
        pixels = picture(width, 2, type, 16)
        clear = (b"tRNS", struct.pack(">%dH" % SAMPLES[type], *pixels[0][0]))
        made = by_netpbm("PNG type %d of 16 bits with a transparent color" % type, png(width, 2, type, 16, pixels, False, [clear]), type == 0)
        if type == 2:
            # netpbm 11.1 finds the color nowhere; the format says that all three samples are compared.
            flat = [s for line in pixels for p in line for s in p + [0 if p == pixels[0][0] else 65535]]
            made = case(made["name"], base64.b64decode(made["file"]), width, 2, 4, 65535, flat)
        yield made
    # What changes nothing: gamma, colors, text, time, animation, parts of the data.
    pixels = picture(9, 7, 2, 8)
    many = [
        (b"gAMA", struct.pack(">I", 100000)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)),
        (b"pHYs", struct.pack(">IIB", 2835, 2835, 1)),
        (b"tEXt", b"Title\0a picture"),
        (b"bKGD", struct.pack(">3H", 1, 2, 3)),
    ]
    yield by_pillow("PNG with a gamma of 1 and more", png(9, 7, 2, 8, pixels, False, many, split=4), "RGB")
    yield by_pillow("PNG with sRGB", png(9, 7, 2, 8, pixels, True, [(b"sRGB", b"\0")]), "RGB")


def jpeg_cases():
    width, height = 37, 29
    smooth = Image.new("RGB", (width, height))
    smooth.putdata(
        [(7 * x % 256, (5 * y + 2 * x) % 256, (3 * x * y) % 256) for y in range(height) for x in range(width)]
    )
    ppm = b"P6\n%d %d\n255\n" % (width, height) + smooth.tobytes()
    pgm = b"P5\n%d %d\n255\n" % (width, height) + smooth.convert("L").tobytes()
    # Chroma of whole pixels repeated, which djpeg does with -nosmooth.
    decode = ["djpeg", "-nosmooth", "-dct", "int", "-pnm"]
    for name, options, source in [
        ("4:4:4", ["-sample", "1x1"], ppm),
        ("4:2:2", ["-sample", "2x1"], ppm),
        ("4:4:0", ["-sample", "1x2"], ppm),
        ("4:2:0", ["-sample", "2x2"], ppm),
        ("4:1:1", ["-sample", "4x1"], ppm),
        ("progressive 4:4:4", ["-progressive", "-sample", "1x1"], ppm),
        ("progressive 4:2:0", ["-progressive", "-sample", "2x2"], ppm),
        ("with restarts", ["-restart", "1", "-sample", "2x2"], ppm),
        ("RGB inside", ["-rgb"], ppm),
        ("gray", ["-grayscale"], pgm),
        ("progressive gray", ["-grayscale", "-progressive"], pgm),
        ("coarse", ["-quality", "5"], ppm),
    ]:
        file = run(["cjpeg", "-quality", "90"] + options, source)
        w, h, c, top, values = pnm(run(decode, file))
        yield case("JPEG " + name, file, w, h, c, top, values, 3 / 255)
    for orientation in range(1, 9):
        small = smooth.crop((0, 0, 10, 7))
        exif = Image.Exif()
        exif[0x0112] = orientation
        out = io.BytesIO()
        small.save(out, "JPEG", quality=95, subsampling=0, exif=exif.tobytes())
        seen = ImageOps.exif_transpose(Image.open(io.BytesIO(out.getvalue())))
        yield case("JPEG Exif orientation %d" % orientation, out.getvalue(), *seen.size, 3, 255, list(seen.tobytes()), 3 / 255)
    inks = Image.merge("CMYK", [smooth.getchannel(c) for c in "RGB"] + [smooth.convert("L").point(lambda v: v // 3)])
    out = io.BytesIO()
    inks.save(out, "JPEG", quality=95, subsampling=0)
    seen = Image.open(io.BytesIO(out.getvalue())).convert("RGB")
    # The same bytes called YCCK: the mark of Adobe ends with the kind of colors.
    at = out.getvalue().index(b"Adobe") + 11
    other = out.getvalue()[:at] + b"\x02" + out.getvalue()[at + 1 :]
    turned = Image.open(io.BytesIO(other)).convert("RGB")
    yield case("JPEG YCCK", other, *turned.size, 3, 255, list(turned.tobytes()), 4 / 255)
    yield case("JPEG CMYK", out.getvalue(), *seen.size, 3, 255, list(seen.tobytes()), 4 / 255)


def cases():
    yield from png_cases()
    yield from jpeg_cases()
