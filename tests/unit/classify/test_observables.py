from __future__ import annotations

import pytest

from workers.classify import Reader
from workers.model import RawItem


def found(reader: Reader, text: str) -> set[tuple[str, str]]:
    return {(indicator.type, indicator.value) for indicator in reader.read(RawItem(body=text)).indicators}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C2 at evil-domain[.]com today", ("domain-name", "evil-domain.com")),
        ("C2 at evil-domain(dot)xyz today", ("domain-name", "evil-domain.xyz")),
        ("hxxp://bad-host[.]ru/x.php was seen", ("url", "http://bad-host.ru/x.php")),
        ("the address 45.77[.]12[.]9 answered", ("ipv4-addr", "45.77.12.9")),
        ("mail from spy[@]bad-mail.cn arrived", ("email-addr", "spy@bad-mail.cn")),
        ("hash d41d8cd98f00b204e9800998ecf8427e seen", ("file-hash-md5", "d41d8cd98f00b204e9800998ecf8427e")),
        ("key HKLM\\Software\\Run\\evil set", ("windows-registry-key", "HKLM\\Software\\Run\\evil")),
        ("drops C:\\Users\\Public\\a.exe there", ("file-path", "C:\\Users\\Public\\a.exe")),
        (
            "pays to bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
            ("cryptocurrency-wallet", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        ),
        (
            "pays to 0x52908400098527886E0F7030069857D2E4169EE7",
            ("cryptocurrency-wallet", "0x52908400098527886E0F7030069857D2E4169EE7"),
        ),
        ("leak site abcdefghij234567.onion opened", ("onion-address", "abcdefghij234567.onion")),
    ],
)
def test_indicators(reader: Reader, text: str, expected: tuple[str, str]) -> None:
    assert expected in found(reader, text)


@pytest.mark.parametrize(
    "text",
    [
        "See https://www.microsoft.com/security for details",
        "version 10.0.0.1 and 127.0.0.1",
        "Read node.js docs",
        "e.g. this",
        "192.168.1.1 inside",
        "the 999.999.999.999 value",
    ],
)
def test_benign_values_are_no_indicators(reader: Reader, text: str) -> None:
    assert found(reader, text) == set()


def test_as_written_is_kept(reader: Reader) -> None:
    indicator = reader.read(RawItem(body="at evil-domain[.]com")).indicators[0]
    assert indicator.as_written == "evil-domain[.]com"


def test_revoked_technique_becomes_its_successor(reader: Reader) -> None:
    identifiers = {technique.id for technique in reader.read(RawItem(body="They used T1086 and T9999.")).techniques}
    assert identifiers == {"T1059.001"}
