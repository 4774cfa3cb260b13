"""Results as pages: a table in Markdown and one plot for each benchmark, made from the JSON it wrote."""

from bench.report.plots import plot
from bench.report.tables import Chart, Series, Table, markdown

__all__ = ["Chart", "Series", "Table", "markdown", "plot"]
