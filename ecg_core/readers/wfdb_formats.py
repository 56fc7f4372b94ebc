"""WFDB's storage formats, decoded with numpy (https://wfdb.io/spec/signal.html)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.readers.files import Buffer

IntArray = NDArray[np.signedinteger]


@dataclass(frozen=True)
class Storage:
    """How a format stores samples.

    Attributes
    ----------
    samples, bytes : samples in a group that begins and ends at a byte, and its bytes.
    missing : the digital value that stands for a missing sample, None where the format has none.
    bits : of a sample.
    """

    samples: int
    bytes: int
    missing: int | None
    bits: int


STORAGE = {
    8: Storage(1, 1, None, 32),
    16: Storage(1, 2, -(1 << 15), 16),
    24: Storage(1, 3, -(1 << 23), 24),
    32: Storage(1, 4, -(1 << 31), 32),
    61: Storage(1, 2, -(1 << 15), 16),
    80: Storage(1, 1, -(1 << 7), 8),
    160: Storage(1, 2, -(1 << 15), 16),
    212: Storage(2, 3, -(1 << 11), 12),
    310: Storage(3, 4, -(1 << 9), 10),
    311: Storage(3, 4, -(1 << 9), 10),
}
COMPRESSED = {508: Storage(1, 1, -(1 << 7), 8), 516: Storage(1, 2, -(1 << 15), 16), 524: Storage(1, 3, -(1 << 23), 24)}
"""FLAC inside; decoded by the wfdb package."""


def byte_range(fmt: int, n: int) -> tuple[int, int]:
    """Return the fewest and most bytes that `n` samples may take: the last group may be cut or padded."""
    storage = STORAGE[fmt]
    whole = -(-n // storage.samples) * storage.bytes
    if fmt == 212 or storage.samples == 1:
        return -(-n * storage.bytes // storage.samples), whole
    # 310 and 311: the first of three samples ends in the second byte, the second in the last (311: the third)
    part = {0: 0, 1: 2, 2: 4 if fmt == 310 else 3}[n % 3]
    return n // 3 * 4 + part, whole


def decode(buffer: Buffer, fmt: int, offset: int, start: int, stop: int) -> IntArray:
    """Return samples [start, stop), counted over all signals of the file, as stored.

    Format 8 gives differences; its sums are the reader's work.
    """
    storage = STORAGE[fmt]
    if storage.samples == 1 and fmt != 24:
        return _aligned(buffer, fmt, offset + start * storage.bytes, stop - start)
    first = start // storage.samples
    last = -(-stop // storage.samples)
    begin = offset + first * storage.bytes
    n_bytes = min((last - first) * storage.bytes, len(buffer) - begin)
    raw = np.frombuffer(buffer, np.uint8, n_bytes, begin)
    short = (last - first) * storage.bytes - n_bytes
    if short:
        raw = np.concatenate([raw, np.zeros(short, np.uint8)])
    groups = raw.reshape(-1, storage.bytes)
    lead_in = start - first * storage.samples
    return _UNALIGNED[fmt](groups).reshape(-1)[lead_in : lead_in + stop - start]


def _aligned(buffer: Buffer, fmt: int, begin: int, n: int) -> IntArray:
    if fmt == 80:
        return np.frombuffer(buffer, np.uint8, n, begin).astype(np.int16) - 128
    if fmt == 160:
        return np.frombuffer(buffer, "<u2", n, begin).astype(np.int32) - 32768
    return np.frombuffer(buffer, {8: "i1", 16: "<i2", 32: "<i4", 61: ">i2"}[fmt], n, begin)


def _signed(x: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
    """Return two's complement of the lower `bits`."""
    half = 1 << (bits - 1)
    return ((x & ((1 << bits) - 1)) ^ half) - half


def _decode_24(b: NDArray[np.uint8]) -> IntArray:
    wide = np.zeros((len(b), 4), np.uint8)
    wide[:, 1:] = b
    return wide.view("<i4")[:, 0] >> 8


def _decode_212(b: NDArray[np.uint8]) -> IntArray:
    low, middle, high = (b[:, k].astype(np.int16) for k in range(3))
    pair = np.empty((len(b), 2), np.int16)
    pair[:, 0] = low | ((middle & 0x0F) << 8)
    pair[:, 1] = high | ((middle & 0xF0) << 4)
    return (pair ^ 2048) - 2048


def _decode_310(b: NDArray[np.uint8]) -> IntArray:
    first, second = (b[:, k].astype(np.int32) | (b[:, k + 1].astype(np.int32) << 8) for k in (0, 2))
    third = ((first >> 11) & 0x1F) | (((second >> 11) & 0x1F) << 5)
    return _signed(np.stack([first >> 1, second >> 1, third], axis=1), 10)


def _decode_311(b: NDArray[np.uint8]) -> IntArray:
    word = np.ascontiguousarray(b).view("<u4")[:, 0].astype(np.int64)
    return _signed(np.stack([word, word >> 10, word >> 20], axis=1).astype(np.int32), 10)


_UNALIGNED = {24: _decode_24, 212: _decode_212, 310: _decode_310, 311: _decode_311}
