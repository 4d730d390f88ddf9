/**
 * A look at this machine: what octensor would use here, a self-check of every kernel, how fast a few multiplications are; and a digit
 * classifier quantized in five ways.
 */
import { run } from './run.mjs';

run('npm', ['run', '--silent', 'build']);
run(process.execPath, ['dist/cli/index.js', 'doctor']);
run(process.execPath, ['dist/cli/index.js', 'bench', 'gemm', '--shapes', '128x128x128,196x512x512,1x1024x1000']);
run(process.execPath, ['examples/digits/demo.mjs']);
