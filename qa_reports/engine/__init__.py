"""Surveys larger than memory: sums over interviews by an engine (DuckDB, or Spark), through Ibis."""
