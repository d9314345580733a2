"""Contender (d): Faust passing bytes through. Runs in the virtual environment of the peers.

Usage: faust_passthrough.py BOOTSTRAP SOURCE OUTPUT COUNT
"""

from __future__ import annotations

import os
import sys
import tempfile

import faust

bootstrap, source_name, output_name, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
app = faust.App(
    f"bench-{output_name}",
    broker=f"kafka://{bootstrap}",
    web_enabled=False,
    topic_allow_declare=False,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    producer_acks=-1,
    producer_compression_type="lz4",
    stream_wait_empty=False,
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="shirase-bench-faust-"),
)
source = app.topic(source_name, value_serializer="raw", key_serializer="raw")
output = app.topic(output_name, value_serializer="raw", key_serializer="raw")
seen = 0


@app.agent(source)
async def copy(stream: faust.StreamT[bytes]) -> None:
    """Sends every value on."""
    global seen  # noqa: PLW0603 - one agent, one process, gone at the end
    async for event in stream.events():
        await output.send_soon(key=event.key, value=event.value)
        seen += 1
        if seen >= count:
            await app.producer.flush()
            os._exit(0)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "warn"]
    app.main()
