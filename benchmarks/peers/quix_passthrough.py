"""Contender (d): Quix Streams passing bytes through, exactly once. Runs in the virtual environment of the peers.

Usage: quix_passthrough.py BOOTSTRAP SOURCE OUTPUT COUNT
"""

from __future__ import annotations

import sys

from quixstreams import Application

bootstrap, source_name, output_name, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
app = Application(
    broker_address=bootstrap,
    consumer_group=f"bench-{output_name}",
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    auto_create_topics=False,
    commit_every=2000,
    producer_extra_config={"compression.type": "lz4"},
    loglevel="WARNING",
)
source = app.topic(source_name, value_deserializer="bytes", key_deserializer="bytes")
output = app.topic(output_name, value_serializer="bytes", key_serializer="bytes")
app.dataframe(source).to_topic(output)
app.run(count=count, timeout=20.0)
