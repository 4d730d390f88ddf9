/** The report as one page that needs nothing else: plots by uPlot, which is part of it. */
import { pageAssets } from './assets.js';
import type { QuantizationReport } from './report.js';

/** Nothing is loaded from anywhere, whatever the names in a model are. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

export function pageOf(report: QuantizationReport): string {
  const { plotScript, plotStyle, script, style } = pageAssets();
  const title = escaped(`${report.model}: quantized`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>${plotStyle}</style>
<style>${style}</style>
</head>
<body>
<main id="report"></main>
<script type="application/json" id="data">${embedded(report)}</script>
<script>${plotScript}</script>
<script>${script}</script>
</body>
</html>
`;
}

/** JSON that ends no script element, and means the same. What is no number, an infinite SQNR say, is null. */
function embedded(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
