//! Tables of a page: the first column to the left, numbers to the right.

use super::escaped;

/// A table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    header: Vec<String>,
    /// Each with its class in the style sheet.
    rows: Vec<(&'static str, Vec<String>)>,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new<T: Into<String>>(header: impl IntoIterator<Item = T>) -> Self {
        Self { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    #[must_use]
    pub fn row<T: Into<String>>(self, cells: impl IntoIterator<Item = T>) -> Self {
        self.with("", cells)
    }

    /// Adds a row that is to be seen first.
    #[must_use]
    pub fn strong_row<T: Into<String>>(self, cells: impl IntoIterator<Item = T>) -> Self {
        self.with("strong", cells)
    }

    /// Adds a row that matters less.
    #[must_use]
    pub fn faint_row<T: Into<String>>(self, cells: impl IntoIterator<Item = T>) -> Self {
        self.with("faint", cells)
    }

    fn with<T: Into<String>>(mut self, class: &'static str, cells: impl IntoIterator<Item = T>) -> Self {
        self.rows.push((class, cells.into_iter().map(Into::into).collect()));
        self
    }

    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn columns(&self) -> usize {
        self.header.len()
    }

    pub(super) fn html(&self) -> String {
        let mut html = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
        for cell in &self.header {
            html += &format!("<th scope=\"col\">{}</th>", escaped(cell));
        }
        html += "</tr></thead>\n<tbody>\n";
        for (class, cells) in &self.rows {
            html += &match *class {
                "" => "<tr>".to_owned(),
                class => format!("<tr class=\"{class}\">"),
            };
            for cell in cells {
                html += &format!("<td>{}</td>", escaped(cell));
            }
            html += "</tr>\n";
        }
        html + "</tbody></table></div>\n"
    }
}
