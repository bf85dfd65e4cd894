"""Writes the pictures of this folder and expected.safetensors: what Pillow makes of them. usage: make.py (in this folder, with Pillow and torchvision)"""
import io, struct, zlib
import numpy as np, torch
from PIL import Image
from safetensors.torch import save_file

H, W = 13, 19
rng = np.random.default_rng(0)
y, x = np.mgrid[0:H, 0:W]
smooth = np.stack([np.sin(x / 5), np.cos(y / 4), np.sin((x + y) / 6)], -1) * 100 + 128
rgb = np.clip(smooth + rng.uniform(-20, 20, (H, W, 3)), 0, 255).astype(np.uint8)
picture = Image.fromarray(rgb)


def png(name, color_type, bits, rows, extra=b'', interlace=0):
    """A PNG that Pillow cannot write, of raw rows."""
    def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    header = struct.pack('>IIBBBBB', W, H, bits, color_type, 0, 0, interlace)
    raw = b''.join(b'\0' + row for row in rows)
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + extra + chunk(b'IDAT', zlib.compress(raw)) + chunk(b'IEND', b''))


def packed(values, bits): return [np.packbits(np.unpackbits(row[:, None].astype(np.uint8), axis=1)[:, 8 - bits:].reshape(-1)).tobytes() for row in values]


def deep(*shape): return rng.integers(0, 65536, (H, W, *shape)).astype('>u2')


gray16 = deep(); gray16[:, ::2] >>= 8
png('gray16_deep.png', 0, 16, [r.tobytes() for r in gray16])
png('gray_alpha16.png', 4, 16, [r.tobytes() for r in deep(2)])
png('rgb16.png', 2, 16, [r.tobytes() for r in deep(3)])
png('rgba16.png', 6, 16, [r.tobytes() for r in deep(4)])
for bits in (1, 2, 4): png(f'gray{bits}.png', 0, bits, packed(rng.integers(0, 1 << bits, (H, W)), bits))
trns = b'\0\0\0\2' + b'tRNS' + struct.pack('>H', 3); trns += struct.pack('>I', zlib.crc32(trns[4:]))
png('gray4_transparent.png', 0, 4, packed(rng.integers(0, 16, (H, W)), 4), trns)
Image.fromarray(rgb[..., :2].copy(), 'LA').save('gray_alpha.png')
paletted = picture.quantize(9); paletted.save('palette4_transparent.png', transparency=2, bits=4)
picture.quantize(200).save('palette_alpha.png', transparency=bytes(range(200)))
paletted.save('transparent.gif', transparency=1)
picture.quantize(7).save('animated.gif', save_all=True, append_images=[Image.fromarray(255 - rgb).quantize(7)])
Image.fromarray(np.dstack([rgb, rgb[..., :1]])).save('rgba_lossless.webp', lossless=True, exact=True)
picture.save('animated.webp', save_all=True, append_images=[Image.fromarray(255 - rgb)], lossless=True)
paletted.save('palette.bmp'); picture.convert('L').save('gray.bmp'); picture.convert('1').save('one_bit.bmp')
Image.fromarray(np.dstack([rgb, rgb[..., :1]])).save('rgba.bmp')


