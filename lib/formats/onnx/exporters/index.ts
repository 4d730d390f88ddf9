/** Our operators as ONNX's: the exporters of all families, by name. */
import { blockExporters } from './blocks.js';
import { convolutionExporters } from './convolution.js';
import { elementwiseExporters } from './elementwise.js';
import type { Exporter, Exporters } from './exporter.js';
import { functionExporters } from './functions.js';
import { matrixExporters } from './matrix.js';
import { mirroredExporters } from './mirrored.js';
import { movementExporters } from './movement.js';
import { normalizationExporters } from './normalization.js';
import { partExporters } from './parts.js';
import { poolingExporters } from './pooling.js';
import { recurrentExporters } from './recurrent.js';
import { reductionExporters } from './reduction.js';
import { resizeExporters } from './resize.js';
import { rowExporters } from './rows.js';
import { shapeExporters } from './shapes.js';
import { windowExporters } from './windows.js';

const families: readonly Exporters[] = [
  blockExporters,
  convolutionExporters,
  elementwiseExporters,
  matrixExporters,
  movementExporters,
  partExporters,
  poolingExporters,
  reductionExporters,
  resizeExporters,
  rowExporters,
  shapeExporters,
  functionExporters,
  mirroredExporters,
  normalizationExporters,
  recurrentExporters,
  windowExporters,
];

export const exporters: ReadonlyMap<string, Exporter> = new Map(families.flatMap((family) => Object.entries(family)));
