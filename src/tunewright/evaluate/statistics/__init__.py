"""What the scores of an evaluation prove: intervals of each column, paired tests between columns, and what this many
rows could have shown at all.

Scores in, numbers out (numpy and the standard library). Rows of one group are rephrasings of one thing: wherever groups
are given, the group and not the row is the unit of evidence. Every figure is the same for the same seed, and for the
same rows in any order. Does not know what was graded, or what the numbers are for.
"""
