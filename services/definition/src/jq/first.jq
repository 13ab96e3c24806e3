def null: [][0];
def true: 0 == 0;
def false: 0 != 0;
def __recurse: def rec: ., (.[]? | rec); rec;
def contains($x): __pairs($x) | __contains($x);
def indices($x): __pairs($x) | __indices($x);
def matches($re; $flags): __regex($re; $flags) | __matches($re; $flags);
def split_matches($re; $flags): __regex($re; $flags) | __split_matches($re; $flags);
def split_($re; $flags): __regex($re; $flags) | __split_($re; $flags);
