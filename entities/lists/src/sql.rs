//! The statements.

use kintsugi_rows::RunFilter;
use sea_orm::Value;

use crate::keys::Key;

/// As they lie in the column.
const STATUSES: [&str; 7] =
    ["pending", "running", "waiting", "suspended", "cancelled", "faulted", "completed"];

const COLUMNS: &str = "r.id, r.definition, r.version, r.status, r.wake_at, r.created_at, \
    r.updated_at, r.ended_at, r.parent";

/// A statement that is being written, with `$1` for either database.
pub(crate) struct Ask<'a> {
    pub(crate) postgres: bool,
    pub(crate) filter: &'a RunFilter,
    /// Behind which run the page begins.
    pub(crate) after: Option<(i64, &'a str)>,
    /// Rows at most. It stands in the text: planners believe of an unknown limit that it is large.
    pub(crate) limit: u64,
    pub(crate) values: Vec<Value>,
}

impl Ask<'_> {
    /// Runs of `key` that `rest` fits too, the newest first.
    pub(crate) fn text(&mut self, key: &Key, rest: Option<&Key>) -> String {
        let rest = rest.map(|key| self.fits(key)).unwrap_or_default();
        let status = ("status", "keys.status".to_owned());
        if let Key::Ended(at) = key {
            let page = self.behind_cursor();
            return self.ended(*at, &format!("{rest}{page}"));
        }
        if let Key::Definitions(prefix) = key {
            let place = [("definition", "keys.definition".to_owned()), status];
            let keys = self.definitions(prefix);
            return self.by_keys(&keys, "runs_definition", &place, "");
        }
        let keys = format!("WITH keys (status) AS ({})", self.statuses());
        match key {
            Key::Definition(text) => {
                let place = [("definition", self.bind(text.as_str())), status];
                self.by_keys(&keys, "runs_definition", &place, "")
            }
            Key::Parent(run) => {
                let place = [("parent", self.bind(run.as_str())), status];
                let mut rest = format!(" AND x.parent IS NOT NULL{rest}");
                if let Some(from) = self.filter.ended_from {
                    rest += &format!(" AND x.ended_at >= {}", self.bind(from));
                }
                self.by_keys(&keys, "runs_parent", &place, &rest)
            }
            _ if self.filter.status.is_some() => self.by_keys(&keys, "runs_status", &[status], ""),
            _ => self.by_keys("WITH keys (n) AS (VALUES (1))", "runs_created_at", &[], ""),
        }
    }

    fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// Behind the cursor.
    fn behind_cursor(&mut self) -> String {
        let Some((at, id)) = self.after else { return String::new() };
        let (at, id) = (self.bind(at), self.bind(id));
        format!(" AND (x.created_at, x.id) < ({at}, {id})")
    }

    /// Of the place in `index` where its first columns are these, what comes behind the cursor, the newest
    /// first. SQLite is told which index. Postgres takes any that has the order, and reads it to its end
    /// where nothing fits: so the order has the first column too, which is compared with an array, or the
    /// planner would see that it is one value and drop it.
    fn first(
        &mut self,
        columns: &str,
        index: &str,
        place: &[(&str, String)],
        rest: &str,
    ) -> String {
        let (mut fits, mut order) = (String::new(), String::new());
        for (n, (name, value)) in place.iter().enumerate() {
            if n == 0 && self.postgres {
                fits += &format!(" AND x.{name} = ANY(ARRAY[{value}])");
                order = format!("x.{name} DESC, ");
            } else {
                fits += &format!(" AND x.{name} = {value}");
            }
        }
        let (index, page) = (self.index(index), self.behind_cursor());
        format!(
            "SELECT {columns} FROM runs AS x{index} WHERE TRUE{fits}{rest}{page}
            ORDER BY {order}x.created_at DESC, x.id DESC"
        )
    }

    /// Not too old. It cuts the end of a page off, and is no way to find its beginning.
    fn young(&mut self) -> String {
        let from = self.filter.created_from.map(|from| self.bind(from));
        from.map(|from| format!(" AND r.created_at >= {from}")).unwrap_or_default()
    }

    fn fits(&mut self, key: &Key) -> String {
        match key {
            Key::Definition(text) => format!(" AND x.definition = {}", self.bind(text.as_str())),
            Key::Definitions(prefix) => {
                let (from, to) = (self.bind(prefix.as_str()), self.bind(behind(prefix)));
                format!(" AND x.definition >= {from} AND x.definition < {to}")
            }
            Key::Parent(_) | Key::Ended(_) | Key::All | Key::Nothing => String::new(),
        }
    }

    fn statuses(&self) -> String {
        let wanted = self.filter.status.map(|status| status.as_str());
        let all = STATUSES.iter().filter(|status| wanted.is_none_or(|it| it == **status));
        let all: Vec<String> = all.map(|status| format!("('{status}')")).collect();
        format!("VALUES {}", all.join(", "))
    }

    /// One key for each status of each definition with runs, which are found by going from one to the
    /// next in the index. Of more than fit on the page those with the newest runs are enough: each has
    /// one that is newer than all of the others'.
    fn definitions(&mut self, prefix: &str) -> String {
        let (from, to) = (self.bind(prefix), self.bind(behind(prefix)));
        let (limit, statuses) = (self.limit, self.statuses());
        let index = self.index("runs_definition");
        let place = [
            ("definition", "definitions.definition".to_owned()),
            ("status", "statuses.status".to_owned()),
        ];
        let head = self.first("x.id", "runs_definition", &place, "");
        // A join would let the planner read all runs to find these.
        let these = match self.postgres {
            true => "= ANY(ARRAY(SELECT heads.id FROM heads))",
            false => "IN (SELECT heads.id FROM heads)",
        };
        format!(
            "WITH RECURSIVE definitions (definition) AS (
                SELECT * FROM (SELECT x.definition FROM runs AS x{index}
                    WHERE x.definition >= {from} AND x.definition < {to}
                    ORDER BY x.definition LIMIT 1) AS first
                UNION ALL
                SELECT (SELECT x.definition FROM runs AS x{index}
                    WHERE x.definition > definitions.definition AND x.definition < {to}
                    ORDER BY x.definition LIMIT 1)
                FROM definitions WHERE definitions.definition IS NOT NULL),
            statuses (status) AS ({statuses}),
            heads AS (
                SELECT ({head} LIMIT 1) AS id
                FROM definitions CROSS JOIN statuses WHERE definitions.definition IS NOT NULL),
            keys AS MATERIALIZED (
                SELECT r.definition, r.status FROM runs AS r WHERE r.id {these}
                ORDER BY r.created_at DESC, r.id DESC LIMIT {limit})"
        )
    }

    /// The newest of the first runs of each key. Of Postgres' two ways to say it SQLite has none, and
    /// the other way round.
    fn by_keys(&mut self, keys: &str, index: &str, place: &[(&str, String)], rest: &str) -> String {
        let (limit, young) = (self.limit, self.young());
        let columns = if self.postgres { "x.id, x.created_at" } else { "x.id" };
        let first = self.first(columns, index, place, rest);
        if self.postgres {
            format!(
                "{keys} SELECT {COLUMNS} FROM runs AS r WHERE r.id = ANY(ARRAY(
                    SELECT page.id FROM keys CROSS JOIN LATERAL ({first} LIMIT {limit}) AS page
                    ORDER BY page.created_at DESC, page.id DESC LIMIT {limit})){young}
                ORDER BY r.created_at DESC, r.id DESC"
            )
        } else {
            format!(
                "{keys} SELECT {COLUMNS} FROM keys CROSS JOIN runs AS r ON r.id IN ({first} LIMIT {limit}){young}
                ORDER BY r.created_at DESC, r.id DESC LIMIT {limit}"
            )
        }
    }

    fn ended(&mut self, at: i64, fits: &str) -> String {
        let (at, young) = (self.bind(at), self.young());
        let status = match self.filter.status {
            Some(status) => format!(" AND x.status = '{}'", status.as_str()),
            None => String::new(),
        };
        let (limit, index) = (self.limit, self.index("runs_ended_at"));
        format!(
            "WITH r AS MATERIALIZED (SELECT x.id, x.definition, x.version, x.status, x.wake_at,
                x.created_at, x.updated_at, x.ended_at, x.parent FROM runs AS x{index}
                WHERE x.ended_at >= {at}{status}{fits})
            SELECT {COLUMNS} FROM r WHERE TRUE{young} ORDER BY r.created_at DESC, r.id DESC LIMIT {limit}"
        )
    }

    /// Without statistics SQLite takes another index unless told.
    fn index(&self, name: &str) -> String {
        if self.postgres { String::new() } else { format!(" INDEXED BY {name}") }
    }
}

/// Behind all texts that begin so.
fn behind(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}")
}
