//! Floors and caps of shares, as flags say them.

use clap::Args;
use tactful::plan::Shares;

/// The flags that bound shares.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// The least share of each arm, such as 0.02, or of a level's arms together, such as channel=letter:0.05; again for
    /// others.
    #[arg(long, value_name = "[DIM=LEVEL:]X", value_parser = bound)]
    floor: Vec<Bound>,
    /// The greatest, likewise.
    #[arg(long, value_name = "[DIM=LEVEL:]X", value_parser = bound)]
    cap: Vec<Bound>,
}

/// A share, and whose it is: a level's, or each arm's.
#[derive(Clone, Debug, PartialEq)]
struct Bound {
    level: Option<(String, String)>,
    share: f64,
}

impl Bounds {
    /// All of them together.
    pub(crate) fn shares(&self) -> Shares {
        let floors = self.floor.iter().map(|floor| (floor, floor.share..=1.0));
        let caps = self.cap.iter().map(|cap| (cap, 0.0..=cap.share));
        floors.chain(caps).fold(Shares::new(), |shares, (bound, range)| match &bound.level {
            Some((dimension, level)) => shares.level(dimension, level, range),
            None => shares.each_arm(range),
        })
    }
}

fn bound(text: &str) -> Result<Bound, String> {
    // The last colon: send times have some of their own.
    let (level, share) = match text.rsplit_once(':') {
        Some((level, share)) => {
            let (dimension, level) =
                level.split_once('=').ok_or_else(|| format!("{level:?} is not DIM=LEVEL"))?;
            (Some((dimension.to_owned(), level.to_owned())), share)
        }
        None => (None, text),
    };
    let share = share.parse().map_err(|_| format!("{share:?} is not a number"))?;
    if (0.0..=1.0).contains(&share) { Ok(Bound { level, share }) } else { Err("not in [0, 1]".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_as_they_are_written() {
        let level = |dimension: &str, level: &str| Some((dimension.to_owned(), level.to_owned()));
        assert_eq!(bound("0.02"), Ok(Bound { level: None, share: 0.02 }));
        let at_nine = Bound { level: level("send_time", "09:00"), share: 0.5 };
        assert_eq!(bound("send_time=09:00:0.5"), Ok(at_nine));
        for wrong in ["", "x", "1.5", "NaN", "letter:0.1", "channel=letter", "channel=letter:"] {
            assert!(bound(wrong).is_err(), "{wrong}");
        }
    }
}
