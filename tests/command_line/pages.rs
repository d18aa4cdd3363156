//! Pages: complete in themselves, safe whatever arms are called, and fit for a phone, a desk and a printer.

#![cfg(feature = "report")]

use std::path::{Path, PathBuf};
use std::process::Command;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use tactful::belief::Tried;
use tactful::belief::effects::{Cells, Factors, LevelEffects, ScalePrior};
use tactful::insight::Insight;
use tactful::report::{
    Bounded, Curve, Page, Section, Table, bars, curves, effects_page, insight_page, intervals, shares,
};
use tactful::time::Window;
use tactful::{ArmSpace, Bandit, Reward, Segments, Timestamp};

/// What somebody may call an arm.
const HOSTILE: &str =
    "</title></style><script>console.error('run')</script><img src=x onerror=alert(1)>\"'&\u{202e}";
const LONG: &str = "an-arm-with-a-name-that-goes-on-without-any-space-whatsoever-until-nobody-can-read-it-any-more-0123456789";

/// A page with one of everything.
fn page() -> Page {
    let values: Vec<Bounded> = [HOSTILE, LONG, "short", "nothing known"]
        .iter()
        .enumerate()
        .map(|(number, name)| {
            let value = 0.05 + 0.01 * number as f64;
            let interval = (value - 0.01, value + 0.02);
            let bounded =
                Bounded::new(*name, (number < 3).then_some(value), interval).wide((0.0, value + 0.05));
            if number > 1 { bounded.faint() } else { bounded }
        })
        .collect();
    let curve = |name: &str, slope: f64| {
        (0..30).fold(Curve::new(name), |curve, x| {
            let y = slope * f64::from(x).sqrt();
            curve.bounded(f64::from(x) * 1000.0, y, (0.8 * y, 1.2 * y))
        })
    };
    let names = [HOSTILE, LONG, "c", "d", "e", "f"];
    let lines: Vec<Curve> =
        names.iter().zip(1..).map(|(name, slope)| curve(name, f64::from(slope))).collect();
    let parts: Vec<(String, Vec<f64>)> =
        names.iter().map(|name| ((*name).to_owned(), vec![1.0 / 6.0; 10])).collect();
    let times: Vec<f64> = (0..10).map(f64::from).collect();
    let table = || {
        Table::new(["arm", HOSTILE, "mean", "an interval", "P(best)"])
            .strong_row([HOSTILE, "12,345", "5.00 %", "3.00 % to 7.00 %", "0.93"])
            .row([LONG, "12,345", "5.00 %", "3.00 % to 7.00 %", "0.93"])
            .faint_row(["short", "1", "–", "0.00 % to 100.00 %", "0.00"])
    };
    let tick = |y: f64| format!("{y:.0}");
    Page::new(HOSTILE, format!("Is {HOSTILE} any good?"))
        .answer(format!("Nobody likes {LONG} or {HOSTILE}."))
        .fact(HOSTILE, LONG)
        .fact("sent", "1,234,567")
        .warning(format!("{HOSTILE} was sent by mistake"))
        .section(Section::new(HOSTILE).text(LONG).figure(intervals(HOSTILE, HOSTILE, &values)).table(table()))
        .section(Section::new(LONG).figure(curves("lines", "x", "y", &tick, &lines)).table(table()))
        .section(Section::new("shares").figure(shares("shares", HOSTILE, &times, &parts)).table(table()))
        .section(Section::new("bars").figure(bars(
            "bars",
            &[(HOSTILE.to_owned(), 0.4, "40 %".to_owned()), (LONG.to_owned(), 0.6, LONG.to_owned())],
        )))
        .note(HOSTILE)
}

