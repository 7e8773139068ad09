//! Tells the linker that Node's own symbols are there when the library is loaded, and napi's macros where to write down what crosses.
#![allow(clippy::print_stdout, reason = "so a build script speaks to cargo")]

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    napi_build::setup();
    let types = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("types");
    fs::create_dir_all(&types)?;
    // `node/tools/library.mjs` makes `node/src/library.d.ts` of it.
    println!("cargo::rustc-env=NAPI_TYPE_DEF_TMP_FOLDER={}", types.display());
    Ok(())
}
