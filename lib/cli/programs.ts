/** Programs that the command starts. This file is beside index.ts, whose bundle it becomes part of: `peers/` is below both. */
import { fileURLToPath } from 'node:url';

export const onnxRuntimeProgram = fileURLToPath(new URL('./peers/onnxruntime-process.js', import.meta.url));
