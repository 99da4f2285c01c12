"""Which shapes a record may have: one file per format, each with what `format.Format` asks for."""
