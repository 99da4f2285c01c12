"""Which rows say the same, exactly or nearly: clusters inside a set, leaks between sets, and which row stays."""
