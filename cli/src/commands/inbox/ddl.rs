//! `onceward inbox ddl`: the tables as SQL, for people who make or look at tables themselves.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Report};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Dialect {
    Sqlite,
    Postgres,
    Mysql,
}

const EXAMPLES: &str = "\
Examples:
  onceward inbox ddl
  onceward inbox ddl | sqlite3 billing.db
  onceward inbox ddl --dialect postgres | psql -1 billing

Nobody has to run it: a consumer makes the tables at its first start, beside yours.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DdlArgs {
    /// For which database; there is no inbox in MySQL
    #[arg(long, value_enum, default_value = "sqlite")]
    dialect: Dialect,
}

#[derive(Serialize)]
struct Ddl {
    dialect: Dialect,
    sql: String,
}

pub(super) fn run(args: &DdlArgs, json: bool) -> Result<ExitCode, Failure> {
    let store = match args.dialect {
        Dialect::Sqlite => {
            output::show(&Ddl { dialect: Dialect::Sqlite, sql: onceward::inbox::ddl() }, json)?;
            return Ok(ExitCode::SUCCESS);
        }
        Dialect::Postgres => {
            output::show(&Ddl { dialect: Dialect::Postgres, sql: onceward::inbox::postgres_ddl() }, json)?;
            return Ok(ExitCode::SUCCESS);
        }
        Dialect::Mysql => "MySQL",
    };
    Err(Failure::Usage(format!(
        "there is no inbox on {store} in this version, so there are no tables for it; what there is: --dialect sqlite and --dialect postgres (and inbox = \"memory\", which has none)"
    )))
}

impl Report for Ddl {
    fn render(&self, to: &mut dyn std::io::Write) -> std::io::Result<()> {
        to.write_all(self.sql.as_bytes())
    }
}
