"""Bytes to types and back: raw items in; tagged events, dead letters and their headers out. No I/O, no clients."""
