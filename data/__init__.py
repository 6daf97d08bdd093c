"""Data sets and problem files; README.md tells where they come from."""
