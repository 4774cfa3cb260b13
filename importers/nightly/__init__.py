"""The nightly run: find what is new at each source, fetch it, import it, say how it went."""
