"""An XMP packet in a JPEG, PNG or WebP file, by rewriting its segments: no pixel is decoded.

Places by the XMP specification, part 3: JPEG's APP1, PNG's iTXt `XML:com.adobe.xmp`, WebP's chunk
`XMP ` with its flag in VP8X.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saccade.errors import PictureError
from saccade.files import read_bytes, reason, require_file

_JPEG = b"\xff\xd8"
_JPEG_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_MOST_IN_JPEG = 65_535 - 2 - len(_JPEG_HEADER)
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = b"XML:com.adobe.xmp\0"
_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10
_HEAD = 2**16  # bytes of a JPEG in which its packet is looked for before all are read


def packet_in(path: Path) -> bytes | None:
    """`packet_of` a file, of which as little is read as is needed: of a JPEG, what stands before
    the picture. Raises PictureError as `packet_of`, and for a file that can't be read."""
    require_file(path, PictureError, "picture")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise PictureError(f"{path} can't be read ({reason(error)}); check the disk.") from error
    if head.startswith(_JPEG):
        try:
            return _jpeg_packet(head)
        except (struct.error, IndexError):
            pass  # the picture starts further on, or the file is damaged
    return packet_of(read_bytes(path, PictureError), str(path))


def packet_of(data: bytes, name: str) -> bytes | None:
    """The XMP packet in a photo's file, if any. Raises PictureError for a damaged file and for one
    of another kind."""
    with _whole(name):
        if data.startswith(_JPEG):
            return _jpeg_packet(data)
        if data.startswith(_PNG):
            packets = [packet for _, _, packet in _png_chunks(data) if packet is not None]
            return packets[0] if packets else None
        if _is_webp(data):
            return next((body for kind, body in _webp_chunks(data) if kind == b"XMP "), None)
    raise _other_kind(name)


def with_packet(data: bytes, packet: bytes, name: str) -> bytes:
    """The file with this packet in the place of the one that it had. Raises PictureError as
    `packet_of`, and for a packet too long for a JPEG's segment."""
    with _whole(name):
        if data.startswith(_JPEG):
            return _jpeg(data, packet, name)
        if data.startswith(_PNG):
            return _png(data, packet)
        if _is_webp(data):
            return _webp(data, packet)
    raise _other_kind(name)


def _other_kind(name: str) -> PictureError:
    return PictureError(
        f"{name}: XMP can be embedded in JPEG, PNG and WebP; use a sidecar instead."
    )


@contextmanager
def _whole(name: str) -> Iterator[None]:
    """What a damaged file leads to as one sentence."""
    try:
        yield
    except (struct.error, IndexError, zlib.error) as error:
        raise PictureError(f"{name}: is damaged; save it again.") from error


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """A JPEG's segments before the picture's data: marker, and where its body starts and stops."""
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker in (0xDA, 0xD9):
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if length < 2 or at + 2 + length > len(data):
            raise IndexError
        yield marker, at + 4, at + 2 + length
        at += 2 + length
    raise IndexError


def _jpeg_packet(data: bytes) -> bytes | None:
    """The first packet; all segments up to the picture must be whole."""
    packet = None
    for marker, start, stop in _segments(data):
        if marker == 0xE1 and packet is None and data.startswith(_JPEG_HEADER, start, stop):
            packet = data[start + len(_JPEG_HEADER) : stop]
    return packet


def _jpeg(data: bytes, packet: bytes, name: str) -> bytes:
    if len(packet) > _MOST_IN_JPEG:
        raise PictureError(
            f"{name}: its XMP of {len(packet):,} bytes does not fit into a JPEG's segment; use a "
            "sidecar instead."
        )
    body = _JPEG_HEADER + packet
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    kept, at, place = [data[:2]], 2, 1
    for marker, start, stop in _segments(data):
        if not (marker == 0xE1 and data.startswith(_JPEG_HEADER, start, stop)):
            kept.append(data[at:stop])
            if marker == 0xE0 or (marker == 0xE1 and data[start : start + 6] == b"Exif\0\0"):
                place = len(kept)  # behind JFIF and EXIF, where readers look for them
        else:
            kept.append(data[at : start - 4])  # fill bytes, as a rule none
        at = stop
    return b"".join((*kept[:place], segment, *kept[place:], data[at:]))


def _png_chunks(data: bytes) -> Iterator[tuple[int, int, bytes | None]]:
    """A PNG's chunks: where each starts and stops, and its packet if it is one."""
    at = len(_PNG)
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        stop = at + 12 + length
        if stop > len(data):
            raise IndexError
        packet = None
        if kind == b"iTXt" and data.startswith(_PNG_HEADER, at + 8, stop - 4):
            body = data[at + 8 : stop - 4]
            compressed = body[len(_PNG_HEADER)]
            text = body[len(_PNG_HEADER) + 2 :].split(b"\0", 2)[2]  # language, keyword, text
            packet = _inflated(text) if compressed else text
        yield at, stop, packet
        if kind == b"IEND":
            return
        at = stop
    raise IndexError


def _inflated(data: bytes, most: int = 2**24) -> bytes:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, most)
    if inflater.unconsumed_tail:
        raise IndexError
    return text


def _png(data: bytes, packet: bytes) -> bytes:
    body = b"iTXt" + _PNG_HEADER + b"\0\0\0\0" + packet
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    parts, at = [data[: len(_PNG)]], len(_PNG)
    for start, stop, known in _png_chunks(data):
        if known is None:
            parts.append(data[start:stop])
        if len(parts) == 2 and chunk not in parts:
            parts.append(chunk)  # behind IHDR
        at = stop
    return b"".join((*parts, data[at:]))


def _is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def _webp_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data):
        raise IndexError
    chunks, at = [], 12
    while at < size + 8:
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > size + 8:
            raise IndexError
        chunks.append((kind, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return chunks


def _webp(data: bytes, packet: bytes) -> bytes:
    (size,) = struct.unpack_from("<I", data, 4)
    chunks = [(kind, body) for kind, body in _webp_chunks(data) if kind != b"XMP "]
    if chunks[0][0] == b"VP8X":
        flags = chunks[0][1][0] | _XMP_FLAG
        chunks[0] = (b"VP8X", bytes((flags,)) + chunks[0][1][1:])
    else:
        chunks.insert(0, (b"VP8X", _extended(*chunks[0])))
    chunks.append((b"XMP ", packet))
    body = b"".join(
        kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2)
        for kind, part in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body + data[size + 8 :]


def _extended(kind: bytes, body: bytes) -> bytes:
    """The VP8X chunk of a simple file: flags, then width and height less 1 in 24 bits each."""
    flags = _XMP_FLAG
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF
        flags |= _ALPHA_FLAG if bits >> 28 & 1 else 0
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", body, 6))
        width, height = width - 1, height - 1
    sides = struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]
    return bytes((flags, 0, 0, 0)) + sides
