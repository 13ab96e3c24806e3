//! The natives that expressions may call.

use jaq_core::native::Fun;

use super::guards;
use super::run::Engine;

/// Natives of jaq that are safe: no clock, environment, stream, and no loop whose length an
/// argument decides. Those with a second name are called through a definition that checks first.
const ALLOWED: &[(&str, &str)] = &[
    ("contains", "__contains"),
    ("indices", "__indices"),
    ("matches", "__matches"),
    ("split_matches", "__split_matches"),
    ("split_", "__split_"),
];

/// Allowed as they are.
const AS_THEY_ARE: &[&str] = &[
    "error_empty",
    "path",
    "path_value",
    "keys_unsorted",
    "key_values",
    "first",
    "last",
    "limit",
    "skip",
    "floor",
    "round",
    "ceil",
    "utf8bytelength",
    "explode",
    "implode",
    "ascii_downcase",
    "ascii_upcase",
    "reverse",
    "sort",
    "sort_by",
    "group_by",
    "min_by_or_empty",
    "max_by_or_empty",
    "startswith",
    "endswith",
    "ltrimstr",
    "rtrimstr",
    "trim",
    "ltrim",
    "rtrim",
    "escape_sh",
    "escape_html",
    "unescape_html",
    "encode_uri",
    "decode_uri",
    "encode_base64",
    "decode_base64",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "exp",
    "exp10",
    "exp2",
    "expm1",
    "fabs",
    "frexp",
    "ilogb",
    "log",
    "log10",
    "log1p",
    "log2",
    "modf",
    "nearbyint",
    "rint",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    "atan2",
    "copysign",
    "fdim",
    "fmax",
    "fmin",
    "fmod",
    "hypot",
    "ldexp",
    "nextafter",
    "pow",
    "remainder",
    "scalbln",
    "fma",
    "fromdateiso8601",
    "todateiso8601",
    "strftime",
    "gmtime",
    "strptime",
    "mktime",
    "tojson",
    "length",
    "has",
    "bsearch",
];

/// All of them.
pub(super) fn all() -> Vec<Fun<Engine>> {
    let theirs = jaq_core::funs::<Engine>().chain(jaq_std::funs()).chain(jaq_json::funs());
    let allowed = theirs.filter_map(|(name, args, native)| {
        if AS_THEY_ARE.contains(&name) {
            return Some((name, args, native));
        }
        let (_, renamed) = ALLOWED.iter().find(|(original, _)| *original == name)?;
        Some((*renamed, args, native))
    });
    allowed.chain(guards::all()).collect()
}
