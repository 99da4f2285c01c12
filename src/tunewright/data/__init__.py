"""Rows in, token rows out: read, split, render, encode and batch the rows of a run, with numpy and without torch."""
