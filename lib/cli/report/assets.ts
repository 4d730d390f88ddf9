/** Texts that a page is made of, which work without a network. In the command, scripts/bundle.mjs has put them in this file's place. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

export interface PageAssets {
  readonly plotScript: string;
  readonly plotStyle: string;
  readonly script: string;
  readonly style: string;
}

export function pageAssets(): PageAssets {
  const installed = createRequire(import.meta.url);
  const own = (name: string) => readFileSync(new URL(`../../../../lib/cli/report/page/${name}`, import.meta.url), 'utf8');
  return {
    plotScript: readFileSync(installed.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8'),
    plotStyle: readFileSync(installed.resolve('uplot/dist/uPlot.min.css'), 'utf8'),
    script: own('page.js'),
    style: own('page.css'),
  };
}
