"""What a net costs as a function of its sizes: totals as formulas, tables over sizes, sizes that are judged."""
