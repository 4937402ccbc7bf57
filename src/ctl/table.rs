//! Rows in columns that stand under each other.

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
}
