//! Lists of the arms that could have been sent, read once for all rows that have the same.

use std::collections::HashMap;

use crate::arm::{ArmId, ArmSpace, Eligibility};

use super::CsvFault;
use super::levels::Levels;
use super::recent::Recent;
use super::rows::SEPARATOR;

/// The different lists, numbered from 1 as they appear; 0 is no list: all arms.
#[derive(Debug)]
pub(super) struct Offers {
    numbers: HashMap<Vec<u8>, u32>,
    recent: Recent<u32>,
    /// The arms of each, ascending by first appearance.
    lists: Vec<Vec<u32>>,
}

impl Default for Offers {
    fn default() -> Self {
        Self { numbers: HashMap::new(), recent: Recent::new(), lists: Vec::new() }
    }
}

impl Offers {
    /// The number of the list in a field, of a row that sent this arm.
    pub(super) fn number(&mut self, field: &[u8], arm: u32, arms: &mut Levels) -> Result<u32, CsvFault> {
        let Self { numbers, recent, lists } = self;
        let number = recent.get(field, || {
            if field.trim_ascii().is_empty() {
                return Ok(0);
            }
            if let Some(&number) = numbers.get(field) {
                return Ok(number);
            }
            let mut list = members(field, arms)?;
            list.sort_unstable();
            list.dedup();
            lists.push(list);
            numbers.insert(field.to_vec(), lists.len() as u32);
            Ok(lists.len() as u32)
        })?;
        match number.checked_sub(1).map(|number| lists[number as usize].binary_search(&arm)) {
            Some(Err(_)) => Err(CsvFault::NotEligible),
            _ => Ok(number),
        }
    }

    /// All arms, then the lists as sets, once the arms have their numbers.
    pub(super) fn sets(&self, arms: &ArmSpace, arm_of: &[u32]) -> Vec<Eligibility> {
        let mut sets = vec![arms.all()];
        sets.extend(self.lists.iter().map(|list| {
            let mut allowed = vec![false; arms.len()];
            list.iter().for_each(|&arm| allowed[arm_of[arm as usize] as usize] = true);
            arms.eligible(|arm| allowed[ArmId::index(arm.id())])
        }));
        sets
    }
}

/// The arms of a list of names.
fn members(field: &[u8], arms: &mut Levels) -> Result<Vec<u32>, CsvFault> {
    let text = str::from_utf8(field).map_err(|_| CsvFault::NotUtf8)?;
    // A list of JSON has its separators before its members.
    let (text, separators): (&str, &[char]) = match text.strip_prefix(SEPARATOR) {
        Some("") => return Ok(Vec::new()),
        Some(members) => (members.strip_suffix(SEPARATOR).unwrap_or(members), &[SEPARATOR]),
        None => (text, &['|', ';']),
    };
    text.split(separators).map(|name| arms.number(name.trim().as_bytes())).collect()
}
