//! Tables for a terminal, CSV and JSON for machines.

use std::fmt::Write;

use clap::ValueEnum;
use serde::Serialize;

use crate::view::words::printable;

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person.
    Table,
    /// JSON.
    Json,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
}

/// How wide a table gets when nobody says: fits most terminals, and pipes.
pub const WIDTH_DEFAULT: usize = 120;
/// A column is never cut below this.
const CELL_MIN: usize = 10;

/// Rows under titles.
#[derive(Debug, Clone, Default)]
pub struct Table {
    titles: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with these titles.
    #[must_use]
    pub fn new(titles: &[&'static str]) -> Self {
        Self { titles: titles.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; one cell a title.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        debug_assert_eq!(cells.len(), self.titles.len());
        self.rows.push(cells);
    }

    /// Whether there is nothing below the titles.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Aligned columns, at most `width` characters wide as far as columns can shrink: the widest gives way first, cut
    /// with `…`. A column that is empty in every row is left out.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let shown: Vec<usize> = (0..self.titles.len())
            .filter(|column| self.rows.is_empty() || self.rows.iter().any(|row| !row[*column].is_empty()))
            .collect();
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| shown.iter().map(|column| printable(&row[*column])).collect()).collect();
        let mut widths: Vec<usize> = shown.iter().map(|column| self.titles[*column].chars().count()).collect();
        for row in &cells {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(cell.chars().count());
            }
        }
        shrink(&mut widths, width);
        let mut text = String::new();
        write_line(&mut text, shown.iter().map(|column| self.titles[*column]), &widths);
        for row in &cells {
            write_line(&mut text, row.iter().map(String::as_str), &widths);
        }
        text
    }

    /// Comma-separated values with a header line.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = self.titles.join(",") + "\r\n";
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| csv_cell(cell)).collect();
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
        text
    }
}

/// A value as indented JSON with a line end.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| "null".to_owned()) + "\n"
}

fn shrink(widths: &mut [usize], limit: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        match widths.iter_mut().max() {
            Some(widest) if *widest > CELL_MIN => *widest -= 1,
            _ => break,
        }
    }
}

fn write_line<'cell>(text: &mut String, cells: impl Iterator<Item = &'cell str>, widths: &[usize]) {
    let mut line = String::new();
    for (cell, &width) in cells.zip(widths) {
        if !line.is_empty() {
            line.push_str("  ");
        }
        if cell.chars().count() > width {
            line.extend(cell.chars().take(width - 1));
            line.push('…');
        } else {
            let _ = write!(line, "{cell:width$}");
        }
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

fn csv_cell(cell: &str) -> String {
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["#", "alert", "agency", "summary"]);
        table.row(["1", "ShiftUncovered", "", "Shift 1 has no caregiver"].map(str::to_owned));
        table.row(["10", "NoShow", "", "x"].map(str::to_owned));
        table
    }

    #[test]
    fn columns_align_and_empty_ones_go() {
        assert_eq!(
            sample().text(80),
            "#   alert           summary\n1   ShiftUncovered  Shift 1 has no caregiver\n10  NoShow          x\n"
        );
    }

    #[test]
    fn the_widest_column_gives_way() {
        let text = sample().text(34);
        assert!(text.lines().all(|line| line.chars().count() <= 34), "{text}");
        assert_eq!(text.lines().nth(1), Some("1   ShiftUncovered  Shift 1 has n…"));
        assert!(sample().text(5).contains("ShiftUnco…"), "never below what can be read");
    }

    #[test]
    fn cells_cannot_break_the_table_or_the_file() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["x\n\u{1b}[2Jy".to_owned(), "say \"hi\", twice".to_owned()]);
        assert_eq!(table.text(80).lines().count(), 2);
        assert!(!table.text(80).contains('\u{1b}'));
        assert_eq!(table.csv(), "a,b\r\n\"x\n\u{1b}[2Jy\",\"say \"\"hi\"\", twice\"\r\n");
        assert_eq!(Table::new(&["a"]).text(80), "a\n");
    }
}
