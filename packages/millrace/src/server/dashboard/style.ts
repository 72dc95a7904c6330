/** How the page looks; light or dark as the reader's machine is. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --ink: #17202b; --soft: #5c6b7a; --rule: #dfe4ea;
  --accent: #0b6bcb; --good: #11734b; --warn: #8a5a00; --bad: #b3261e;
  --good-back: #dff3e8; --warn-back: #fdf0d2; --bad-back: #fbe3e1; --accent-back: #e1eefb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10151b; --card: #18202a; --ink: #e6ebf1; --soft: #93a1b0; --rule: #2a3542;
    --accent: #6db3f8; --good: #6fd3a2; --warn: #f0c36d; --bad: #f39a93;
    --good-back: #143326; --warn-back: #3a2e12; --bad-back: #3f1d1b; --accent-back: #14304b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
body > header, main, body > footer { max-width: 1180px; margin: 0 auto; padding: 0 20px; }
body > header { display: flex; align-items: baseline; gap: 12px; padding-top: 20px; }
body > header h1 { margin: 0; font-size: 20px; }
body > header p { margin: 0; color: var(--soft); }
#link { margin-left: auto; font-size: 13px; color: var(--soft); }
#link.lost { color: var(--bad); }
.pipeline { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px 20px; margin: 16px 0; }
.pipeline > header { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 12px; }
h2 { margin: 0; font-size: 18px; min-width: 0; overflow-wrap: anywhere; }
.actions { margin-left: auto; white-space: nowrap; text-align: right; }
header .actions { display: flex; gap: 6px; }
.wide { overflow-x: auto; }
button {
  font: inherit; font-size: 13px; padding: 3px 10px; border: 1px solid var(--rule); border-radius: 6px;
  background: transparent; color: var(--accent); cursor: pointer;
}
button:hover, button:focus-visible { background: var(--accent-back); }
button:disabled { color: var(--soft); cursor: wait; }
.badge { display: inline-block; padding: 0 8px; border-radius: 999px; font-size: 12.5px; background: var(--accent-back); color: var(--accent); }
.badge.running, .badge.SYNC { background: var(--good-back); color: var(--good); }
.badge.retrying, .badge.paused, .badge.stopping { background: var(--warn-back); color: var(--warn); }
.badge.failed, .badge.fenced { background: var(--bad-back); color: var(--bad); }
.trouble { margin: 8px 0 0; padding: 8px 12px; border-radius: 6px; background: var(--accent-back); overflow-wrap: anywhere; }
.trouble.warn { background: var(--warn-back); } .trouble.bad { background: var(--bad-back); }
.trouble em { display: block; font-style: normal; color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 12px; margin: 14px 0; }
/* Seven would leave two alone in a row of five. */
@media (min-width: 1020px) {
  .figures:has(> :nth-child(7):last-child) { grid-template-columns: repeat(12, 1fr); }
  .figures:has(> :nth-child(7):last-child) > * { grid-column: span 4; }
  .figures:has(> :nth-child(7):last-child) > :nth-child(-n + 4) { grid-column: span 3; }
}
.figure { border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px 8px; display: flex; flex-direction: column; overflow: hidden; }
.figure h3 { margin: 0; font-size: 12.5px; font-weight: 500; color: var(--soft); }
.figure strong { font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.figure small, td small { color: var(--soft); }
.curve { display: block; width: calc(100% + 24px); height: 44px; margin: auto -12px -8px; }
.curve .line { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.curve .area { fill: var(--accent); opacity: .14; }
table { width: 100%; border-collapse: collapse; font-size: 14px; }
th:not(.number) { text-align: left; }
th { font-weight: 500; color: var(--soft); font-size: 12.5px; }
th, td { padding: 6px 8px 6px 0; border-top: 1px solid var(--rule); vertical-align: top; }
thead th { border-top: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.number.bad { color: var(--bad); font-weight: 600; }
.name, code { font-family: ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; font-size: 13px; }
td .notice { margin: 2px 0 0; color: var(--soft); font-size: 13px; max-width: 64ch; }
progress { width: 90px; height: 8px; accent-color: var(--accent); vertical-align: middle; }
details { margin-top: 12px; } summary { cursor: pointer; color: var(--soft); font-size: 13px; }
.events ol { list-style: none; margin: 6px 0 0; padding: 0; font-size: 13.5px; }
.events li { padding: 2px 0; border-top: 1px solid var(--rule); overflow-wrap: anywhere; }
.empty { color: var(--soft); }
body > footer { margin-top: 16px; color: var(--soft); font-size: 13px; padding-bottom: 24px; } a { color: var(--accent); }
dialog { border: 1px solid var(--rule); border-radius: 10px; background: var(--card); color: var(--ink); }
dialog input { font: inherit; width: 32ch; }
/* A row of a table is a card there: a table would be wider than the page, and its buttons beyond the edge. */
@media (max-width: 640px) {
  .pipeline { padding: 14px 12px; }
  .figures { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; margin: 10px 0; }
  .figure { padding: 6px 10px 4px; line-height: 1.35; }
  .figure strong { font-size: 18px; }
  .figure:last-child:nth-child(odd) { grid-column: span 2; }
  .curve { height: 22px; width: calc(100% + 20px); margin: auto -10px -4px; }
  .wide thead { display: none; }
  .wide tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: 4px 14px; padding: 8px 0; border-top: 1px solid var(--rule); }
  .wide td { border: 0; padding: 0; min-width: 0; overflow-wrap: anywhere; }
  .wide td:first-child, .wide td.actions { flex-basis: 100%; }
  .wide td[data-label]::before { content: attr(data-label) " "; color: var(--soft); font-weight: 400; font-size: 12.5px; }
  .wide td.none { display: none; }
  .wide td.actions { display: flex; flex-wrap: wrap; gap: 6px; margin: 0; }
}
`;
