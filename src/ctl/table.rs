//! Rows in columns that stand under each other.

use super::failure::Failure;
use super::output::Output;

/// A column.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// Words, at the left.
    Words(&'static str),
    /// Numbers, at the right.
    Numbers(&'static str),
}

/// The lines of a table, its heading first. Widths count characters.
pub(super) fn lines(columns: &[Column], rows: &[Vec<String>]) -> Vec<String> {
    let name = |column: &Column| match column {
        Column::Words(name) | Column::Numbers(name) => (*name).to_owned(),
    };
    let heading: Vec<_> = columns.iter().map(name).collect();
    let all = || std::iter::once(&heading).chain(rows);
    let width = |place: usize| all().filter_map(|row| row.get(place)).map(|cell| cell.chars().count()).max();
    let widths: Vec<_> = (0..columns.len()).map(|place| width(place).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(columns).zip(&widths).map(|((cell, column), &width)| match column {
            Column::Words(_) => format!("{cell:<width$}"),
            Column::Numbers(_) => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all().map(line).collect()
}

/// Prints a table. On a terminal its last column is cut to what room there is, for a row that wraps is hard to read; in a
/// pipe nothing is.
pub(super) fn print(out: &mut Output, columns: &[Column], rows: &[Vec<String>]) -> Result<(), Failure> {
    let all = lines(columns, rows);
    let all = match out.width() {
        Some(width) => cut(all, width),
        None => all,
    };
    all.into_iter().try_for_each(|line| out.line(line))
}

/// Only the last column is cut, and no further than to its heading, the end of the first line.
fn cut(lines: Vec<String>, width: usize) -> Vec<String> {
    let width = width.max(lines.first().map_or(0, |heading| heading.chars().count()));
    let one = |line: String| {
        if line.chars().count() <= width {
            return line;
        }
        line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    };
    lines.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_at_the_left_and_numbers_at_the_right() {
        let row = |a: &str, b: &str, c: &str| vec![a.to_owned(), b.to_owned(), c.to_owned()];
        let columns = [Column::Words("NAME"), Column::Numbers("N"), Column::Words("X")];
        let rows = [row("ä", "100", "y"), row("long one", "7", "")];
        assert_eq!(lines(&columns, &rows), ["NAME        N  X", "ä         100  y", "long one    7"]);
    }

    #[test]
    fn on_a_terminal_the_last_column_is_cut() {
        let table = || ["ID  TOPIC", "7   ä.long.topic", "8   short"].map(str::to_owned).to_vec();
        assert_eq!(cut(table(), 12), ["ID  TOPIC", "7   ä.long.…", "8   short"]);
        assert_eq!(cut(table(), 3), ["ID  TOPIC", "7   ä.lo…", "8   short"]);
        assert_eq!(cut(table(), 80), table());
    }
}