/// A month of a bandit with a window.
fn bandit() -> Bandit {
    let day = std::time::Duration::from_secs(86_400);
    let arms = ArmSpace::builder()
        .dimension("template", ["friendly reminder", "loss aversion", HOSTILE])
        .dimension("channel", ["email", "sms"])
        .build()
        .unwrap();
    let segments = Segments::builder().attribute("stage", ["early", "late"]).build().unwrap();
    let bandit = Bandit::builder(arms, segments)
        .window(Window::new(7 * day, day).unwrap())
        .exploration(0.2)
        .incarnation(1);
    let bandit = bandit.build().unwrap();
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(11);
    let mut due: Vec<(u64, tactful::Decision)> = Vec::new();
    for number in 0..45_u64 {
        bandit.advance_to(Timestamp::from_millis(number * 86_400_000 + 40_000_000)).unwrap();
        let (now, later): (Vec<_>, Vec<_>) = due.into_iter().partition(|&(at, _)| at <= number);
        due = later;
        now.iter().for_each(|(_, decision)| bandit.reward(decision, Reward::SUCCESS).unwrap());
        for (stage, scale) in [("early", 1.0), ("late", 0.25)] {
            let segment = bandit.segment([("stage", stage)]).unwrap();
            for _ in 0..400 {
                let decision = bandit.select(segment, &bandit.arms().all(), &mut rng).unwrap();
                let mut rate = [0.14, 0.10, 0.05, 0.09, 0.12, 0.04][decision.arm().index()];
                if decision.arm().index() == 4 && number > 22 {
                    rate = 0.02;
                }
                if rng.random::<f64>() < scale * rate {
                    let delay = (-2.0 * rng.random::<f64>().max(1e-9).ln()) as u64;
                    due.push((number + delay.min(6), decision));
                }
            }
        }
    }
    bandit
}

fn live() -> Page {
    insight_page(&Insight::default().threshold(0.06).of_bandit(&bandit()))
}

