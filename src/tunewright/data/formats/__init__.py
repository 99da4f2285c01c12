"""Which shapes a record may have: one file per format, each with `NAME`, `detect` and `parse`."""
