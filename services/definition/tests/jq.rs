//! Expressions: what they give, and what they cannot do.

mod common;

use std::time::Duration;

use common::{eval, eval_within};
use kintsugi_definition::Limits;
use serde_json::{Value, json};

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn expressions_give_what_jq_gives() {
    let input =
        json!({"a": {"b": [1, 2, 3]}, "s": "x", "n": 9_007_199_254_740_993_u64, "nul": null});
    for (code, expected) in [
        (".", input.clone()),
        (".a.b", json!([1, 2, 3])),
        (".missing.deep", json!(null)),
        (".n", json!(9_007_199_254_740_993_u64)),
        (".n + 1", json!(9_007_199_254_740_994_u64)),
        ("\"plain\"", json!("plain")),
        ("12", json!(12)),
        ("1.0", json!(1.0)),
        (".a.b | map(. * 2)", json!([2, 4, 6])),
        ("[.a.b[] * (1,10)]", json!([1, 10, 2, 20, 3, 30])),
        (".a.b | add", json!(6)),
        ("\"Hello \\(.s)\"", json!("Hello x")),
        (".s * 3", json!("xxx")),
        ("empty", json!(null)),
        // What jaq refuses to update and jq makes.
        ("[] | .[length] = 1", json!([1])),
        ("reduce range(3) as $i (null; .[$i] = $i)", json!([0, 1, 2])),
        ("{} | (.a.x, .b.y) = 1", json!({"a": {"x": 1}, "b": {"y": 1}})),
        ("{} | .[\"a\", \"b\"] += 1", json!({"a": 1, "b": 1})),
        ("[{}] | .[].a.b |= 5", json!([{"a": {"b": 5}}])),
        ("{} | (.a, .b)[0] //= 2", json!({"a": [2], "b": [2]})),
        ("[[1, 2], null] | .[][1] |= empty", json!([[1], null])),
        ("\"cWl4YmF6Cg\" | @base64d", json!("qixbaz\n")),
        ("[nth(1, 2; .a.b[])]", json!([2, 3])),
        ("[[3]] | JOIN({\"3\": 4}; .[0] | tostring)", json!([[[3], 4]])),
        ("{a: 1, b: .s}", json!({"a": 1, "b": "x"})),
        ("[range(3)]", json!([0, 1, 2])),
        ("[range(0; 10; 3)]", json!([0, 3, 6, 9])),
        ("[.a.b[] | select(. > 1)] | length", json!(2)),
        ("reduce .a.b[] as $x (0; . + $x)", json!(6)),
        ("[foreach .a.b[] as $x (0; . + $x)]", json!([1, 3, 6])),
        ("[limit(3; repeat(1))]", json!([1, 1, 1])),
        ("first(range(10))", json!(0)),
        ("[.. | numbers] | length", json!(4)),
        (".a.b |= map(. + 1) | .a.b", json!([2, 3, 4])),
        (".a.b[0] = 7 | .a.b", json!([7, 2, 3])),
        (".s *= 2 | .s", json!("xx")),
        ("del(.a) | keys", json!(["n", "nul", "s"])),
        ("to_entries | map(.key)", json!(["a", "n", "nul", "s"])),
        ("[{name: \"k\", value: 1}] | from_entries", json!({"k": 1})),
        ("[1, null, \"a\"] | join(\",\")", json!("1,,a")),
        ("[] | join(\",\")", json!("")),
        ("\"a,b\" | split(\",\")", json!(["a", "b"])),
        ("\"abc\" | test(\"B\"; \"i\")", json!(true)),
        ("\"abc\" | gsub(\"b\"; \"x\")", json!("axc")),
        ("[1,[2]] | flatten", json!([1, 2])),
        ("2 | IN(1, 2)", json!(true)),
        ("[1, \"a\\\"b\", null] | @csv", json!("1,\"a\"\"b\",")),
        ("[\"a\\tb\"] | @tsv", json!("a\\tb")),
        ("\"a b\" | @uri", json!("a%20b")),
        ("\"x\" | @base64", json!("eA==")),
        ("{a: [1]} | tojson", json!("{\"a\":[1]}")),
        ("\"[1,{\\\"a\\\":2}]\" | fromjson", json!([1, {"a": 2}])),
        ("\"12\" | tonumber", json!(12)),
        ("try error(\"x\") catch .", json!("x")),
        (".nul // \"d\"", json!("d")),
        ("[{g: 1, v: 1}, {g: 2, v: 2}, {g: 1, v: 3}] | group_by(.g) | map(length)", json!([2, 1])),
        ("[[1,2],[3]] | walk(if isnumber then . + 1 else . end)", json!([[2, 3], [4]])),
        ("\"2015-03-05T23:51:47Z\" | fromdate", json!(1_425_599_507)),
        ("1425599507 | todate", json!("2015-03-05T23:51:47Z")),
        ("def f($n): if $n == 0 then 0 else 1 + f($n - 1) end; f(300)", json!(300)),
        ("def f: if . == 0 then . else . - 1 | f end; 10000 | f", json!(0)),
        (". as {a: {b: [$x, $y]}} | $x + $y", json!(3)),
        ("label $out | 1, break $out", json!(1)),
        ("[paths] | length", json!(8)),
        ("\"abc\" | contains(\"b\")", json!(true)),
        ("\"a-b-c\" | indices(\"-\")", json!([1, 3])),
        ("[1, 2, 1] | index(1)", json!(0)),
        ("{\"a\": 1} | has(\"a\")", json!(true)),
        ("[3, 1, 2] | sort", json!([1, 2, 3])),
        ("[{a: 2}, {a: 1}] | sort_by(.a) | map(.a)", json!([1, 2])),
        ("[1, 2] | tostream", json!([[0], 1])),
        ("fromstream([1, [2]] | tostream)", json!([1, [2]])),
        ("null | not", json!(true)),
        ("-(.a.b[0])", json!(-1)),
        ("\"test\" | ltrimstr(\"t\") | ascii_upcase", json!("EST")),
        ("{} | .a.b = 1", json!({"a": {"b": 1}})),
        ("null | .a[1] = 1", json!({"a": [null, 1]})),
        ("{} | .a.b += 1", json!({"a": {"b": 1}})),
        ("{a: 2} | .a *= 3", json!({"a": 6})),
        ("{} | .a.b //= 4", json!({"a": {"b": 4}})),
        ("{a: {b: 1}} | .a.b |= . + 1", json!({"a": {"b": 2}})),
        ("{} | .a.b |= 5", json!({"a": {"b": 5}})),
        ("{a: 1, b: 2} | .a |= empty", json!({"b": 2})),
        ("[{a: 1} | .a = (2, 3)] | map(.a)", json!([2, 3])),
        ("{} | setpath([\"a\", \"b\"]; 1)", json!({"a": {"b": 1}})),
        ("[[1, 2], [3]] | .[0][1] = 9", json!([[1, 9], [3]])),
        ("[{a: 1}, {a: 2}] | .[].a += 1 | map(.a)", json!([2, 3])),
        ("{} | del(.a.b)", json!({})),
        ("null | del(.a)", json!(null)),
        ("[1, 2, 3] | del(.[0, 2])", json!([2])),
        ("[1, 2, 3] | map_values(select(. > 1))", json!([2, 3])),
        ("{a: 1, b: 2} | with_entries(.value += 1)", json!({"a": 2, "b": 3})),
        ("{a: null} | .a.b.c", json!(null)),
        ("@json \"v \\(.a.b)\"", json!("v [1,2,3]")),
        ("@uri \"?q=\\(.s + \" \")\"", json!("?q=x%20")),
        ("@sh \"echo \\(.s)\"", json!("echo 'x'")),
        ("\"<\" | @html", json!("&lt;")),
        ("\"eA==\" | @base64d", json!("x")),
        ("[.a.b[] as $x | $x * $x]", json!([1, 4, 9])),
        ("\"a1b2\" | [scan(\"[0-9]\")]", json!(["1", "2"])),
        ("\"k=v\" | capture(\"(?<k>\\\\w)=(?<v>\\\\w)\")", json!({"k": "k", "v": "v"})),
        ("\"aXbX\" | sub(\"X\"; \"-\")", json!("a-bX")),
        ("\"a, b\" | [splits(\", *\")]", json!(["a", "b"])),
        ("[1, 5, 3] | (min, max)", json!(1)),
        ("[{a: 2}, {a: 1}] | min_by(.a)", json!({"a": 1})),
        ("[1, 1, 2] | unique", json!([1, 2])),
        ("[true, false] | (any, all)", json!(true)),
        ("[1, [2]] | getpath([1, 0])", json!(2)),
        ("[[1, 2], [3, 4]] | transpose", json!([[1, 3], [2, 4]])),
        ("\"2024-01-02\" | strptime(\"%Y-%m-%d\") | mktime", json!(1_704_153_600)),
        ("0 | strftime(\"%Y\")", json!("1970")),
        ("[..]|length", json!(9)),
        ("[.[]?]|length", json!(4)),
        ("[1, null, 2] | map(values)", json!([1, 2])),
        ("\"x\" | ascii_downcase | explode | implode", json!("x")),
        ("[\"a\", 1] | map(type)", json!(["string", "number"])),
        ("[4, 9] | map(sqrt | floor)", json!([2, 3])),
        ("pow(2; 10)", json!(1024.0)),
        ("5 % 3", json!(2)),
        ("10 / 4", json!(2.5)),
        ("[3, 1] | first, last", json!(3)),
        ("[range(5)] | .[2:4]", json!([2, 3])),
        ("[1, 2] | contains([1])", json!(true)),
        ("{a: {b: 1}} | [paths(type == \"number\")]", json!([["a", "b"]])),
        ("{a: 1} | to_entries | from_entries", json!({"a": 1})),
        ("[{id: 1}, {id: 2}] | INDEX(.id) | keys", json!(["1", "2"])),
        ("\"abc\" | .[1:]", json!("bc")),
        ("[1, 2, 3] | IN([1, 2, 3])", json!(true)),
        ("[limit(2; .a.b[])]", json!([1, 2])),
        (
            "[.a.b | .[] | if . == 1 then \"one\" elif . == 2 then \"two\" else . end]",
            json!(["one", "two", 3]),
        ),
        ("[1, 2] | tojson | fromjson", json!([1, 2])),
        ("{} | .a[2].b = 1", json!({"a": [null, null, {"b": 1}]})),
        ("[1, 2, 3] | until(length < 2; .[1:])", json!([3])),
        ("\"x\" as $x | {$x, y: $x}", json!({"x": "x", "y": "x"})),
        ("{\"a-b\": 1} | .\"a-b\"", json!(1)),
        ("{\"a-b\": 1}[\"a-b\"]", json!(1)),
        ("[.a.b[] | tostring] | join(\"-\")", json!("1-2-3")),
        ("[{a: 1}, {b: 2}] | add", json!({"a": 1, "b": 2})),
        ("ltrimstr(\"x\")", input.clone()),
        ("[1, 2, 3] | .[-1]", json!(3)),
        ("{a: [1, 2]} | .a |= map(select(. > 1))", json!({"a": [2]})),
        ("[[1, 2], [1]] | sort | .[0]", json!([1])),
        ("\"a\" * 0", json!(null)),
        ("{a: 1} | .b = .a + 1", json!({"a": 1, "b": 2})),
        ("{a: 1} | has(\"a\", \"b\")", json!(true)),
        ("\"\\u00e9\" | length", json!(1)),
        ("[1,2,3] | .[1:] = [9]", json!([1, 9])),
        ("{users: [{n: 1}, {n: 2}]} | .users[] |= (.n += 1) | [.users[].n]", json!([2, 3])),
        ("{a: 1} | .a as $x | [$x, $x + 1]", json!([1, 2])),
        ("[3, 1, 2] | sort_by(-.)", json!([3, 2, 1])),
        ("\"test\" | test(\"^t.*t$\")", json!(true)),
        ("null | [.[]?]", json!([])),
        ("[1, [2, [3]]] | flatten(1)", json!([1, 2, [3]])),
        ("splits(\"a\")? // \"none\"", json!("none")),
        ("{} | .a.b.c // \"d\"", json!("d")),
        ("[.a.b[]] | @text", json!("[1,2,3]")),
        ("{a: 1} * {b: {c: 2}}", json!({"a": 1, "b": {"c": 2}})),
        ("def empty: 1; def first(f): 2; {a: 1} | .a |= . + 1", json!({"a": 2})),
        ("[1, [2, 3]] | pick(.[1][0])", json!([null, [2]])),
        ("{a: {b: 1, c: 2}} | pick(.a.b)", json!({"a": {"b": 1}})),
    ] {
        assert_eq!(eval(code, &input, &[]), Ok(expected), "{code}");
    }
}

