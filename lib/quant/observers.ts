/** Placeholder for types while the observers are written. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

export interface Observer {
  observe(values: Float32Array): void;
  range(): Range;
}
