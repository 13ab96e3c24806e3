//! Between JSON and jaq's values.

use jaq_core::Error;
use jaq_json::{Map, Num, Rc, Val};
use serde_json::{Number, Value};

/// Padding of an array by an update stops here.
const INDEX_MAX: usize = 100_000;

/// A JSON value as jaq's.
pub(super) fn from_json(value: &Value) -> Val {
    match value {
        Value::Null => Val::Null,
        Value::Bool(bool) => Val::Bool(*bool),
        Value::Number(number) => Val::Num(from_number(number)),
        Value::String(text) => Val::utf8_str(text.clone()),
        Value::Array(items) => Val::Arr(Rc::new(items.iter().map(from_json).collect())),
        Value::Object(map) => {
            let entries = map.iter().map(|(k, v)| (Val::utf8_str(k.clone()), from_json(v)));
            Val::obj(entries.collect::<Map>())
        }
    }
}

fn from_number(number: &Number) -> Num {
    if let Some(int) = number.as_i64() {
        Num::from_integral(int)
    } else if let Some(int) = number.as_u64() {
        Num::from_integral(int)
    } else {
        Num::Float(number.as_f64().unwrap_or(f64::NAN))
    }
}

/// jaq's value as JSON; what JSON lacks is an error.
pub(super) fn to_json(value: &Val) -> Result<Value, &'static str> {
    Ok(match value {
        Val::Null => Value::Null,
        Val::Bool(bool) => Value::Bool(*bool),
        Val::Num(number) => Value::Number(to_number(number)?),
        Val::TStr(_) => Value::String(text(value)?),
        Val::BStr(_) => return Err("gives a string of bytes, which JSON does not have"),
        Val::Arr(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        Val::Obj(map) => {
            let entry = |(key, value)| Ok((text(key)?, to_json(value)?));
            Value::Object(map.iter().map(entry).collect::<Result<_, &'static str>>()?)
        }
    })
}

fn text(value: &Val) -> Result<String, &'static str> {
    match value {
        Val::TStr(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if text.contains('\0') => Err("gives a string with the character U+0000"),
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err("gives a string that is not UTF-8"),
        },
        _ => Err("gives an object with a key that is not a string"),
    }
}

fn to_number(number: &Num) -> Result<Number, &'static str> {
    let float = |float: f64| {
        Number::from_f64(float).ok_or("gives a number that is not finite, which JSON does not have")
    };
    match number {
        Num::Int(int) => Ok(Number::from(*int)),
        Num::BigInt(int) => {
            let text = int.to_string();
            let small = text.parse::<i64>().map(Number::from);
            let large = small.or_else(|_| text.parse::<u64>().map(Number::from));
            large.map_err(|_| "gives an integer that does not fit in 64 bits")
        }
        Num::Float(value) => float(*value),
        Num::Dec(text) => float(text.parse().unwrap_or(f64::NAN)),
    }
}

/// `value` with `new` at the path `keys`; null becomes what the path needs, as in jq.
pub(super) fn set(value: Val, keys: &[Val], new: Val) -> Result<Val, Error<Val>> {
    let Some((key, rest)) = keys.split_first() else { return Ok(new) };
    let refused = || Error::str("a path does not fit the value that it is set in");
    match (value, key) {
        (value @ (Val::Null | Val::Obj(_)), Val::TStr(_)) => {
            let mut map = match value {
                Val::Obj(map) => map,
                _ => Rc::new(Map::default()),
            };
            let own = Rc::make_mut(&mut map);
            let slot = own.entry(key.clone()).or_insert(Val::Null);
            let old = std::mem::take(slot);
            *slot = set(old, rest, new)?;
            Ok(Val::Obj(map))
        }
        (value @ (Val::Null | Val::Arr(_)), Val::Num(index)) => {
            let mut items = match value {
                Val::Arr(items) => items,
                _ => Rc::default(),
            };
            let own = Rc::make_mut(&mut items);
            let index = index.as_isize().ok_or_else(refused)?;
            let index = if index < 0 {
                own.len().checked_add_signed(index)
            } else {
                usize::try_from(index).ok()
            };
            let index =
                index.filter(|index| *index < INDEX_MAX.max(own.len())).ok_or_else(refused)?;
            if index >= own.len() {
                own.resize(index + 1, Val::Null);
            }
            let old = std::mem::take(&mut own[index]);
            own[index] = set(old, rest, new)?;
            Ok(Val::Arr(items))
        }
        _ => Err(refused()),
    }
}

/// `value` without what is at the path `keys`.
pub(super) fn delete(value: Val, keys: &[Val]) -> Result<Val, Error<Val>> {
    let Some((key, rest)) = keys.split_first() else { return Ok(Val::Null) };
    match (value, key) {
        (Val::Null, _) => Ok(Val::Null),
        (Val::Obj(mut map), Val::TStr(_)) => {
            if rest.is_empty() {
                Rc::make_mut(&mut map).shift_remove(key);
            } else if let Some(slot) = Rc::make_mut(&mut map).get_mut(key) {
                *slot = delete(std::mem::take(slot), rest)?;
            }
            Ok(Val::Obj(map))
        }
        (Val::Arr(mut items), Val::Num(index)) => {
            let index = index.as_isize().and_then(|index| {
                if index < 0 {
                    items.len().checked_add_signed(index)
                } else {
                    usize::try_from(index).ok()
                }
            });
            if let Some(index) = index.filter(|index| *index < items.len()) {
                let own = Rc::make_mut(&mut items);
                if rest.is_empty() {
                    own.remove(index);
                } else {
                    own[index] = delete(std::mem::take(&mut own[index]), rest)?;
                }
            }
            Ok(Val::Arr(items))
        }
        _ => Err(Error::str("a path does not fit the value that it is deleted from")),
    }
}
