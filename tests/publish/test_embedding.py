"""XMP in photos: pixels stay, other metadata stays, and other programs read it."""

import io
import json
import re
import shutil
import struct
import subprocess
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from saccade.errors import DataError, PictureError
from saccade.publish import AltText
from saccade.publish.embedding import packet_in, packet_of, with_packet
from saccade.publish.xmp import alt_texts, descriptions, with_alt

ALT = AltText("A dog & a <cat> – “friends”", "m", "en")


def photo(kind: str, **options) -> bytes:
    """A small picture of this kind with some metadata of its own."""
    rng = np.random.default_rng(0)
    mode = options.pop("mode", "RGB")
    channels = {"RGB": 3, "RGBA": 4}[mode]
    image = Image.fromarray(rng.integers(0, 255, (21, 34, channels), dtype=np.uint8), mode=None)
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def exif() -> bytes:
    tags = Image.Exif()
    tags[0x0131] = "camera 3000"
    return tags.tobytes()


PHOTOS = {
    "jpeg": photo("JPEG"),
    "jpeg-exif": photo("JPEG", exif=exif(), comment=b"hello", progressive=True),
    "jpeg-xmp": photo("JPEG", xmp=with_alt(None, AltText("old", "m"))),
    "png": photo("PNG"),
    "png-alpha": photo("PNG", mode="RGBA", exif=exif()),
    "webp": photo("WEBP"),
    "webp-lossless": photo("WEBP", lossless=True),
    "webp-alpha": photo("WEBP", lossless=True, mode="RGBA"),
    "webp-exif": photo("WEBP", exif=exif()),
}


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize("kind", PHOTOS)
def test_pixels_and_other_metadata_stay(kind):
    data = PHOTOS[kind]
    packet = with_alt(packet_of(data, kind), ALT, overwrite=True)
    written = with_packet(data, packet, kind)
    assert packet_of(written, kind) == packet
    assert alt_texts(packet) == descriptions(packet) == {"x-default": ALT.text, "en": ALT.text}
    assert np.array_equal(pixels(written), pixels(data))
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(written)) as after:
        assert after.format == before.format
        assert after.size == before.size
        assert after.mode == before.mode
        assert dict(after.getexif()) == dict(before.getexif())
    assert with_packet(written, packet, kind) == written  # again: nothing changes
    shorter = with_packet(written, b"<x/>", kind)
    assert packet_of(shorter, kind) == b"<x/>"
    assert with_packet(shorter, packet, kind) == written


@pytest.mark.parametrize("kind", PHOTOS)
def test_a_packet_is_found_wherever_it_stands_in_a_file(kind, tmp_path):
    """Also behind 100 kB of other segments, which is further than is read at first."""
    path = tmp_path / "photo"
    path.write_bytes(PHOTOS[kind])
    assert packet_in(path) == packet_of(PHOTOS[kind], kind)
    path.write_bytes(with_packet(PHOTOS[kind], b"<x/>", kind))
    assert packet_in(path) == b"<x/>"
    if kind == "jpeg":
        segment = b"\xff\xe2" + struct.pack(">H", 50_002) + bytes(50_000)
        whole = with_packet(PHOTOS[kind], b"<x/>", kind)
        path.write_bytes(whole[:2] + 2 * segment + whole[2:])
        assert packet_in(path) == b"<x/>"
        path.write_bytes(whole[:2] + 2 * segment)
        with pytest.raises(PictureError, match="photo: is damaged"):
            packet_in(path)
    path.write_bytes(b"")
    with pytest.raises(PictureError, match="XMP can be embedded in JPEG, PNG and WebP"):
        packet_in(path)
    with pytest.raises(PictureError, match="does not exist"):
        packet_in(tmp_path / "gone")


