"""The wiring: one file per verb, from a Recipe and a run folder to artifacts and verdicts."""
