"""The jars of Apache Kafka for the tests: fetched once with Maven into the repository's cache, and what is missing.

Two runs at once share one download: a file lock guards it, and the folder appears whole or not at all.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["CACHE", "KAFKA_VERSION", "find_kafka", "kafka_classpath"]

KAFKA_VERSION = "4.3.0"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / f"kafka-{KAFKA_VERSION}"
_JARS = CACHE / "libs"
_POM = Path(__file__).with_name("kafka-pom.xml")
_LEAST_JAVA = 17
_DOWNLOAD_WITHIN_S = 600


def find_kafka() -> str | None:
    """Say why Apache Kafka cannot run here, or return None when it can."""
    java = shutil.which("java")
    if java is None:
        return f"Apache Kafka needs Java {_LEAST_JAVA} or newer: no java program found"
    version = _java_version(java)
    if version < _LEAST_JAVA:
        return f"Apache Kafka needs Java {_LEAST_JAVA} or newer: found {version}"
    if not _JARS.is_dir() and shutil.which("mvn") is None:
        return "Apache Kafka's jars are fetched with Maven: no mvn program found"
    return None


def kafka_classpath() -> str:
    """Return the class path of Apache Kafka, fetching the jars the first time.

    Raises:
        subprocess.CalledProcessError: Maven could not fetch them.
    """
    with _locked():
        if not _JARS.is_dir():
            _download()
    return f"{_JARS}/*"


def _java_version(java: str) -> int:
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30)
    found = re.search(r'version "(\d+)', answer.stderr + answer.stdout)
    return int(found[1]) if found else 0


@contextmanager
def _locked() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download() -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        target = Path(folder) / "libs"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}"]
        subprocess.run(
            ["mvn", "-B", "-q", "-f", str(_POM), *goal],
            check=True,
            timeout=_DOWNLOAD_WITHIN_S,
            stdout=subprocess.DEVNULL,
        )
        target.rename(_JARS)
