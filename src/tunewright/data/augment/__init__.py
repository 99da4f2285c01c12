"""New rows from old ones that mean the same: noise, other wordings, balance; the answer of a row is never touched."""
