"""The parts of the analyzer: what a report holds, receptive fields, memory, explanations, budgets."""
