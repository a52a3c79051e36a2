"""Walks all networks of a MaxMind database, however broken it is.

The library's fast C reader crashes the process on some broken trees, and its Python reader fails on networks that
contain all of IPv4. So this module walks the tree by the format's specification, and the library decodes metadata and
records.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
from maxminddb.decoder import Decoder

_SEPARATOR = 16
"""Bytes between the tree and the records."""

_V4_BITS, _V6_BITS = 32, 128


class BrokenTree(ValueError):
    """Raised for a tree with an invalid structure."""


class Found(NamedTuple):
    """A network: its first address, IP version, prefix length and record."""

    first: int
    version: int
    prefix: int
    record: Any


def edition_of(path: Path) -> str:
    """The database's edition, from its metadata."""
    with maxminddb.open_database(str(path), maxminddb.MODE_MEMORY) as database:
        return str(database.metadata().database_type)


def walk(path: Path) -> Iterator[Found]:
    """Yield each network that has a record. Networks with the same record in the file share one object."""
    content = path.read_bytes()
    with maxminddb.open_database(str(path), maxminddb.MODE_MEMORY) as database:
        metadata = database.metadata()
    tree = _Tree(content, metadata.node_count, metadata.record_size)
    bits = _V6_BITS if metadata.ip_version == 6 else _V4_BITS
    for number, depth, record in tree.leaves(bits):
        # IPv4 networks begin with 96 zeros in an IPv6 tree.
        if bits == _V4_BITS or (depth >= _V6_BITS - _V4_BITS and number >> (depth - 96) == 0):
            prefix = depth - (bits - _V4_BITS)
            yield Found(number << (_V4_BITS - prefix), 4, prefix, record)
        else:
            yield Found(number << (_V6_BITS - depth), 6, depth, record)


class _Tree:
    def __init__(self, content: bytes, nodes: int, record_bits: int) -> None:
        if record_bits not in {24, 28, 32} or nodes * record_bits // 4 > len(content):
            raise BrokenTree("The tree is larger than the file.")
        self._content, self._nodes, self._bits = content, nodes, record_bits
        self._size = nodes * record_bits // 4
        self._decoder = Decoder(content, self._size + _SEPARATOR)
        self._records: dict[int, Any] = {}

    def leaves(self, bits: int) -> Iterator[tuple[int, int, Any]]:
        """Yield the prefix of each network as a number, with its length and record."""
        v4_root = self._v4_root() if bits == _V6_BITS else -1
        left = self._nodes
        stack = [(0, 0, 0)]
        while stack:
            node, number, depth = stack.pop()
            if node > self._nodes:
                yield number, depth, self._record(node)
            # Other paths into IPv4 (such as 6to4) lead to the same networks again.
            if node >= self._nodes or (node == v4_root and number != 0):
                continue
            left -= 1
            if left < 0 or depth >= bits:
                raise BrokenTree("The tree has a cycle.")
            one, other = self._children(node)
            stack.append((other, number << 1 | 1, depth + 1))
            stack.append((one, number << 1, depth + 1))

    def _v4_root(self) -> int:
        node = 0
        for _ in range(_V6_BITS - _V4_BITS):
            if node >= self._nodes:
                break
            node = self._children(node)[0]
        return node

    def _children(self, node: int) -> tuple[int, int]:
        width = self._bits // 4
        pair = int.from_bytes(self._content[node * width : (node + 1) * width], "big")
        if self._bits == 28:
            # The byte in the middle has the highest four bits of both.
            return pair >> 32 | (pair >> 28 & 0xF) << 24, pair & 0xFFFFFFF
        return pair >> self._bits, pair & (1 << self._bits) - 1

    def _record(self, pointer: int) -> Any:
        if pointer not in self._records:
            place = pointer - self._nodes + self._size
            if not self._size + _SEPARATOR <= place < len(self._content):
                raise BrokenTree("The tree points outside the file.")
            self._records[pointer] = self._decoder.decode(place)[0]
        return self._records[pointer]
