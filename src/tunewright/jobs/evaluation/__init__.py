"""The jobs that measure: a run's own verdict, its evaluation, advice, comparisons, people."""
