def null: [][0];
def true: 0 == 0;
def false: 0 != 0;
def __recurse: def rec: ., (.[]? | rec); rec;
def __empty: {}[] as $x | .;
def __first(f): first(f);
def __assign(f; $x): reduce path(f) as $path (.; __set($path; $x));
def __modify(f; g):
  reduce path(f) as $path ([., []];
    .[0] as $value
    | [first($value | (reduce $path[] as $key (.; .[$key])) | g)] as $new
    | if $new == [] then [$value, [$path] + .[1]] else [($value | __set($path; $new[0])), .[1]] end)
  | reduce .[1][] as $path (.[0]; __delete($path));
def __ltrimstr($x): ltrimstr($x);
def __rtrimstr($x): rtrimstr($x);
def contains($x): __pairs($x) | __contains($x);
def indices($x): __pairs($x) | __indices($x);
def matches($re; $flags): __regex($re; $flags) | __matches($re; $flags);
def split_matches($re; $flags): __regex($re; $flags) | __split_matches($re; $flags);
def split_($re; $flags): __regex($re; $flags) | __split_($re; $flags);
