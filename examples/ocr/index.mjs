/**
 * Reads the text of a picture: node examples/ocr/index.mjs [IMAGE]
 *
 * Without a picture it draws one and fails unless it reads exactly what it drew.
 */
import { drawPicture, readPicture } from './picture.mjs';
import { createReader } from './reader.mjs';

const drawn = ['HELLO OCTENSOR', '8 BIT NETWORKS 2026'];

/** @param {string | undefined} path @returns {Promise<boolean>} whether it read what is known to be there */
async function main(path) {
  const picture = path === undefined ? drawPicture(drawn) : await readPicture(path);
  const reader = await createReader();
  const lines = await reader.read(picture);
  await reader.release();
  for (const { text, confidence } of lines) console.log(`${text}  (${(100 * confidence).toFixed(1)} %)`);
  if (path !== undefined) return true;
  return lines.map(({ text }) => text).join('\n') === drawn.join('\n');
}

const [path, ...rest] = process.argv.slice(2);
if (rest.length > 0 || path?.startsWith('-')) {
  console.error('usage: node examples/ocr/index.mjs [IMAGE]');
  process.exitCode = 2;
} else {
  try {
    process.exitCode = (await main(path)) ? 0 : 1;
  } catch (error) {
    console.error(`ocr: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}
