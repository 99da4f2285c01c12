"""Did the tuned model learn its rows by heart, see its test, or forget the rest? One number for each, and a gate."""
