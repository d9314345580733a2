"""Third-party clients behind our ports: one client per module, no module imports another adapter's client."""
