"""What is measured in a process of its own: one file per tool, and the machine's own limit."""
