"""The broker and the cache that make the demo and the tests run with nothing installed.

No production service: one node, loopback only, no replication, no security. Nothing outside the demo, the
command line's `demo` command and the tests may import from here.
"""
