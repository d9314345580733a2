"""Finds texts like a given one by bands of their signatures, without comparing it with all. Pure state, no I/O.

Locality-sensitive hashing (Indyk and Motwani, STOC 1998): bands of two minima each, some of the whole text and some of its
lead. With eight bands a text that shares half of its shingles is found with a probability of 0.90, one that shares three
quarters with 0.998, an unrelated one hardly ever; whole and lead together miss one copy in a hundred.
"""

from __future__ import annotations

import operator
import struct

from workers.formats.text_signature import LEAD_MINIMA, MINIMA, SIGNATURE_LAYOUT

__all__ = ["FEW_BANDS", "MANY_BANDS", "TextIndex", "resemblance"]

# Bands of the whole and of the lead.
MANY_BANDS, FEW_BANDS = (12, 8), (0, 8)
_BAND_BITS = 32
_CUT_SHORT = 0.6
_FEWEST_SHARED = 8


class TextIndex:
    """Signatures by band. Each stands for whatever `owner` its caller gave."""

    def __init__(self, bands: tuple[int, int] = MANY_BANDS) -> None:
        whole, lead = bands
        self._whole = struct.Struct(f"<{whole}I")
        self._lead = struct.Struct(f"<{lead}I")
        self._numbers = tuple(number << _BAND_BITS for number in range(whole + lead))
        self._bands: dict[int, list[tuple[bytes, str]]] = {}

    def add(self, signature: bytes, owner: str) -> None:
        """From now on `signature` is found, as `owner`'s."""
        entry = (signature, owner)
        for band in self._of(signature):
            known = self._bands.get(band)
            if known is None:
                self._bands[band] = [entry]
            else:
                known.append(entry)

    def remove(self, signature: bytes, owner: str) -> None:
        """Takes back one `add`."""
        for band in self._of(signature):
            entries = self._bands[band]
            entries.remove((signature, owner))
            if not entries:
                del self._bands[band]

    def near(self, signature: bytes) -> dict[str, float]:
        """The owners of signatures that share a band, with the greatest resemblance of each."""
        found: dict[str, float] = {}
        hits = {entry for band in self._of(signature) if band in self._bands for entry in self._bands[band]}
        for other, owner in hits:
            found[owner] = max(found.get(owner, 0.0), resemblance(signature, other))
        return found

    def _of(self, signature: bytes) -> list[int]:
        """Each band's minima with the band's number above them, so that equal minima of different bands do not meet."""
        if not signature:
            return []
        minima = self._whole.unpack_from(signature) + self._lead.unpack_from(signature, 2 * MINIMA)
        return list(map(operator.or_, self._numbers, minima))

    def __len__(self) -> int:
        return len(self._bands)


def resemblance(one: bytes, other: bytes) -> float:
    """The estimated Jaccard index of two texts' shingles, or of their leads' where that is greater.

    Where one text was cut short, the share of it that lies in the other counts instead: if it is most of it, and enough
    to be no coincidence.
    """
    *mine, ours, our_lead = SIGNATURE_LAYOUT.unpack(one)
    *theirs, others, other_lead = SIGNATURE_LAYOUT.unpack(other)
    whole = sum(map(operator.eq, mine[:MINIMA], theirs[:MINIMA])) / MINIMA
    lead = sum(map(operator.eq, mine[MINIMA:], theirs[MINIMA:])) / LEAD_MINIMA
    return max(_alike(whole, ours, others), _alike(lead, our_lead, other_lead))


def _alike(jaccard: float, ours: int, others: int) -> float:
    shared = jaccard * (ours + others) / (1 + jaccard)
    share = min(1.0, shared / min(ours, others))
    return max(jaccard, share) if share >= _CUT_SHORT and shared >= _FEWEST_SHARED else jaccard