#[test]
fn variables_are_bound_by_name() {
    let variables = [("context", json!({"a": {"b": 5}})), ("workflow", json!({"id": "x"}))];
    for (code, expected) in [
        ("$context.a.b", json!(5)),
        ("$context", json!({"a": {"b": 5}})),
        ("$context.a.b + 1", json!(6)),
        ("\"\\($workflow.id)-\\($context.a.b)\"", json!("x-5")),
        ("[1, 2] | map(. + $context.a.b)", json!([6, 7])),
        ("{$workflow}", json!({"workflow": {"id": "x"}})),
        ("def f: $context.a.b; f + f", json!(10)),
        ("1 as $workflow | $workflow", json!(1)),
    ] {
        assert_eq!(eval(code, &json!(null), &variables), Ok(expected), "{code}");
    }
    for code in ["$task.x", "$task.x + 1"] {
        let err = eval(code, &json!(null), &variables).unwrap_err();
        assert!(err.contains("$task, which is not available here"), "{err}");
    }
}

#[test]
fn errors_do_not_tell_data() {
    let input = json!({"secret": "hunter2", "list": ["hunter2"]});
    for code in [
        ".secret + 1",
        ".secret.x",
        ".secret[0]",
        ".secret | tonumber",
        "error(.secret)",
        "error({a: .secret})",
        ".secret | fromjson",
        ".secret | fromdate",
        "path(.secret | ascii_upcase)",
        ".list.x",
        ".list | implode",
        ".secret | test(\"(\")",
        "try error(.secret) catch error(.)",
    ] {
        let err = eval(code, &input, &[]).unwrap_err();
        assert!(!err.contains("hunter2"), "{code}: {err}");
        assert!(err.starts_with("the expression `"), "{code}: {err}");
    }
}