def gif(name, frame, transparent, indices):
    """A GIF whose first picture is smaller than or beyond its canvas; every code is preceded by a clear code."""
    palette = bytes([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    out = b'GIF89a' + struct.pack('<HHBBB', 4, 3, 0x81, 2, 0) + palette
    if transparent is not None: out += b'\x21\xf9\x04' + bytes([1, 0, 0, transparent, 0])
    bits = [code >> bit & 1 for index in indices for code in (4, index) for bit in range(3)] + [1, 0, 1]
    bits += [0] * (-len(bits) % 8)
    data = bytes(sum(bit << j for j, bit in enumerate(bits[i:i + 8])) for i in range(0, len(bits), 8))
    open(name, 'wb').write(out + b'\x2c' + struct.pack('<HHHHB', *frame, 0) + bytes([2, len(data)]) + data + b'\0;')


gif('inset.gif', (1, 1, 2, 1), None, [1, 3])
gif('inset_transparent.gif', (1, 1, 2, 1), 1, [1, 3])
gif('beyond.gif', (2, 2, 3, 2), None, [1, 3, 2, 0, 1, 2])



def bmp(name, bits, compression, pixels, extra=b'', height=H, header=None):
    """A BMP that Pillow cannot write: extra is the palette or the masks."""
    colors = len(extra) // 4 if bits <= 8 else 0
    header = header or struct.pack('<IiiHHIIiiII', 40, W, height, 1, bits, compression, 0, 0, 0, colors, 0)
    start = 14 + len(header) + len(extra)
    open(name, 'wb').write(b'BM' + struct.pack('<III', start + len(pixels), 0, start) + header + extra + pixels)


def padded(rows): return b''.join(row + bytes(-len(row) % 4) for row in rows)


nine = np.array(paletted); palette = bytes(range(36, 0, -1))
every16 = np.resize(np.arange(0, 65536, 263), (H, W)).astype('<u2')
bmp('os2_nibbles.bmp', 4, 0, padded(packed(nine, 4)), b''.join(palette[i:i + 3] for i in range(0, 36, 4)) + bytes(21), header=struct.pack('<IHHHH', 12, W, H, 1, 4))
bmp('top_down.bmp', 8, 0, padded([row.tobytes() for row in nine]), palette, -H)
bmp('555.bmp', 16, 0, padded([row.tobytes() for row in every16]))
bmp('565.bmp', 16, 3, padded([row.tobytes() for row in every16]), struct.pack('<III', 0xf800, 0x7e0, 0x1f))
bmp('masks.bmp', 32, 3, np.dstack([rgb, rgb]).astype(np.uint8)[..., :4].tobytes(), struct.pack('<III', 0xff000000, 0xff0000, 0xff00))
# Runs, pixels one by one, a jump to the right, a run again; after the sixth row, a jump down.
bmp('runs.bmp', 8, 1, b''.join(bytes([3, y % 9, 0, 5, *nine[y, :5], 0, 0, 2, 4, 0, 7, (y + 1) % 9]) + (b'\0\2\0\1' if y == 6 else b'') + b'\0\0' for y in range(H - 1)) + b'\0\1', palette)
bmp('nibble_runs.bmp', 4, 2, b''.join(bytes([3, 0x18, 0, 5, 0x12, 0x34, 0x50 + y, 0, 0, 2, 4, 0, 7, 0x80 + y % 9]) + b'\0\0' for y in range(H)) + b'\0\1', palette)

exact = ['gray16_deep.png', 'gray_alpha16.png', 'rgb16.png', 'rgba16.png', 'gray1.png', 'gray2.png', 'gray4.png', 'gray4_transparent.png', 'gray_alpha.png',
         'palette4_transparent.png', 'palette_alpha.png', 'transparent.gif', 'animated.gif', 'inset.gif', 'inset_transparent.gif', 'beyond.gif',
         'rgba_lossless.webp', 'animated.webp', 'palette.bmp', 'gray.bmp', 'one_bit.bmp', 'rgba.bmp',
         'os2_nibbles.bmp', 'top_down.bmp', '555.bmp', '565.bmp', 'masks.bmp', 'runs.bmp', 'nibble_runs.bmp']

big = Image.fromarray(np.clip(np.kron(rgb, np.ones((5, 5, 1))) + rng.uniform(-8, 8, (5 * H, 5 * W, 3)), 0, 255).astype(np.uint8))
for name, options in {'444': dict(subsampling=0), '422': dict(subsampling=1), '420': dict(subsampling=2), 'progressive420': dict(subsampling=2, progressive=True),
                      'restart': dict(restart_marker_blocks=3), 'rgb': dict(keep_rgb=True)}.items(): big.save(f'{name}.jpg', quality=90, **options)
big.convert('L').save('gray.jpg', quality=90)
big.convert('CMYK').save('cmyk.jpg', quality=90)


def three_scans(name):
    """A JPEG with one scan a channel, which Pillow cannot write: those of three gray ones."""
    out, planes = b'', big.convert('YCbCr').split()
    for number, plane in enumerate(planes, 1):
        file = io.BytesIO(); plane.save(file, 'JPEG', quality=90); gray = file.getvalue()
        frame, scan = gray.index(b'\xff\xc0'), gray.index(b'\xff\xda')
        if not out: out = gray[:frame] + struct.pack('>HHBHHB', 0xffc0, 17, 8, 5 * H, 5 * W, 3) + bytes([1, 17, 0, 2, 17, 0, 3, 17, 0]) + gray[frame + 13:scan]
        out += struct.pack('>HHBBB', 0xffda, 8, 1, number, 0) + b'\0\x3f\0' + gray[scan + 10:-2]
    open(name, 'wb').write(out + b'\xff\xd9')


three_scans('three_scans.jpg')
exif = Image.Exif(); exif[0x0112] = 6; big.save('exif_rotate6.jpg', quality=90, exif=exif)
close = ['444.jpg', '422.jpg', '420.jpg', 'progressive420.jpg', 'restart.jpg', 'rgb.jpg', 'gray.jpg', 'cmyk.jpg', 'three_scans.jpg', 'exif_rotate6.jpg']
big.save('lossy.webp', quality=90); close.append('lossy.webp')
faded = Image.fromarray(np.dstack([rgb, 255 - rgb[..., :1] // 2]))
faded.save('animated_alpha.webp', save_all=True, append_images=[faded.rotate(180)]); close.append('animated_alpha.webp')

out = {name: torch.from_numpy(np.array(Image.open(name).convert('RGB'))) for name in exact + close}
source = Image.open('rgba_lossless.webp').convert('RGB')
for filter in ('nearest', 'bilinear', 'bicubic'):
    for h, w in ((13, 5), (4, 19), (1, 1), (40, 31), (13, 40), (7, 64), (130, 2)):
        out[f'resize/{filter}/{h}x{w}'] = torch.from_numpy(np.array(source.resize((w, h), getattr(Image, filter.upper()))))
save_file({name: tensor.contiguous() for name, tensor in out.items()}, 'expected.safetensors')
