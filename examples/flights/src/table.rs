//! The same fold in SQL, as a handler gives it to `event.effect`.

/// The table; it goes into `setup_sql`.
pub const CREATE: &str = "CREATE TABLE IF NOT EXISTS aircraft(tailnum TEXT PRIMARY KEY, flights INTEGER NOT NULL, miles INTEGER NOT NULL, \
     last_airport TEXT NOT NULL, chain INTEGER NOT NULL) WITHOUT ROWID";

/// Adds a flight; parameters: tail number, miles, destination, hash of the id. `chain` starts at 0, so the first value is the hash.
pub const UPSERT: &str = "INSERT INTO aircraft(tailnum, flights, miles, last_airport, chain) VALUES (?, 1, ?, ?, ?) \
     ON CONFLICT(tailnum) DO UPDATE SET flights = flights + 1, miles = miles + excluded.miles, last_airport = excluded.last_airport, \
     chain = (chain * 1000003 + excluded.chain) % 2147483647";

/// Adds a flight without a tail number; parameter: miles.
pub const UPSERT_UNKNOWN: &str = "INSERT INTO aircraft(tailnum, flights, miles, last_airport, chain) VALUES ('', 1, ?, '', 0) \
     ON CONFLICT(tailnum) DO UPDATE SET flights = flights + 1, miles = miles + excluded.miles";

/// Reads the table back: tail number, flights, miles, last airport, chain.
pub const SELECT: &str = "SELECT tailnum, flights, miles, last_airport, chain FROM aircraft";
