"""What is wrong with a file, every fault of every record in one pass, and a copy without what can be mended."""