#[test]
fn what_json_does_not_have_is_an_error() {
    for code in [
        "1/0",
        "nan",
        "infinite",
        "[nan]",
        "{(1): 2}",
        "{a: infinite}",
        "1e999",
        "18446744073709551615 + 1",
        "\"\\u0000\"",
    ] {
        let result = eval(code, &json!(null), &[]);
        assert!(result.is_err(), "{code}: {result:?}");
    }
}

#[test]
fn what_reaches_outside_is_refused_when_compiled() {
    for code in [
        "env",
        "$ENV",
        "env.PATH",
        "now",
        "localtime",
        "input",
        "inputs",
        "halt",
        "halt_error",
        "halt_error(1)",
        "debug",
        "debug(1)",
        "stderr",
        "input_filename",
        "$__loc__",
        "$__prog_args",
        "get_search_list",
        "include \"a\"; 1",
        "import \"a\" as a; 1",
        "strflocaltime(\"%Z\")",
        "__tick",
        "__size",
        "$__x",
        "def __tick: .; 1",
        "1 as $__x | 1",
        "@__csv",
        "tobytes",
        "jn(1e9; 1)",
        "splits",
        "ltrimstr",
        "stderr_empty",
        "debug_empty",
    ] {
        let err = common::program_of(code).unwrap_err();
        assert!(
            err.contains("invalid-expression") || err.contains("unknown-variable"),
            "{code}: {err}"
        );
    }
}

