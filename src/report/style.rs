//! How a page looks: type, space and colour, on a screen of any width and on paper.

/// The style sheet. One column on a phone, plot beside table from 60 characters on; numbers in figures of equal width.
pub(super) const SHEET: &str = r#"
:root { color-scheme: light; --ink: #1c2733; --soft: #5a6775; --line: #dde3ea; --paper: #ffffff; --wash: #f4f6f9;
  --accent: #1b4965; --warn: #8a4b00; --warnwash: #fdf3e3; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--wash); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { padding: 1rem 0 1.5rem; }
.kicker { margin: 0; color: var(--accent); font-weight: 600; letter-spacing: .06em; text-transform: uppercase; font-size: .78rem; }
h1 { margin: .4rem 0 .8rem; font-size: clamp(1.45rem, 4.6vw, 2.3rem); line-height: 1.2; letter-spacing: -.015em; overflow-wrap: anywhere; }
.answer { margin: 0; font-size: clamp(1.08rem, 2.8vw, 1.35rem); line-height: 1.45; max-width: 46rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.75rem 0 0; }
dl div { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; min-width: 0; }
dt { color: var(--soft); font-size: .8rem; }
dd { margin: .1rem 0 0; font-size: 1.2rem; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .8rem; padding: 1.5rem 1.4rem; margin: 1.25rem 0; }
section.warnings { background: var(--warnwash); border-color: #efd9b4; color: var(--warn); padding: 1.1rem 1.4rem; }
section.warnings h2 { font-size: 1rem; color: inherit; }
section.warnings ul { margin: .5rem 0 0; padding-left: 1.2rem; }
section.warnings li { margin: .35rem 0; overflow-wrap: anywhere; }
h2 { margin: 0; font-size: 1.2rem; line-height: 1.3; letter-spacing: -.005em; overflow-wrap: anywhere; }
section > p { margin: .4rem 0 0; color: var(--soft); max-width: 44rem; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.5rem; margin-top: 1.25rem; align-items: start; }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; max-width: 36rem; font-family: inherit; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .8rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: normal; min-width: 7.5rem; overflow-wrap: anywhere; }
td:last-child, th:last-child { padding-right: 0; }
tr.strong td { font-weight: 650; }
tr.faint td { color: var(--soft); }
footer { color: var(--soft); font-size: .82rem; padding: .5rem 0; max-width: 46rem; }
footer p { margin: .4rem 0; }
@media (max-width: 36rem) {
  section { padding: 1.25rem 1rem; }
  table { font-size: .75rem; }
  th { font-size: .72rem; }
  th, td { padding: .45rem .35rem; white-space: normal; }
  th:first-child, td:first-child { min-width: 5rem; }
}
@media (min-width: 60rem) {
  main { padding-top: 3rem; }
  section { padding: 1.9rem 2rem; }
  .pair.two { grid-template-columns: minmax(0, 11fr) minmax(0, 10fr); gap: 2.25rem; }
}
@media print {
  @page { margin: 16mm 14mm; }
  body { background: #fff; font-size: 10pt; }
  main { max-width: none; padding: 0; }
  section { border: 0; border-top: 1px solid #999; border-radius: 0; padding: 1rem 0; margin: 1rem 0 0; break-inside: avoid; }
  section.warnings { background: none; color: #000; }
  dl div { border-color: #999; }
  .scroll { overflow: visible; }
  th, td { white-space: normal; }
  svg { max-width: 15cm; }
}
"#;
