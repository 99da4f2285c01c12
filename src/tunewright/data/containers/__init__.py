"""How records lie in a file: one file per layout, read as a stream in bounded memory; and how they are written."""
