//! The bill of materials, as CycloneDX 1.5. No dates, no paths and no random numbers: the same sources give the same file.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::Part;
use crate::failure::{Doing as _, Outcome};

pub(super) fn write(parts: &[Part], roots: &[&str], to: &Path) -> Outcome<()> {
    let text = serde_json::to_string_pretty(&document(parts, roots)).doing("write the bill of materials")?;
    fs::write(to, text).doing(format_args!("write {}", to.display()))
}

fn document(parts: &[Part], roots: &[&str]) -> Value {
    let ours: Vec<Value> = roots
        .iter()
        .map(|root| json!({"type": "library", "name": root, "version": env!("CARGO_PKG_VERSION"), "licenses": licences("Apache-2.0")}))
        .collect();
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "library",
                "bom-ref": "onceward",
                "name": "onceward",
                "version": env!("CARGO_PKG_VERSION"),
                "licenses": licences("Apache-2.0"),
                "components": ours,
            },
        },
        "components": parts.iter().map(component).collect::<Vec<_>>(),
    })
}

fn component(part: &Part) -> Value {
    let name = part.version.as_ref().map_or_else(|| part.name.clone(), |version| format!("{}@{version}", part.name));
    let mut component = json!({
        "type": "library",
        "bom-ref": part.purl.clone().unwrap_or(name),
        "name": part.name,
        "licenses": licences(&part.licence),
    });
    if let Some(version) = &part.version {
        component["version"] = version.clone().into();
    }
    if let Some(purl) = &part.purl {
        component["purl"] = purl.clone().into();
    }
    component
}

fn licences(expression: &str) -> Value {
    if expression.starts_with("see ") {
        return json!([{"license": {"name": expression}}]);
    }
    json!([{"expression": expression}])
}
