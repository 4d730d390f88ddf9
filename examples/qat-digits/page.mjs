/** One page that needs nothing else: the tables, and how loss and accuracy went, by uPlot, which is part of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tablesOf } from './results.mjs';
import { runs } from './runs.mjs';

const installed = createRequire(import.meta.url);
const own = (name) => readFileSync(new URL(name, import.meta.url), 'utf8');

/** Nothing is loaded from anywhere. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

export function writePage(path, { settings, results }) {
  const used = runs.filter((run) =>
    results.some(({ scheme, group }) => scheme === run.scheme && group === (run.group ?? 'main')),
  );
  const data = JSON.stringify({ settings, results, tables: tablesOf(results, used) }).replaceAll('<', '\\u003c');
  writeFileSync(
    path,
    `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>octensor: training for 8 bits and fewer</title>
<style>${readFileSync(installed.resolve('uplot/dist/uPlot.min.css'), 'utf8')}</style>
<style>${own('page.css')}</style>
</head>
<body>
<main id="report"></main>
<script type="application/json" id="data">${data}</script>
<script>${readFileSync(installed.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8')}</script>
<script>${own('page.js')}</script>
</body>
</html>
`,
  );
}
