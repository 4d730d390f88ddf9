/** Pictures, and those that the OCR example draws. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel, row by row. */
  readonly data: Uint8Array;
}

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export const ocrFolder = new URL('../../../examples/ocr/', import.meta.url);

/** A module of the example. */
export async function loadOcr<T>(name: string): Promise<T> {
  return (await import(new URL(name, ocrFolder).href)) as T;
}

export const { drawPicture } = await loadOcr<{
  drawPicture: (lines: readonly string[], options?: { readonly size?: number }) => Picture;
}>('picture.mjs');
