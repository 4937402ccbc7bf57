"""Packs a deb's files more tightly.

    packaging/repack.py FILE.deb

nfpm's own xz makes it a quarter larger than xz itself would. The archive stays the same but for its data.tar.xz; the same input gives the same
bytes with one version of liblzma. See deb(5) and ar(5) for the format.
"""
import lzma
import sys
from pathlib import Path

MAGIC = b"!<arch>\n"
HEADER = 60
END = b"`\n"


def members(archive: bytes):
    """Each member's header and content, in their order."""
    if not archive.startswith(MAGIC):
        sys.exit("repack: this is no ar archive")
    at = len(MAGIC)
    while at < len(archive):
        header = archive[at:at + HEADER]
        if len(header) != HEADER or not header.endswith(END):
            sys.exit(f"repack: no member of an ar archive at byte {at}")
        size = int(header[48:58])
        yield header, archive[at + HEADER:at + HEADER + size]
        # Members begin at even places.
        at += HEADER + size + size % 2


def repacked(archive: bytes) -> bytes:
    """The same archive with its data.tar.xz packed anew."""
    out, found = bytearray(MAGIC), False
    for header, content in members(archive):
        if header[:16].rstrip(b" /") == b"data.tar.xz":
            content = lzma.compress(lzma.decompress(content), preset=9 | lzma.PRESET_EXTREME)
            header = header[:48] + f"{len(content):<10}".encode() + END
            found = True
        out += header + content + b"\n" * (len(content) % 2)
    if not found:
        sys.exit("repack: there is no data.tar.xz")
    return bytes(out)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    file = Path(sys.argv[1])
    file.write_bytes(repacked(file.read_bytes()))


main()
