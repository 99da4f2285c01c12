"""The one loop: batch → objective → step. Knows no method and no topology."""
