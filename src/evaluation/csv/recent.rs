//! What the fields of the last rows meant: most fields say what another just said, and need not be read again.

/// Meanings by the bytes of short fields; a field that falls into another's place takes it.
#[derive(Clone, Debug)]
pub(super) struct Recent<T> {
    slots: Vec<Option<Slot<T>>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot<T> {
    bytes: [u8; LONGEST],
    length: u8,
    meaning: T,
}

/// Longer fields are read each time.
const LONGEST: usize = 23;

/// A power of two, few enough to stay in a near cache.
const SLOTS: usize = 256;

impl<T: Copy> Recent<T> {
    pub(super) fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// What the field means: as it was read lately, or as it is read now.
    pub(super) fn get<E>(&mut self, field: &[u8], read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if field.len() > LONGEST {
            return read();
        }
        if self.slots.is_empty() {
            self.slots = vec![None; SLOTS];
        }
        let slot = &mut self.slots[place(field)];
        if let Some(slot) = slot.as_ref().filter(|slot| slot.bytes[..usize::from(slot.length)] == *field) {
            return Ok(slot.meaning);
        }
        let meaning = read()?;
        let mut bytes = [0; LONGEST];
        bytes[..field.len()].copy_from_slice(field);
        *slot = Some(Slot { bytes, length: field.len() as u8, meaning });
        Ok(meaning)
    }
}

/// FNV-1a (G. Fowler, L. C. Noll, K.-P. Vo, 1991), cut off to the number of slots; whoever makes fields collide only
/// makes them be read again.
fn place(field: &[u8]) -> usize {
    let hash = field.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ hash >> 32) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_keeps_its_own_meaning() {
        let mut recent = Recent::new();
        for round in 0..5000_u32 {
            let number = round * 7919 % 1300;
            let text = format!("{number:0width$}", width = (number % 40) as usize);
            let read = || text.parse::<u32>().map_err(drop);
            assert_eq!(recent.get(text.as_bytes(), read), Ok(number));
        }
        assert_eq!(recent.get(b"x", || Err(())), Err(()));
        assert_eq!(recent.get(b"", || Err(())), Err(()));
    }
}
