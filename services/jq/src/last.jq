def setpath($path; $x): __set($path; $x);

def delpaths($paths): reduce ($paths | sort | reverse[]) as $path (.; __delete($path));
def del(f):
  [path(f)] as $paths
  | if any($paths[][]; isobject) then f |= empty else delpaths($paths) end;
def pick(f): . as $all | reduce path(f) as $path (null; setpath($path; $all | getpath($path)));

def walk(f):
  def w:
    if isobject then map_values(w) elif isarray then map(w) else . end | f;
  w;

def join($s):
  def text: if . == null then "" elif isarray or isobject then error("join needs strings") else tostring end;
  [.[] | text] | if . == [] then "" else .[0] + (reduce .[1:][] as $x (""; . + $s + $x)) end;

def from_entries:
  def name: if isstring then . else tojson end;
  reduce .[] as $x ({};
    . + { ($x | (if has("key") then .key elif has("k") then .k elif has("name") then .name
                 elif has("Name") then .Name elif has("Key") then .Key elif has("K") then .K
                 else null end) | name):
          ($x | if has("value") then .value elif has("v") then .v elif has("Value") then .Value
                elif has("V") then .V else null end) });
def with_entries(f): to_entries | map(f) | from_entries;

def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; f): reduce stream as $row ({}; . + {($row | f | tostring): $row});
def INDEX(f): INDEX(.[]; f);
def JOIN($index; f): [.[] | [., $index[f]]];
def JOIN($index; stream; f): stream | [., $index[f]];
def JOIN($index; stream; f; g): stream | [., $index[f]] | g;
def nth($n; f): if $n < 0 then error("nth needs a number from 0") else first(skip($n; f)) end;
def ascii: [.] | implode;
def toarray: if isarray then . else [.] end;
def ltrimstr($x): if isstring and ($x | isstring) then __ltrimstr($x) else . end;
def rtrimstr($x): if isstring and ($x | isstring) then __rtrimstr($x) else . end;
def trimstr($x): ltrimstr($x) | rtrimstr($x);
def leaf_paths: paths(scalars);
def date: todate;
def dateadd(u; n): . + n;
def datesub(u; n): . - n;

def tostream:
  path(def r: (.[]? | r), .; r) as $p
  | getpath($p)
  | reduce path(.[]?) as $q ([$p, .]; [$p + $q]);
def fromstream(f):
  { x: null, e: false } as $init
  | foreach f as $i ($init;
      if .e then $init else . end
      | if $i | length == 2
        then . + {e: ($i[0] | length == 0), x: (.x | __set($i[0]; $i[1]))}
        else . + {e: ($i[0] | length == 1)} end;
      if .e then .x else empty end);

def @base64d:
  tostring | rtrimstr("=") | rtrimstr("=") | . + ["", "", "==", "="][length % 4] | decode_base64;

def __csv:
  if isstring then "\"" + gsub("\""; "\"\"") + "\""
  elif . == null then ""
  elif isarray or isobject then error("@csv and @tsv need scalars")
  else tojson end;
def @csv: map(__csv) | join(",");
def __tsv:
  if isstring then gsub("\\\\"; "\\\\") | gsub("\t"; "\\t") | gsub("\n"; "\\n") | gsub("\r"; "\\r")
  else __csv end;
def @tsv: map(__tsv) | join("\t");