/// Runs each within the time limit, in error; the process survives.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn hostile_expressions_end_in_an_error() {
    let big: Value = (0..1000).map(|i| json!({"a": i, "s": "aaaaaaaaaa"})).collect();
    let deep: Value = (0..100).fold(json!(1), |v, _| json!([v]));
    for code in [
        "def f: 1+f; f",
        "def f: [f]; f",
        "def f: {a: f}; f",
        "def f: f | f; f",
        "def f: (f, f); f",
        "def f: f?; [f, f]",
        "def f: try f catch f; f",
        "def f(g): 1 + f(g | g); f(.)",
        "def f($x): f($x + 1) + 1; f(0)",
        "last(range(1e18))",
        "last(range(0; 1; 0))",
        "[range(1e18)]",
        "until(false; .)",
        "while(true; .)|empty",
        "[repeat(1)]",
        "[recurse(.)]",
        "[recurse([.])]",
        "[limit(1e18; repeat(1))]",
        "[.[] | until(false; .)]",
        "\"x\" * 1000000000",
        "\"x\" * 1e18",
        "1000000000 * \"x\"",
        "\"x\" | . *= 1000000000",
        "reduce range(60) as $i (\"x\"; . + .)",
        "reduce range(60) as $i ([1]; . + .)",
        "reduce range(60) as $i ({a: 1}; {a: ., b: .})",
        "reduce range(60) as $i ([1]; [., .])",
        "reduce range(30) as $i ([1]; [., .]) | tojson",
        "reduce range(100000) as $i (null; [.])",
        "reduce range(100000) as $i (null; {a: .})",
        "reduce range(100000) as $i ({}; {a: .}) | tojson",
        "reduce range(100) as $i (2; . * .)",
        "reduce range(1e9) as $i (\"\"; . + \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\")",
        "[foreach range(1e9) as $i (0; . + 1)]",
        "[(1,2,3,4,5,6,7,8) as $a | (1,2,3,4,5,6,7,8) as $b | (1,2,3,4,5,6,7,8) as $c | (1,2,3,4,5,6,7,8) as $d | (1,2,3,4,5,6,7,8) as $e | (1,2,3,4,5,6,7,8) as $f | (1,2,3,4,5,6,7,8) as $g | 1]",
        "[.[] + .[] + .[] + .[]]",
        "[.[].a + .[].a + .[].a + .[].a]",
        "[{a: .[], b: .[], c: .[]}]",
        "[[.[], .[], .[]] | combinations]",
        "[\"\\(.[])\\(.[])\\(.[])\"]",
        "[.[] == .[] == .[]]",
        "[.[] and .[] and .[] and .[]]",
        "[if .[] then (if .[] then (if .[] then .[] else 1 end) else 1 end) else 1 end]",
        "def p(f; g; h): [f, g, h]; [range(1000) | p(range(1000); range(1000); range(1000))]",
        "[range(300)] | [combinations(9)]",
        "[.[range(1000)][\"a\",\"s\"] | (1,2,3) + (1,2,3) + range(10000)]",
        "(\"a\" * 1000000) as $x | $x | indices(\"a\" * 500000)",
        "[range(10000)] as $x | $x | contains($x)",
        "(\"a\" * 100000) | [match(\"a(.*b)?\"; \"g\")]",
        "(\"a\" * 1000000) | test(\"(a*)*b\")",
        "\"a\" | test(\"((a{100}){100}){100}\")",
        "\"a\" | test(\"a{1000000}\")",
        "(\"[\" * 100000) | fromjson",
        "(\"[\" * 100000) + (\"]\" * 100000) | fromjson",
        "reduce range(100) as $i (\"\\\"\"; tojson)",
        "[range(1e9) | select(false)]",
        "path(repeat(.))|empty",
        "[paths(until(false; .))]",
        "label $x | repeat(if false then break $x else . end) | empty",
        "getpath([range(1e9)])",
        "setpath([range(2000) | \"a\"]; 1)",
        "setpath([1e9]; 1)",
        "setpath([range(400) | 99999]; 1)",
        "setpath([range(100000) | \"a\"]; 1)",
        "limit(1e9; def f: ., f; f) | select(false)",
        "[ltrimstr(repeat(\"a\"))]",
        "any(repeat(false); .)",
        "isempty(repeat(empty))",
        "[splits(repeat(\"a\"))]",
        "walk(walk(walk(walk(walk(.)))))|walk(walk(walk(.)))|until(false; walk(.))",
        "try (def f: 1+f; f) catch 1 | until(false; .)",
        "[try (def f: 1+f; f) catch 1]",
        "(def f: 1+f; f)? // 1",
        "first(def f: 1+f; f) // 5",
    ] {
        let started = std::time::Instant::now();
        let mut limits = Limits::default();
        limits.evaluation.busy_max = Duration::from_millis(50);
        let result = eval_within(limits, code, &big, &[]);
        let took = started.elapsed();
        assert!(result.is_err(), "{code}: {result:?}");
        assert!(took.as_millis() < 5_000, "{code}: {took:?}");
        println!("{:>6} ms  {code}: {}", took.as_millis(), result.unwrap_err());
    }
    assert_eq!(eval("[.. | numbers]", &deep, &[]), Ok(json!([1])));
}

