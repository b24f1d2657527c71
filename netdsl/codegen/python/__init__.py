"""What the Python source of any target needs: uses of blocks told apart, numbers traced to names, and the text.

`source.python_source(net, dialect)` gives the source of a file: one class a block, its settings as constructor
arguments, the net's own class last (`source.net_class_name`). What a target gives is one `dialect.Dialect`:

- its rules, which take an operation and give a `spelling.Spelling`: the module to construct, the expression to
  calculate, or both, as data (`Made`, `Infix`) in which a number may become an argument of the class;
- the words of its modules (`module`, `sequence`, `table`, `forward`, ...) and the import lines of a file (`header`);
- the names that its modules and imports have taken already, and the signatures of what the rules call, so that a
  setting at its default is left out;
- forms that not every target needs: how a weight starts (`start`), where rules give `init`, and how a recurrent block
  runs (`unrolling`). Without the latter a recurrent block is an error at its place, as is an operation without a rule.

Nothing here knows a target, and no library is imported: the source is only text.
"""
