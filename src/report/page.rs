//! A page: question, answer, warnings, sections.

use std::fmt;

use super::canvas::Figure;
use super::table::Table;
use super::{escaped, style};

/// A report. `Display` writes the HTML file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    kicker: String,
    question: String,
    answer: String,
    facts: Vec<(String, String)>,
    warnings: Vec<String>,
    sections: Vec<Section>,
    notes: Vec<String>,
}

/// Columns of a table that has room beside a plot.
const BESIDE: usize = 4;

/// A part of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    heading: String,
    text: String,
    figure: Option<Figure>,
    table: Option<Table>,
}

impl Section {
    /// A section with this heading.
    #[must_use]
    pub fn new(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), ..Self::default() }
    }

    /// What to see in it.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// Its plot.
    #[must_use]
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figure = Some(figure);
        self
    }

    /// The same in numbers.
    #[must_use]
    pub fn table(mut self, table: Table) -> Self {
        self.table = Some(table);
        self
    }
}

impl Page {
    /// A page of this kind that answers this question.
    #[must_use]
    pub fn new(kind: impl Into<String>, question: impl Into<String>) -> Self {
        Self { kicker: kind.into(), question: question.into(), ..Self::default() }
    }

    /// The answer, in one sentence.
    #[must_use]
    pub fn answer(mut self, answer: impl Into<String>) -> Self {
        self.answer = answer.into();
        self
    }

    /// Adds a number that all rests on.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((name.into(), value.into()));
        self
    }

    /// Adds what takes from the trust in the answer, as a sentence without its end.
    #[must_use]
    pub fn warning(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Adds a section.
    #[must_use]
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Adds how it came about, in small print.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let question = escaped(&self.question);
        f.write_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")?;
        // Were something to slip through after all, it could load and run nothing.
        f.write_str(
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
             base-uri 'none'; form-action 'none'\">\n",
        )?;
        f.write_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")?;
        writeln!(f, "<title>{question}</title>\n<style>{}</style>\n</head>\n<body>\n<main>", style::SHEET)?;
        writeln!(f, "<header>\n<p class=\"kicker\">{}</p>\n<h1>{question}</h1>", escaped(&self.kicker))?;
        writeln!(f, "<p class=\"answer\">{}</p>", escaped(&self.answer))?;
        if !self.facts.is_empty() {
            f.write_str("<dl>\n")?;
            for (name, value) in &self.facts {
                writeln!(f, "<div><dt>{}</dt><dd>{}</dd></div>", escaped(name), escaped(value))?;
            }
            f.write_str("</dl>\n")?;
        }
        f.write_str("</header>\n")?;
        if !self.warnings.is_empty() {
            f.write_str("<section class=\"warnings\">\n<h2>Before you rely on this</h2>\n<ul>\n")?;
            for warning in &self.warnings {
                writeln!(f, "<li>{}.</li>", escaped(&sentence(warning)))?;
            }
            f.write_str("</ul>\n</section>\n")?;
        }
        self.sections.iter().try_for_each(|section| section.fmt(f))?;
        f.write_str("<footer>\n")?;
        for note in &self.notes {
            writeln!(f, "<p>{}</p>", escaped(note))?;
        }
        f.write_str(
            "<p>Made by tactful. This file is complete in itself: it loads nothing and runs nothing.</p>\n",
        )?;
        f.write_str("</footer>\n</main>\n</body>\n</html>\n")
    }
}

/// With a capital letter at its beginning.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "<section>\n<h2>{}</h2>", escaped(&self.heading))?;
        if !self.text.is_empty() {
            writeln!(f, "<p>{}</p>", escaped(&self.text))?;
        }
        let table = self.table.as_ref().filter(|table| !table.is_empty());
        if self.figure.is_some() || table.is_some() {
            // A wide table gets the width of the page, below the plot.
            let both = self.figure.is_some() && table.is_some_and(|table| table.columns() <= BESIDE);
            writeln!(f, "<div class=\"pair{}\">", if both { " two" } else { "" })?;
            if let Some(figure) = &self.figure {
                writeln!(f, "<figure>\n{figure}</figure>")?;
            }
            if let Some(table) = table {
                f.write_str(&table.html())?;
            }
            f.write_str("</div>\n")?;
        }
        f.write_str("</section>\n")
    }
}