/// What levels add, of which one adds much and one has a hostile name.
fn added() -> Page {
    let arms = ArmSpace::builder()
        .dimension("template", ["plain", "firm", HOSTILE])
        .dimension("channel", ["email", "sms"])
        .build()
        .unwrap();
    let segments = Segments::single();
    let mut cells = Cells::new(Factors::of(&arms, &segments));
    let paid = [30.0, 42.0, 100.0, 140.0, 31.0, 40.0];
    let told = |(arm, earned): (tactful::Arm<'_>, f64)| Tried { arm: arm.id(), trials: 1_000.0, earned };
    let tried: Vec<Tried> = arms.iter().zip(paid).map(told).collect();
    cells.add(&arms, tactful::SegmentId::new(0), &tried);
    effects_page(&LevelEffects::of(cells, &arms, &segments, &ScalePrior::default()))
}

#[test]
fn the_page_of_effects_names_what_adds_most() {
    let html = added().to_string();
    assert!(html.contains("template firm adds most: +"), "{html}");
    assert!(html.contains("By template") && html.contains("By channel") && html.matches("<svg").count() >= 2);
    let arms = ArmSpace::builder().dimension("template", ["plain", "firm"]).build().unwrap();
    let nothing = Cells::new(Factors::of(&arms, &Segments::single()));
    let nothing = LevelEffects::of(nothing, &arms, &Segments::single(), &ScalePrior::default());
    assert!(effects_page(&nothing).to_string().contains("No level is sure to add anything."));
}

#[test]
fn a_page_is_complete_and_safe() {
    for html in [page().to_string(), live().to_string(), added().to_string()] {
        for forbidden in
            ["<script", "<img", "onerror=alert(1)>", "\u{202e}", "src=\"", "href", "url(", "@import"]
        {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
        // The only addresses are the names of SVG and of what may not be loaded.
        assert_eq!(html.matches("http").count(), html.matches("http://www.w3.org/2000/svg").count() + 1);
        assert!(html.contains("name=\"viewport\"") && html.contains("@media print"));
        assert!(html.contains("default-src 'none'"));
        // Every plot says in words what it is, and has a table beside it unless it is told in the text.
        assert_eq!(html.matches("<svg").count(), html.matches("<title>").count() - 1);
        assert_eq!(html.matches("<svg").count(), html.matches("aria-label=\"").count());
        assert!(html.matches("<svg").count() >= 2);
        for tag in ["section", "figure", "table", "svg", "tr", "td", "p", "div"] {
            let opened =
                html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }
}

#[test]
fn plots_of_nothing_and_of_anything_are_plots() {
    let tick = |y: f64| y.to_string();
    let extreme = [f64::NAN, f64::INFINITY, -1e300, 1e300, 0.0, 1e-300];
    let mut figures = vec![
        intervals("none", "x", &[]),
        curves("none", "x", "y", &tick, &[]),
        shares("none", "x", &[], &[]),
        bars("none", &[]),
        shares("one", "x", &[3.0], &[("a".to_owned(), vec![1.0])]),
        curves("one", "x", "y", &tick, &[Curve::new("a").point(1.0, 1.0)]),
        curves("steps", "x", "y", &tick, &[Curve::new("a").point(1.0, 1.0).point(2.0, 3.0).steps()]),
    ];
    for number in extreme {
        figures.push(intervals("extreme", "x", &[Bounded::new("a", number, (number, number))]));
        figures.push(curves(
            "extreme",
            "x",
            "y",
            &tick,
            &[Curve::new("a").bounded(number, number, (number, 0.0))],
        ));
        figures.push(bars("extreme", &[("a".to_owned(), number, String::new())]));
        figures.push(shares("extreme", "x", &[0.0, number], &[("a".to_owned(), vec![number, 0.5])]));
    }
    for figure in figures {
        let svg = figure.to_string();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    }
}

/// The browser, if one is installed: `CHROME`, or where Debian puts it.
fn browser() -> Option<PathBuf> {
    let named = std::env::var_os("CHROME").map(PathBuf::from);
    let usual =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
    named.into_iter().chain(usual).find(|path| path.is_file())
}

/// Opens a file in the browser at this size, in a frame of its own profile; what it writes to both outputs.
fn open(browser: &Path, folder: &Path, file: &Path, arguments: &[&str]) -> (String, String) {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000", "--no-first-run"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The page in a browser, on a phone (360 points wide) and on a desk: nothing sticks out to the side, and nothing is complained
/// about. A page around it has it in a frame and measures; the page itself has no script.
#[test]
fn in_a_browser_nothing_sticks_out() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium is installed; CHROME=/path/to/it cargo test");
        return;
    };
    let folder = std::env::temp_dir().join(format!("tactful-report-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, page) in [("all", page()), ("live", live()), ("effects", added())] {
        for width in [320, 360, 768, 1280] {
            let file = folder.join(format!("{name}-{width}.html"));
            // In the frame's own document, so that the measuring page may look into it.
            let inside = page.to_string().replace('&', "&amp;").replace('"', "&quot;");
            let measuring = format!(
                "<!doctype html><body style=\"margin:0\"><p id=found>not measured</p>\
                 <iframe id=frame style=\"border:0;width:{width}px;height:900px\" srcdoc=\"{inside}\"></iframe><script>\
                 frame.onload = () => {{ const page = frame.contentDocument, root = page.documentElement; \
                 const out = [...page.querySelectorAll('main *')].filter(e => !e.closest('.scroll > *') && \
                 e.getBoundingClientRect().right > {width} + 0.5).map(e => e.tagName + ':' + e.className); \
                 const letters = [...page.querySelectorAll('svg text')].map(e => e.getBoundingClientRect().height); \
                 found.textContent = 'measured ' + root.scrollWidth + ' of ' + root.clientWidth + \
                 '; sections ' + page.querySelectorAll('section').length + '; scripts ' + page.scripts.length + \
                 '; least letters ' + Math.min(...letters).toFixed(1) + '; out [' + out.slice(0, 3) + ']'; }};\
                 </script>"
            );
            std::fs::write(&file, measuring).unwrap();
            let (dom, _) = open(&browser, &folder, &file, &["--window-size=1400,1000", "--dump-dom"]);
            let found =
                dom.split("<p id=\"found\">").nth(1).and_then(|rest| rest.split("</p>").next()).unwrap_or("");
            println!("{name} at {width}: {found}");
            assert!(found.contains(&format!("measured {width} of {width};")), "{name} at {width}: {found}");
            assert!(found.contains("scripts 0") && found.ends_with("out []"), "{name} at {width}: {found}");
        }
        // As itself, for what the console says.
        let file = folder.join(format!("{name}.html"));
        std::fs::write(&file, page.to_string()).unwrap();
        let (_, log) = open(&browser, &folder, &file, &["--window-size=412,915", "--dump-dom"]);
        let complaints: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