@pytest.mark.parametrize("kind", PHOTOS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_named_and_never_a_crash(kind, data):
    whole = PHOTOS[kind]
    cut = data.draw(st.integers(2, len(whole) - 1))
    damaged = bytearray(whole[:cut])
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    written = None
    with suppress(PictureError):  # anything else is a crash
        written = with_packet(bytes(damaged), b"<x/>", "a.jpg")
    assert written is None or packet_of(written, "a.jpg") == b"<x/>"


def test_what_does_not_fit_or_is_of_another_kind_is_refused():
    with pytest.raises(PictureError, match="does not fit into a JPEG"):
        with_packet(PHOTOS["jpeg"], b"x" * 70_000, "a.jpg")
    gif = photo("GIF")
    with pytest.raises(PictureError, match=r"a\.gif: XMP can be embedded in JPEG, PNG and WebP"):
        with_packet(gif, b"<x/>", "a.gif")


EXISTING = b"""<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<!-- by hand -->
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"
    xmlns:dc="http://purl.org/dc/elements/1.1/">
   <dc:description><rdf:Alt><rdf:li xml:lang="x-default">mine</rdf:li>
     <rdf:li xml:lang="de">meins</rdf:li></rdf:Alt></dc:description>
   <dc:subject><rdf:Bag><rdf:li>dogs</rdf:li></rdf:Bag></dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end='w'?>"""


def test_other_fields_and_languages_stay():
    kept = with_alt(EXISTING, ALT)
    assert alt_texts(kept) == {"x-default": ALT.text, "en": ALT.text}
    assert descriptions(kept) == {"x-default": "mine", "de": "meins"}
    for part in (b'xmp:Rating="4"', b"<rdf:li>dogs</rdf:li>", b"by hand", b"xpacket"):
        assert part in kept
    replaced = with_alt(kept, AltText("new", "m", "en"), overwrite=True)
    assert descriptions(replaced) == {"x-default": "new", "en": "new", "de": "meins"}
    doubted = AltText("x", "m", review=True, doubtful=("dog", "red"))
    assert with_alt(kept, doubted).count(b"doubtful") == 0  # a judgement goes with its text
    judged = with_alt(kept, doubted, overwrite=True)
    assert b"review>True<" in judged
    assert judged.count(b"doubtful") == 2
    anew = with_alt(judged, ALT, overwrite=True)
    assert b"saccade" not in anew  # not of the text before
    assert with_alt(with_alt(anew, doubted, True), ALT, True) == anew  # nothing piles up


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_any_text_in_a_new_packet(text):
    """As it is, but for characters that XML can't hold."""
    packet = with_alt(None, AltText(text, "m", "de"))
    kept = re.sub("[^\t\n\r -\ufffd\U00010000-\U0010ffff]", "", text)
    expected = {"x-default": kept, "de": kept} if kept.strip() else {}
    assert alt_texts(packet) == descriptions(packet) == expected


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (b"<a>", "damaged XMP"),
        (b"<a/>", "no rdf:RDF"),
        (b"", "damaged XMP"),
        (
            b'<!DOCTYPE x [<!ENTITY a "b">]><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
            b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>',
            "DOCTYPE",
        ),
    ],
)
def test_what_is_no_xmp_is_named(packet, message):
    with pytest.raises(DataError, match=rf"a\.xmp: .*{message}"):
        with_alt(packet, ALT, name="a.xmp")


def test_text_that_xml_can_not_hold_is_left_out():
    packet = with_alt(None, AltText("a\x00\x1b[2J dog\ud800 \U0001f415", "m"))
    assert alt_texts(packet)["en"] == "a[2J dog \U0001f415"


def test_exiftool_reads_every_field_of_500_photos(tmp_path):
    """In the files and in sidecars; its own check of the structure finds nothing new."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed (Debian: libimage-exiftool-perl)")
    texts = {}
    kinds = list(PHOTOS)
    for number in range(500):
        kind = kinds[number % len(kinds)]
        suffix = {"jpeg": "jpg"}.get(kind.split("-")[0], kind.split("-")[0])
        text = f"photo {number} – a “dog” & <b> 犬"
        path = tmp_path / f"{number}.{suffix}"
        packet = with_alt(packet_of(PHOTOS[kind], ""), AltText(text, "m", "en"), True)
        path.write_bytes(with_packet(PHOTOS[kind], packet, path.name))
        path.with_suffix(".xmp").write_bytes(with_alt(None, AltText(text, "m", "en")))
        texts[number] = text
    fields = ["-XMP-iptcCore:AltTextAccessibility", "-XMP-dc:Description"]
    fields += [f"{name}-en" for name in fields]
    done = subprocess.run(
        [program, "-j", "-G1", "-validate", "-warning", *fields, str(tmp_path)],
        capture_output=True,
        check=True,
    )
    entries = json.loads(done.stdout)
    assert len(entries) == 1000
    for entry in entries:
        text = texts[int(entry["SourceFile"].rsplit("/", 1)[1].split(".")[0])]
        found = {value for key, value in entry.items() if key.startswith("XMP")}
        assert found == {text}, entry
        assert sum(key.startswith("XMP") for key in entry) == 4
        assert "Error" not in str(entry), entry


def test_a_webp_that_was_simple_says_its_size():
    written = with_packet(PHOTOS["webp-alpha"], b"<x/>", "a.webp")
    assert written[12:16] == b"VP8X"
    (flags,) = struct.unpack_from("B", written, 20)
    assert flags & 0x04
    assert flags & 0x10
