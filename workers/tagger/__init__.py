"""The hot path: records in, tagged events and dead letters out, offsets with them. Reaches the world through ports only."""
