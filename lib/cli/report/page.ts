/** The report as one page that needs nothing else: plots by uPlot, which is part of it. */
import { writeFile } from 'node:fs/promises';
import type { Metrics } from '../../quant/metrics.js';
import { CommandError } from '../command-error.js';
import { pageAssets } from './assets.js';
import type { OutputReport, QuantizationReport, ReportedLayer } from './report.js';

type Known = Pick<Metrics, 'sqnrDb' | 'cosine' | 'maxAbsError'>;

/** A report, or as much of one as there is: plots and columns of what is missing are left out. */
export type PageReport = Pick<QuantizationReport, 'model' | 'settings'> &
  Partial<Pick<QuantizationReport, 'batches' | 'constantBytes' | 'float'>> & {
    readonly outputs: readonly (Partial<OutputReport> & Pick<OutputReport, 'name'>)[];
    readonly layers: readonly (Partial<ReportedLayer> & Pick<ReportedLayer, 'node' | 'op' | 'value'> & Known)[];
  };

/** Nothing is loaded from anywhere, whatever the names in a model are. */
const policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/** Throws ERR_OUTPUT where the file cannot be written. */
export async function writePage(path: string, report: PageReport): Promise<void> {
  try {
    await writeFile(path, pageOf(report));
  } catch (error) {
    throw new CommandError('ERR_OUTPUT', (error as Error).message, 1);
  }
}

export function pageOf(report: PageReport): string {
  const { plotScript, plotStyle, script, style } = pageAssets();
  const title = escaped(`octensor: ${report.model}`);
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