#[test]
fn hostile_texts_do_not_overflow_the_compiler() {
    let repeated = |text: &str, n: usize| text.repeat(n);
    for code in [
        format!("{}1{}", repeated("(", 4000), repeated(")", 3999)),
        format!("{}1{}", repeated("(", 99), repeated(")", 99)),
        format!("{}1{}", repeated("[", 99), repeated("]", 99)),
        format!("{}1{}", repeated("{a: ", 99), repeated("}", 99)),
        format!("{}1{}", repeated("def f: (1|", 90), repeated("); f", 90)),
        format!("{}1", repeated("-", 8000)),
        format!("{}1", repeated("-", 1990)),
        format!("1{}", repeated("+1", 990)),
        format!("1{}", repeated("|1", 990)),
        format!("1{}", repeated(",1", 990)),
        format!("1{}", repeated("*1", 990)),
        format!("1{}", repeated("//1", 990)),
        format!("null{}", repeated("|=1", 990)),
        format!("{}1", repeated("try ", 1990)),
        format!("{}1", repeated("1 as $x|", 495)),
        format!("{}1{}", repeated("if 1 then ", 480), repeated(" end", 480)),
        format!("{}1;{}1", repeated("def f: ", 300), repeated("f;", 300)),
        format!(".{}", repeated("[0]", 600)),
        format!(".{}", repeated("?", 1990)),
        format!("\"{}{}\"", repeated("\\(\"", 95), repeated("\")", 95)),
        repeated("label $x|", 600),
        format!("{}1", repeated("reduce 1 as $x (1;1)+", 150)),
        format!("{}1{}", repeated("first(", 99), repeated(")", 99)),
        repeated("a", 8193),
    ] {
        let shown: String = code.chars().take(30).collect();
        let compiled = common::program_of(&code);
        let result = compiled.is_ok().then(|| eval(&code, &json!(null), &[]));
        let why = compiled.err();
        println!("{shown}…: {why:?} {result:?}");
    }
}
