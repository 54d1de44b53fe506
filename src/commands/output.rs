//! Tables for a terminal, CSV and JSON for machines.

use std::fmt::Write;

use chrono::SecondsFormat;
use clap::ValueEnum;
use serde::Serialize;

use crate::{model::Instant, notify::email::escape, view::words::printable};

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

/// An instant for machines, and where a table says UTC: whole seconds, `2026-12-01T14:00:00Z`.
#[must_use]
pub fn stamp(at: Instant) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A cell of up to so many characters (`in 3 h 55`) is not broken.
const CELL_WHOLE: usize = 12;

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

    /// Aligned columns, at most `width` characters wide as far as columns can shrink: the widest gives way first, down
    /// to its longest word, and its cells go on in the next line. Nothing is cut. A column that is empty in every row
    /// is left out.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let shown: Vec<usize> = (0..self.titles.len())
            .filter(|column| self.rows.is_empty() || self.rows.iter().any(|row| !row[*column].is_empty()))
            .collect();
        let cells: Vec<Vec<String>> =
            self.rows.iter().map(|row| shown.iter().map(|column| printable(&row[*column])).collect()).collect();
        let mut widths: Vec<usize> = shown.iter().map(|column| self.titles[*column].chars().count()).collect();
        let mut least = widths.clone();
        for row in &cells {
            for (column, cell) in row.iter().enumerate() {
                widths[column] = widths[column].max(cell.chars().count());
                least[column] = least[column].max(narrowest(cell));
            }
        }
        shrink(&mut widths, &least, width);
        let mut text = String::new();
        write_line(&mut text, shown.iter().map(|column| self.titles[*column]), &widths);
        for row in &cells {
            let cells: Vec<Vec<String>> = row.iter().zip(&widths).map(|(cell, width)| wrapped(cell, *width)).collect();
            for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                write_line(&mut text, cells.iter().map(|cell| cell.get(line).map_or("", String::as_str)), &widths);
            }
        }
        text
    }

    /// A page for a person, one column wide on a phone: the table scrolls.
    #[must_use]
    pub fn html(&self, title: &str) -> String {
        let mut text = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"><title>{0}</title><style>body{{font:16px/1.5 system-ui,sans-serif;margin:0;padding:1em}}div{{overflow-x:auto}}table{{border-collapse:collapse}}th,td{{text-align:left;padding:.2em .8em .2em 0;border-bottom:1px solid}}</style></head><body><h1>{0}</h1><div><table><tr>",
            escape(title)
        );
        for title in &self.titles {
            let _ = write!(text, "<th scope=\"col\">{}</th>", escape(title));
        }
        text.push_str("</tr>");
        for row in &self.rows {
            text.push_str("<tr>");
            for cell in row {
                let _ = write!(text, "<td>{}</td>", escape(cell));
            }
            text.push_str("</tr>");
        }
        text.push_str("</table></div></body></html>\n");
        text
    }

    /// Comma-separated values with a header line. Every file that the office opens in a spreadsheet is written here: no cell
    /// of it is run as a formula.
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

fn shrink(widths: &mut [usize], least: &[usize], limit: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        let can = widths.iter_mut().zip(least).filter(|(width, least)| **width > **least);
        match can.max_by_key(|(width, _)| **width) {
            Some((widest, _)) => *widest -= 1,
            None => break,
        }
    }
}

/// How narrow a cell may get: a short one stays whole, a longer one breaks between words.
fn narrowest(cell: &str) -> usize {
    match cell.chars().count() {
        short @ ..=CELL_WHOLE => short,
        _ => cell.split(' ').map(|word| word.chars().count()).max().unwrap_or(0),
    }
}

/// A cell in lines of at most `width`, broken at spaces.
fn wrapped(cell: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in cell.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn write_line<'cell>(text: &mut String, cells: impl Iterator<Item = &'cell str>, widths: &[usize]) {
    let mut line = String::new();
    for (n, (cell, &width)) in cells.zip(widths).enumerate() {
        let gap = if n == 0 { "" } else { "  " };
        let _ = write!(line, "{gap}{cell:width$}");
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A cell as the file holds it, whatever a spreadsheet would make of it: what would be run as a formula there begins with an
/// apostrophe here, which it shows as nothing. A negative number is a number.
fn csv_cell(cell: &str) -> String {
    let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && !is_negative_number(cell);
    let guarded = if runs { format!("'{cell}") } else { cell.to_owned() };
    if guarded.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

/// `-20`, `-0.25`: digits, and a point with digits on both sides at most.
fn is_negative_number(cell: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    cell.strip_prefix('-').is_some_and(|rest| match rest.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(rest),
    })
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
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[1..],
            ["1   ShiftUncovered  Shift 1 has no", "                    caregiver", "10  NoShow          x"]
        );
        assert!(sample().text(5).contains("ShiftUncovered"), "never below what can be read");
        assert_eq!(sample().text(usize::MAX), sample().text(80), "a pipe gets all of it");
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

    #[test]
    fn no_cell_is_run_by_a_spreadsheet_and_numbers_stay_numbers() {
        for (cell, written) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("+12025550101", "'+12025550101"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-1+2", "'-1+2"),
            ("-A1", "'-A1"),
            ("-", "'-"),
            ("-1.", "'-1."),
            ("-1.2.3", "'-1.2.3"),
            ("-0:20", "'-0:20"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("=A1,\"B1\"", "\"'=A1,\"\"B1\"\"\""),
            ("-20", "-20"),
            ("-0.25", "-0.25"),
            ("20", "20"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            let mut table = Table::new(&["a"]);
            table.row([cell.to_owned()]);
            assert_eq!(table.csv(), format!("a\r\n{written}\r\n"), "{cell:?}");
            assert!(!table.text(80).contains('\''), "a table is for eyes");
        }
    }
}
