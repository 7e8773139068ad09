//! Tables without lines, that a person reads and `awk` can cut.

use std::io::{self, Write};

use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::visible;

/// Rows of text; every cell is made safe to show.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    pub(crate) fn new(header: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.iter().map(|name| name.to_uppercase()));
        Self(table)
    }

    /// Numbers are read from the right.
    pub(crate) fn right(mut self, columns: &[usize]) -> Self {
        for column in columns {
            if let Some(column) = self.0.column_mut(*column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self
    }

    pub(crate) fn row<C: AsRef<str>>(&mut self, cells: &[C]) {
        self.0.add_row(cells.iter().map(|cell| visible(cell.as_ref()).into_owned()));
    }

    pub(crate) fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        for line in self.0.lines() {
            writeln!(to, "{}", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))?;
        }
        Ok(())
    }
}
