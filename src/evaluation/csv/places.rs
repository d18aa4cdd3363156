//! Where in a row the columns are.

use super::error::Fault;
use super::rows::Rows;
use super::{Columns, CsvFault, Propensities};

/// The positions of the columns that are read.
pub(super) struct Places {
    pub(super) arm: usize,
    pub(super) segments: Vec<usize>,
    pub(super) reward: usize,
    pub(super) propensity: Option<usize>,
    pub(super) eligible: Option<usize>,
    pub(super) dimensions: Vec<usize>,
    pub(super) cluster: Option<usize>,
    pub(super) target: Family,
    pub(super) model: Family,
}

/// The columns whose names begin alike, one for each arm.
#[derive(Default)]
pub(super) struct Family {
    pub(super) positions: Vec<usize>,
    /// The whole names.
    pub(super) columns: Vec<String>,
    /// The names without what is alike.
    pub(super) arms: Vec<String>,
}

impl Family {
    fn find(prefix: &str, header: &[&str]) -> Result<Self, CsvFault> {
        let mut family = Self::default();
        for (position, column) in header.iter().enumerate() {
            let Some(arm) = column.trim_start().strip_prefix(prefix) else { continue };
            if family.arms.iter().any(|other| other == arm) {
                return Err(CsvFault::AmbiguousColumn);
            }
            family.positions.push(position);
            family.columns.push((*column).to_owned());
            family.arms.push(arm.to_owned());
        }
        match family.arms.is_empty() {
            true => Err(CsvFault::NoColumn { known: known(header) }),
            false => Ok(family),
        }
    }
}

/// The names for a message: the first fifty, and of each the first hundred characters.
fn known(header: &[&str]) -> Vec<String> {
    header.iter().take(50).map(|&field| field.chars().take(100).collect()).collect()
}

impl Places {
    /// Finds the columns in the header, and has no others read.
    pub(super) fn find(columns: &Columns, rows: &mut Rows<'_>) -> Result<Self, Fault> {
        let (header, line) = rows.header()?;
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        let place = |name: &String| {
            // As it is written; if there is none, but for spaces around it, as numbers may have them.
            let exact = header.contains(&name.as_str());
            let is = |field: &str| if exact { field == name } else { field.trim() == name.trim() };
            let mut found = header.iter().enumerate().filter(|&(_, &field)| is(field));
            let (position, _) = found.next().ok_or_else(|| CsvFault::NoColumn { known: known(&header) })?;
            if found.next().is_some() {
                return Err(CsvFault::AmbiguousColumn);
            }
            Ok(position)
        };
        let find = |name: &String| place(name).map_err(|fault| Fault::field(line, name, fault));
        let mut taken = Vec::new();
        let mut find_alone = |name: &String| {
            let position = find(name)?;
            if taken.contains(&position) {
                return Err(Fault::field(line, name, CsvFault::ColumnTwice));
            }
            taken.push(position);
            Ok(position)
        };
        let family = |prefix: &Option<String>| match prefix {
            Some(prefix) => Family::find(prefix, &header)
                .map_err(|fault| Fault::field(line, &format!("{prefix}…"), fault)),
            None => Ok(Family::default()),
        };
        let places = Self {
            arm: find_alone(&columns.arm)?,
            segments: columns.segments.iter().map(&mut find_alone).collect::<Result<_, _>>()?,
            reward: find_alone(&columns.reward)?,
            propensity: match &columns.propensities {
                Propensities::Column(column) => Some(find_alone(column)?),
                Propensities::Uniform | Propensities::Unknown => None,
            },
            eligible: columns.eligible.as_ref().map(&mut find_alone).transpose()?,
            // A dimension may be told by the arm, a cluster by a segment.
            dimensions: columns.dimensions.iter().map(find).collect::<Result<_, _>>()?,
            cluster: columns.cluster.as_ref().map(find).transpose()?,
            target: family(&columns.target)?,
            model: family(&columns.model)?,
        };
        rows.only(places.all())?;
        Ok(places)
    }

    fn all(&self) -> Vec<usize> {
        let single = [Some(self.arm), Some(self.reward), self.propensity, self.eligible, self.cluster];
        let several = [&self.segments, &self.dimensions, &self.target.positions, &self.model.positions];
        single.into_iter().flatten().chain(several.into_iter().flatten().copied()).collect()
    }
}
