"""Reading costs in proportion to the text, whatever the text is."""

from __future__ import annotations

import gc
from time import process_time

import pytest

from workers.classify import Reader
from workers.model import RawItem

SMALL, LARGE = 1 << 17, 1 << 20
# Eight times the text costs eight times as much where reading is linear, and sixty-four where it is quadratic. A text of a
# MiB leaves the processor's caches, and beside other work twenty were seen for a linear one.
RATIO_MOST = 40.0
ATTEMPTS = 4
UNITS = {
    "names": "China hackers ",
    "names and commas": "Lazarus, Lazarus, ",
    "one long word": "a",
    "nested brackets": "[(<{",
    "combining signs": "e\u0301\u0327",
    "nul and surrogates": "\x00\ud800",
    "newlines": "\n",
    "spaces": " ",
    "dots": "a.b.c.d.",
    "dot runs": "a.b.",
    "schemes": "hxxp://",
    "addresses": "hxxp://a[.]b ",
    "commas": "by China, ",
    "designators": "UNC12345. ",
    "guarded designators": "Storm-",
    "gangs": "LockBit gang. ",
    "groups": "the Lazarus gang and Play ransomware gang, ",
    "countries that share a name": "Georgia ",
    "aims": "China hackers steal data, ",
    "roles": "attacked China by Russia, ",
    "japanese": "中国",
    "japanese roles": "中国のハッカーが日本を攻撃、",
    "forms that fail at their end": "United Statesx ",
    "abbreviations that are none": "East. ",
    "vulnerabilities": "CVE-2024-1234 ",
    "techniques": "T1566 ",
    "organisations": "Acme Bank Inc. was hacked. ",
    "embassies": "hacked the Chinese embassy in France, ",
    "branches": "hacked Kenya's Russian branch, ",
    "accusers": "France and Italy say, ",
    "languages": "in Chinese, Russian, ",
}
MARKUP = {
    "names in markup": "China <b>hackers</b> ",
    "open angles": "<",
    "angles": "<a",
    "tags": "<b>",
    "scripts never closed": "<script>",
    "a script half closed": "<script>",
    "entities": "&amp;",
    "ampersands": "&",
}


def cost(reader: Reader, item: RawItem) -> float:
    """Seconds of the processor, without the collector's walks over all that the test run has built."""
    gc.collect()
    gc.disable()
    try:
        started = process_time()
        reader.read(item)
        return process_time() - started
    finally:
        gc.enable()


def item_of(name: str, size: int) -> RawItem:
    unit = UNITS.get(name) or MARKUP[name]
    text = unit * (size // len(unit.encode("utf-8", "surrogatepass")))
    if name == "a script half closed":
        text += "</script"
    return RawItem(title="Report", body=text, content_type="text/html" if name in MARKUP else "text/plain")


def is_linear(reader: Reader, small: RawItem, large: RawItem) -> bool:
    """Whatever else the machine does can make one measurement dear, and not all of them."""
    least = cost(reader, small), cost(reader, large)
    for _ in range(ATTEMPTS - 1):
        if least[1] <= RATIO_MOST * least[0]:
            break
        least = min(least[0], cost(reader, small)), min(least[1], cost(reader, large))
    return least[1] <= RATIO_MOST * least[0]


@pytest.mark.parametrize("name", [*UNITS, *MARKUP])
def test_no_text_makes_reading_super_linear(reader: Reader, name: str) -> None:
    assert is_linear(reader, item_of(name, SMALL), item_of(name, LARGE))


@pytest.mark.parametrize("unit", ["Play ", "Silence. ", "Georgia, "])
def test_no_title_makes_reading_super_linear(reader: Reader, unit: str) -> None:
    small, large = (RawItem(title=unit * (size // len(unit)), body="x") for size in (SMALL, LARGE))
    assert is_linear(reader, small, large)
