/** The report for a terminal. */
import { print, printTable } from '../output.js';
import type { FloatNode, OutputReport, QuantizationReport, ReportedLayer } from './report.js';

export function printReport(report: QuantizationReport): void {
  const { layers, outputs, float, int16, constantBytes, batches } = report;
  printTable<ReportedLayer>(
    [
      { title: 'node', align: 'left', cell: ({ node }) => shortened(node) },
      { title: 'op', align: 'left', cell: ({ op }) => op },
      { title: 'SQNR, dB', cell: ({ sqnrDb }) => decibels(sqnrDb) },
      { title: 'cosine', cell: ({ cosine }) => cosine.toFixed(5) },
      { title: 'RMSE/scale', cell: ({ rmseOverScale: rmse }) => (Number.isNaN(rmse) ? undefined : rmse.toFixed(3)) },
      { title: 'clipped, %', cell: ({ clippedFraction }) => percent(clippedFraction) },
      { title: 'alone, dB', cell: ({ sensitivityDb }) => (sensitivityDb === undefined ? undefined : decibels(sensitivityDb)) },
      { title: 'bytes', cell: ({ cost }) => cost?.quantized.bytes.toString() },
      { title: 'of float', cell: ({ cost }) => cost?.float.bytes.toString() },
      { title: 'µs', cell: ({ cost }) => cost?.quantized.microseconds.toFixed(1) },
      { title: 'of float', cell: ({ cost }) => cost?.float.microseconds.toFixed(1) },
    ],
    layers,
  );
  if (layers.length > 0) print('', `Layers on ${batches.layers} batches; 0.289 is the RMSE/scale of rounding alone.`, '');
  printTable<OutputReport>(
    [
      { title: 'output', align: 'left', cell: ({ name }) => shortened(name) },
      { title: 'SQNR, dB', cell: ({ sqnrDb }) => decibels(sqnrDb) },
      { title: 'cosine', cell: ({ cosine }) => cosine.toFixed(5) },
      { title: 'max error', cell: ({ maxAbsError }) => maxAbsError.toPrecision(3) },
      { title: 'same top class', cell: ({ top }) => top && `${top.same} of ${top.rows}` },
    ],
    outputs,
  );
  if (float.length > 0) {
    print('');
    printTable<FloatNode>(
      [
        { title: 'stays float', align: 'left', cell: ({ op }) => op },
        { title: 'node', align: 'left', cell: ({ node }) => shortened(node) },
        { title: 'why', align: 'left', cell: ({ reason }) => reason },
      ],
      float,
    );
  }
  if (int16.length > 0) {
    print('');
    printTable<QuantizationReport['int16'][number]>(
      [
        { title: 'has int16 activations', align: 'left', cell: ({ op }) => op },
        { title: 'node', align: 'left', cell: ({ node }) => shortened(node) },
      ],
      int16,
    );
  }
  const ratio = constantBytes.float / Math.max(constantBytes.quantized, 1);
  print(
    '',
    `constants     ${constantBytes.quantized} bytes instead of ${constantBytes.float} (${ratio.toFixed(2)} times smaller)`,
  );
}

export function decibels(value: number): string {
  return value === Infinity ? 'same' : value.toFixed(1);
}

function percent(fraction: number): string {
  return fraction === 0 ? '0' : (100 * fraction).toFixed(3);
}

function shortened(name: string): string {
  return name.length > 48 ? `…${name.slice(-47)}` : name;
}
