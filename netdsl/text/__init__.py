"""Text to syntax tree and back: places, words, automaton, tree, what a mistake meant, the canonical form."""
