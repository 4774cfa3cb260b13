"""The core of the national directory: records, register and index; it knows no network protocol."""

__version__ = "0.1.0"
