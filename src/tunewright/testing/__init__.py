"""Contract kits: the tests that every plug-in and every built-in of one kind passes."""
