"""The nightly import at full scale, against a bare COPY of the same files."""
